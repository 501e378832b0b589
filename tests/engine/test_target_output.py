from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import trio

from harness.engine import target_output
from harness.engine.target_output import Output
from harness.model.secret_values import Secrets

KEY = "s3cr3t-key"


class Chunks(trio.abc.ReceiveStream):
    """A stream that is a list of chunks."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self._chunks = list(chunks)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        return self._chunks.pop(0) if self._chunks else b""

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


def heard(*chunks: bytes, folder: Path | None = None, awaited: str = "") -> Output:
    secrets = Secrets((KEY,))
    output = Output(folder, secrets.text, secrets.longest, awaited)
    trio.run(output.read, Chunks(chunks))
    return output


def split(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_it_is_kept_without_secrets_however_it_comes(size: int, tmp_path: Path) -> None:
    text = f"it listens\nkey {KEY} é\nthe end {KEY}"
    heard(*split(text.encode(), size), folder=tmp_path)

    assert (tmp_path / "log.txt").read_text() == "it listens\nkey [redacted] é\nthe end [redacted]"


@pytest.mark.parametrize("size", [60_000, 65_537, 199_990])
def test_a_line_without_end_is_kept_without_secrets_too(size: int, tmp_path: Path) -> None:
    text = "x" * (size - 4) + KEY + "y" * 70_000
    heard(*split(text.encode(), size), folder=tmp_path)

    kept = (tmp_path / "log.txt").read_text()
    assert kept == text.replace(KEY, "[redacted]")


def test_of_much_the_last_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_output, "LIMIT_BYTES", 100)
    lines = [f"line {n:04}\n" for n in range(50)]
    heard(*(it.encode() for it in lines), folder=tmp_path)

    kept = [(tmp_path / name).read_text() for name in ("log.1.txt", "log.txt")]
    assert all(len(it) <= 100 for it in kept)
    assert "".join(lines).endswith("".join(kept))
    assert len("".join(kept)) > 100


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_an_awaited_text_is_heard(size: int) -> None:
    assert heard(*split(b"now it listens, in", size), awaited="it listens").has_said.is_set()
    assert not heard(*split(b"now it waits\n", size), awaited="it listens").has_said.is_set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", ""),
        (b"one\ntwo\n\n", "two"),
        (b"one\nno end", "no end"),
        (b"x.js:1\nthrow new Error('a')\n\nError: a\n    at x\n\nNode.js v20.20.2\n", "Error: a"),
        (b"Traceback\n  File\nValueError: b\n", "ValueError: b"),
        (b"\x1b[31mpanic: c\x1b[0m\ngoroutine 1\n", "panic: c"),
        (b"key s3cr3t-key", "key [redacted]"),
    ],
)
def test_the_last_words_say_why_it_ended(text: bytes, expected: str) -> None:
    assert heard(text).last_words() == expected
