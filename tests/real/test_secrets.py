"""Secrets that are planted everywhere are found nowhere in what this tool leaves behind."""

from __future__ import annotations

import json
import shlex
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from harness.model.journal import ClientHead, ClientRead, Journal, TapHead, TapRead
from harness.wire.coding import decoder
from harness.wire.headers import tokens
from tests.real.programs import Finished, run
from tests.real.test_command_target import STUBBORN
from tests.real.test_real_hops import found

pytestmark = pytest.mark.real

BEARER = "planted-bearer-3f1c"
SESSION = "planted-session-77aa"
IN_URL = "planted/in-url+9d"
BASIC = "planted-password-51"
VARIABLE = "planted-variable-b2"
BODY = 'planted-"body"-c8'
SECRETS = {
    *(BEARER, SESSION, IN_URL, quote(IN_URL, safe=""), BASIC, VARIABLE, BODY),
    b64encode(f"me:{BASIC}".encode()).decode(),
}
SERVER = [sys.executable, "-I", "-S", str(STUBBORN), "{port}"]
OPTIONS = [
    *("-X", "GET", "-H", f"Authorization: Bearer {BEARER}", "-H", f"Cookie: sid={SESSION}"),
    *("-H", f"Proxy-Authorization: Basic {b64encode(f'me:{BASIC}'.encode()).decode()}"),
    *("-d", json.dumps({"password": BODY}), "-H", "Content-Type: application/json"),
    *("--env", f"API_KEY={VARIABLE}"),
]
CHAIN = "[{latency: {delay: 1ms}}, {max_duration: {after: 1s}}]"


def url() -> str:
    return f"http://127.0.0.1:{{port}}/events?access_token={quote(IN_URL, safe='')}"


def everything(ended: Finished) -> Iterator[tuple[str, bytes]]:
    """Whatever it left, and what is deflated in it."""
    yield "out", ended.out.encode()
    yield "err", ended.err.encode()
    for file in ended.reports.rglob("*"):
        yield str(file), str(file).encode()
        if file.is_file() and not file.is_symlink():
            yield str(file), file.read_bytes()
    for file in ended.reports.rglob("journal.jsonl"):
        kept = Journal.read(file.read_bytes().splitlines())
        for entry in kept:
            if isinstance(entry, ClientRead | TapRead):
                yield f"{file}:{entry.n + 1}", entry.payload.content() or b""
        for number, body in enumerate(bodies(kept)):
            yield f"{file} body {number}", body


def bodies(kept: Journal) -> Iterator[bytes]:
    """What the bodies of a journal say, from their first byte to their last, decoded."""
    coded: dict[tuple[int, int], list[bytes]] = {}
    codings: dict[tuple[int, int], str] = {}
    for it in kept:
        if isinstance(it, ClientHead | TapHead | ClientRead | TapRead):
            key = (it.client if isinstance(it, ClientHead | ClientRead) else 0, it.x)
            if isinstance(it, ClientHead | TapHead):
                codings[key] = ", ".join(tokens(it.headers, "content-encoding"))
            else:
                coded.setdefault(key, []).append(it.payload.content() or b"")
    for key, reads in coded.items():
        unpack = decoder(codings[key])
        yield b"".join(map(unpack.decompress, reads))


def leaks(ended: Finished) -> list[tuple[str, str]]:
    spelt = {
        it: {
            it,
            json.dumps(it)[1:-1],
            shlex.quote(it),
            quote(it),
            b64encode(it.encode()).decode(),
        }
        for it in SECRETS
    }
    return [
        (where, secret)
        for where, data in everything(ended)
        for secret, forms in spelt.items()
        if any(form.encode() in data for form in forms)
    ]


@pytest.mark.parametrize("habits", [[], ["crashes"]], ids=["well", "crashes"])
def test_a_run_keeps_and_prints_no_secret(habits: list[str], tmp_path: Path) -> None:
    words = ["--url", url(), "--command", shlex.join([*SERVER, *habits]), *OPTIONS]
    ended = run("run", "--through", CHAIN, *words, cwd=tmp_path)

    assert ended.code == (4 if habits else 1), ended
    assert leaks(ended) == []
    # Not for want of secrets: the server repeats them in its events and in what it prints.
    heard = [data for where, data in everything(ended) if "journal" in where]
    assert any(b"*" * len(BEARER) in data for data in heard)
    (log,) = ended.reports.glob("latest/*/target/log.txt")
    assert log.read_text().count("[redacted]") >= 3
    assert '"Authorization: $TOKEN"' in ended.case.again


def test_a_trace_prints_no_secret(tmp_path: Path) -> None:
    words = [url(), "--command", shlex.join(SERVER), *OPTIONS]
    for form in ([], ["--json"]):
        ended = run("trace", *words, "--max-time", "1s", *form, cwd=tmp_path)

        assert ended.code == 0, ended
        assert leaks(ended) == []
        assert "*" * len(BEARER) in ended.out


