"""Secrets that are planted everywhere are found nowhere in what this tool leaves behind."""

from __future__ import annotations

import base64
import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from harness.model.journal import ClientRead, Journal, TapRead
from tests.real.programs import Finished, run
from tests.real.test_command_target import STUBBORN

pytestmark = pytest.mark.real

BEARER = "planted-bearer-3f1c"
SESSION = "planted-session-77aa"
IN_URL = "planted/in-url+9d"
BASIC = "planted-password-51"
VARIABLE = "planted-variable-b2"
BODY = 'planted-"body"-c8'
SECRETS = {
    *(BEARER, SESSION, IN_URL, quote(IN_URL, safe=""), BASIC, VARIABLE, BODY),
    base64.b64encode(f"me:{BASIC}".encode()).decode(),
}
SERVER = [sys.executable, "-I", "-S", str(STUBBORN), "{port}"]
OPTIONS = [
    *("-X", "GET", "-H", f"Authorization: Bearer {BEARER}", "-H", f"Cookie: sid={SESSION}"),
    *("-H", f"Proxy-Authorization: Basic {base64.b64encode(f'me:{BASIC}'.encode()).decode()}"),
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
        for entry in Journal.read(file.read_bytes().splitlines()):
            if isinstance(entry, ClientRead | TapRead):
                yield f"{file}:{entry.n + 1}", entry.payload.content() or b""


def leaks(ended: Finished) -> list[tuple[str, str]]:
    spelt = {it: {it, json.dumps(it)[1:-1], shlex.quote(it)} for it in SECRETS}
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
    found = [data for where, data in everything(ended) if "journal" in where]
    assert any(b"*" * len(BEARER) in data for data in found)
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
    found = [data for where, data in everything(ended) if "journal" in where]
    assert any(b"*" * len(BEARER) in data for data in found)
