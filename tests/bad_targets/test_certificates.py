"""Targets whose certificate nobody here trusts, unless told to as curl is."""

from __future__ import annotations

from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bad_targets.conftest import Cli
from tests.bad_targets.targets import EVENT, TO_THE_CLOSE, listening
from tests.net import certificates


async def well(reader: StreamReader, writer: StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(TO_THE_CLOSE + EVENT)
    await writer.drain()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with listening(well, certificates.server_context()) as port:
        yield f"https://127.0.0.1:{port}/events"


@pytest.fixture
def pem(tmp_path: Path) -> str:
    file = tmp_path / "ca.pem"
    file.write_bytes(certificates.certificate())
    return str(file)


def test_by_itself_it_is_not_trusted(cli: Cli, url: str) -> None:
    said = cli("trace", url, "--no-reconnect")

    assert (said.code, said.out) == (4, "")
    assert said.err.endswith(": certificate verify failed: self-signed certificate\n")


@pytest.mark.parametrize("option", ["-k", "--insecure"])
def test_insecure_it_is_believed(option: str, cli: Cli, url: str) -> None:
    said = cli("trace", url, "--no-reconnect", option)

    assert (said.code, said.err) == (0, "")
    assert "hello" in said.out


def test_with_its_certificate_it_is_trusted(
    cli: Cli, url: str, pem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = cli("trace", url, "--no-reconnect", "--cacert", "ca.pem")
    assert (said.code, said.err) == (0, "")
    assert "hello" in said.out

    (tmp_path / "case.yaml").write_text(
        "{id: one, why: a test, watch: 300ms, expect: {events_parse: true}}"
    )
    said = cli("run", "case.yaml", "--url", url, "--cacert", pem)
    assert (said.code, said.err) == (0, "")
    said = cli("run", "case.yaml", "--url", url)
    assert said.code == 4
    assert "certificate verify failed" in said.out


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "no such file or directory"), ("no pem", "expected certificates in PEM format")],
)
def test_what_holds_no_certificates_is_one_line(
    content: str | None, why: str, cli: Cli, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)

    said = cli("trace", "https://127.0.0.1:9/", "--cacert", str(file))

    assert (said.code, said.out, said.err) == (2, "", f"error: --cacert {file}: {why}\n")