def test_a_check_that_is_judged_again_prints_no_secret(tmp_path: Path) -> None:
    # With a body it would be an answer that is computed, and waited for to its end.
    at = OPTIONS.index("-d")
    options = [*OPTIONS[:at], *OPTIONS[at + 2 :]]
    words = [url(), "--command", shlex.join(SERVER), *options, "--through", "nginx"]
    ended = run("check", *words, "--max-time", "2s", cwd=tmp_path)

    assert ended.code in {0, 1, 3}, ended
    assert leaks(ended) == []
    assert any(b"*" * len(BEARER) in data for where, data in everything(ended) if "jour" in where)

    again = run("check", "--from", "reports", "--through", "nginx", "-v", cwd=tmp_path)
    assert again.code in {0, 1, 3}, again
    assert leaks(again) == []


def test_an_error_repeats_no_secret(tmp_path: Path) -> None:
    fails = f"import sys; sys.exit('no: {VARIABLE} {BEARER}')"
    command = shlex.join([sys.executable, "-c", fails])
    ended = run("trace", url(), "--command", command, *OPTIONS, cwd=tmp_path)

    assert ended.code == 4
    assert leaks(ended) == []
    assert ended.err.endswith("no: [redacted] [redacted]\n")


@pytest.mark.parametrize("words", [("run", "--url"), ("trace",)])
def test_a_url_that_is_none_is_refused_without_its_secret(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    wrong = f"http://me:{BASIC}@h:port/?token={BEARER}"
    ended = run(*words, wrong, cwd=tmp_path)

    assert ended.code == 2
    assert leaks(ended) == []


@pytest.mark.parametrize(
    "how",
    [["--max-time", "4s"], ["--max-time", "12s", "--exact", "--through", CHAIN]],
    ids=["replays", "exact"],
)
def test_a_check_keeps_and_prints_no_secret(how: list[str], tmp_path: Path) -> None:
    words = [url(), "--command", shlex.join(SERVER), *OPTIONS, *how]
    ended = run("check", *words, cwd=tmp_path, patience_s=240.0)

    assert ended.code in {0, 1}, ended
    assert leaks(ended) == []
    heard = [data for where, data in everything(ended) if "journal" in where]
    assert any(b"*" * len(BEARER) in data for data in heard)


HABITS = ["repeats", "repeats splits", "repeats gzips", "repeats splits gzips"]


@pytest.mark.parametrize("habits", HABITS)
def test_what_is_split_or_compressed_is_masked_as_well(habits: str, tmp_path: Path) -> None:
    server = shlex.join([*SERVER, *habits.split()])
    ended = run("run", "--through", CHAIN, "--url", url(), "--command", server, *OPTIONS,
                cwd=tmp_path)  # fmt: skip

    assert ended.code == 1, ended
    assert leaks(ended) == []
    (journal,) = ended.reports.glob("latest/*/journal.jsonl")
    said = list(bodies(Journal.read(journal.read_bytes().splitlines())))
    assert said
    assert all(it.count(b"*" * len(BEARER)) > 3 and it.count(b"\n\n") > 3 for it in said)
    assert ("compressed anew" in ended.case.note) is ("gzips" in habits)


@pytest.mark.parametrize("habits", HABITS[1:])
def test_a_trace_shows_nothing_of_what_is_split_or_compressed(habits: str, tmp_path: Path) -> None:
    words = [url(), "--command", shlex.join([*SERVER, *habits.split()]), *OPTIONS]
    for form in ([], ["--json"]):
        ended = run("trace", *words, "--max-time", "1s", *form, cwd=tmp_path)

        assert ended.code == 0, ended
        assert leaks(ended) == []
        assert "*" * len(BEARER) in ended.out
        # Nor the beginning of one, of which the rest came later.
        assert "planted" not in ended.out


def test_what_is_judged_again_is_what_was_judged_where_bodies_were_masked(tmp_path: Path) -> None:
    at = OPTIONS.index("-d")
    server = shlex.join([*SERVER, "repeats", "splits", "gzips"])
    options = [*OPTIONS[:at], *OPTIONS[at + 2 :], "--max-requests", "1", "--max-time", "2s"]
    ended = run("check", url(), "--command", server, *options, cwd=tmp_path, patience_s=240.0)

    assert ended.code in {0, 1, 3}, ended
    assert leaks(ended) == []
    first = ended.verdict
    again = run("check", "--from", "reports", cwd=tmp_path, patience_s=240.0)

    assert again.code == ended.code
    assert leaks(again) == []
    assert len(first.cases) > 10
    assert [(it.id, it.outcome, it.findings) for it in first.cases] == [
        (it.id, it.outcome, it.findings) for it in again.verdict.cases
    ]


def test_the_log_of_a_program_keeps_no_secret(tmp_path: Path) -> None:
    found("nginx")
    chain = "[{real: {nginx: {proxy_read_timeout: 1s}}}]"
    server = shlex.join([*SERVER, "stalls"])
    words = ["--url", url(), "--command", server, *OPTIONS]
    ended = run("run", "--through", chain, *words, cwd=tmp_path)

    assert ended.code in {0, 1}, ended
    assert leaks(ended) == []
    (log,) = ended.reports.glob("latest/*/hop-1/log.txt")
    assert "upstream timed out" in log.read_text()
    assert "access_token=[redacted]" in log.read_text()
