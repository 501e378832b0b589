"""A user's own nginx.conf, run both ways: by nginx itself and simulated, to the same verdict."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from harness.model.verdict import CaseVerdict
from harness.yamlio import dump
from tests.real.programs import AtOnce, Finished, run
from tests.real.test_real_hops import AT_ONCE, found, is_there

pytestmark = pytest.mark.real

# As it is on a server that speaks TLS to the outside, with what stands around the location.
MAIN = """\
user www-data;
worker_processes auto;
pid /run/nginx.pid;
include modules-enabled/*.conf;
events { worker_connections 768; }
http {
    log_format main '$remote_addr "$request" {$status}';
    access_log /var/log/nginx/access.log main;
    proxy_temp_path /var/lib/nginx/proxy;
    map $http_upgrade $connection_upgrade { default upgrade; '' ""; "~^a\\.b\\"{2}$" 1; }
    upstream app { server 192.0.2.1:8000; server 192.0.2.2:8000 backup; keepalive 16; }
    upstream gone { server nowhere.invalid; }
    include sites-enabled/*;
    server { listen 80 default_server; return 301 https://$host$request_uri; }
}
"""
SITE = """\
server {
    listen 443 ssl http2;
    server_name example.com;
    ssl_certificate /etc/ssl/private/none.pem;
    ssl_certificate_key /etc/ssl/private/none.key;
    if ($scheme != "https") { return 301 https://$host$request_uri; }
    error_page 502 504 /50x.html;
    location = /50x.html { root /usr/share/nginx/html; }
    location / { proxy_pass http://gone; }
    location /api/ {
        auth_basic "members only";
        auth_basic_user_file /etc/nginx/none;
        location /api/stream {
            proxy_pass http://app/v1;
            %s
        }
    }
}
"""
TUNED = """\
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 2s;
"""
ODD = r"""add_header X-Odd "a \"b\" \\. {;}" always;"""
# What a user writes for it, and what becomes of a server that does everything right, and of one
# that does nothing for the way to its clients.
FILES = {
    "default": ("proxy_read_timeout 4s;", "PASS", "FAIL"),
    "tuned": (TUNED, "PASS", "FAIL"),
    "gzip": (f"{TUNED} gzip on; gzip_types text/event-stream; {ODD}", "PASS", "FAIL"),
}


class Way(NamedTuple):
    server: str
    file: str
    is_real: bool


WAYS = [
    Way(server, file, is_real)
    for server in ("starlette", "express")
    for file in FILES
    for is_real in (True, False)
]


def written(folder: Path, directives: str) -> None:
    (folder / "nginx" / "sites-enabled").mkdir(parents=True)
    (folder / "nginx" / "nginx.conf").write_text(MAIN)
    (folder / "nginx" / "sites-enabled" / "site").write_text(SITE % directives)


def chain(*, is_real: bool) -> list[dict[str, Any]]:
    use = {"nginx": {"config": "nginx/nginx.conf", "location": "/api/stream"}}
    return [{"real": use} if is_real else use]


@pytest.fixture(scope="module")
def verdicts(
    starlette: str, express: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AtOnce]:
    origins = {"starlette": starlette, "express": express}
    folder = tmp_path_factory.mktemp("own")
    calls = {}
    for number, way in enumerate(WAYS):
        cwd = folder / str(number)
        written(cwd, FILES[way.file][0])
        url = f"{origins[way.server]}/events"
        through = dump(chain(is_real=way.is_real))
        if is_there("nginx"):
            calls[str(way)] = partial(run, "run", "--url", url, "--through", through, cwd=cwd)
    made = AtOnce(calls, AT_ONCE)
    yield made
    made.stop()


def reasons(case: CaseVerdict) -> set[tuple[str, int | None, int | None]]:
    """What failed, by whom, and after how many seconds of silence if it was for one.

    Whether an event falls into the time before a reconnect depends on the moment of the run.
    """
    return {
        (it.check, it.hop, None if silence is None else round(float(silence[1])))
        for it in case.findings
        if it.outcome == "FAIL" and it.check != "no_event_lost"
        for silence in [re.search(r"after ([0-9.]+) s of silence", it.observed)]
    }


def head(ended: Finished) -> dict[str, str]:
    """The header fields of the first response that the client got; none, if all is held."""
    (journal,) = (ended.reports / "latest").glob("*/journal.jsonl")
    entries = map(json.loads, journal.read_text().splitlines())
    heads = [it["headers"] for it in entries if it["kind"] == "client.head"]
    return dict(heads[0]) if heads else {}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("server", ["starlette", "express"])
def test_nginx_and_its_simulation_come_to_the_same_verdict(
    server: str, file: str, verdicts: AtOnce
) -> None:
    found("nginx")
    program = verdicts.of(str(Way(server, file, is_real=True)))
    simulated = verdicts.of(str(Way(server, file, is_real=False)))
    _, well, ill = FILES[file]

    assert program.case.outcome == (well if server == "starlette" else ill), program.out
    assert simulated.case.outcome == program.case.outcome, simulated.out
    assert reasons(program.case) == reasons(simulated.case)
    assert "(real)" in program.case.through[0]
    for ended in (program, simulated):
        assert head(ended).get("Content-Encoding") == ("gzip" if file == "gzip" else None)
        assert head(ended).get("X-Odd") == ('a "b" \\. {;}' if file == "gzip" else None)
