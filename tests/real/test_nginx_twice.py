"""One nginx.conf twice: read by the nginx that is installed, and simulated, before one origin.

What a client and the origin see is taken off both by the code that compares simulations with the
measurements (tests/fidelity): status, coding, arrival of events, end, fields, and how upstream is
closed.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
import trio

from harness.fidelity.compare import Compared, compared
from harness.fidelity.live_origin import Origin
from harness.fidelity.measure import Places, measured
from harness.fidelity.record import Ask, Record
from harness.fidelity.simulate import simulate
from harness.hops import real
from harness.scenario.chain import parse_chain
from tests.real import nginx

pytestmark = pytest.mark.real

# A busy machine delays an event now and then; what nginx does, it does every time.
TRIES = 3
FIELDS = "hdr_xab_no"  # a probe of whose heads the fields are compared

FEW = Ask(n=4, dt=0.3, watch_s=4.0)
LATE = Ask(n=3, dt=0.3, first=0.6, watch_s=4.0)
LARGE = Ask(n=12, dt=0.2, size=1000, watch_s=6.0)
SAYS_NO = Ask(n=4, dt=0.3, watch_s=4.0, fields=(("X-Accel-Buffering", "no"),))
TAGGED = Ask(n=4, dt=0.3, watch_s=4.0, fields=(("ETag", '"abc"'), ("X-Custom", "a")))
SILENT = Ask(n=2, dt=0.2, end="hang", watch_s=4.0)
MUTE = Ask(n=2, dt=0.2, head_after=20.0, end="hang", watch_s=4.0)
DEAD = Ask(n=1, dt=0.1, end="die-fin", watch_s=4.0)
LEFT = Ask(n=20, dt=0.3, leaves="fin", left_s=0.4, watch_s=3.0)
LEFT_QUIET = Ask(n=1, dt=0.3, end="hang", leaves="fin", left_s=0.4, watch_s=3.0)

H11 = "proxy_http_version 1.1;"
GZIP = "gzip on; gzip_types text/event-stream;"
AT_2S = "proxy_read_timeout 2s;"


class Case(NamedTuple):
    """What a location says, and what it is asked for."""

    directives: str
    ask: Ask
    probe: str = ""


CASES = {
    "default": Case("", FEW),
    "default-large": Case("", LARGE),
    "default-close": Case(H11, Ask(n=4, dt=0.3, mode="close11", watch_s=4.0)),
    "unbuffered": Case("proxy_buffering off;", FEW),
    "chunks": Case(H11, LATE),
    "chunks-unbuffered": Case(f"{H11} proxy_buffering off;", LATE),
    "buffers": Case("proxy_buffer_size 1k; proxy_buffers 4 2k; proxy_busy_buffers_size 4k;", LARGE),
    "says-no": Case("", SAYS_NO, FIELDS),
    "says-no-ignored": Case("proxy_ignore_headers X-Accel-Buffering;", SAYS_NO),
    "says-no-passed": Case("proxy_pass_header x-accel-buffering;", SAYS_NO, FIELDS),
    "gzip": Case(f"{H11} {GZIP} gzip_vary on;", TAGGED, FIELDS),
    "gzip-unbuffered": Case(f"{H11} {GZIP} proxy_buffering off;", FEW),
    "gzip-says-no": Case(f"{H11} {GZIP}", SAYS_NO),
    "gzip-other-types": Case(f"{H11} gzip on;", FEW),
    "gzip-via": Case(f"{H11} {GZIP}", Ask(n=4, dt=0.3, put=(("Via", "1.1 cdn"),), watch_s=4.0)),
    "gzip-via-any": Case(
        f"{H11} {GZIP} gzip_proxied any;",
        Ask(n=4, dt=0.3, put=(("Via", "1.1 cdn"),), watch_s=4.0),
    ),
    "timeout": Case(f"{H11} {AT_2S}", SILENT),
    "timeout-buffered": Case(AT_2S, SILENT),
    "timeout-heartbeats": Case(
        f"{H11} {AT_2S}", Ask(n=2, dt=0.2, heartbeats=3, has_tail=True, watch_s=6.0)
    ),
    "timeout-before-head": Case(f"{H11} {AT_2S}", MUTE),
    "abort-ignored": Case(f"{H11} proxy_ignore_client_abort on;", LEFT),
    "abort-ignored-quiet": Case(f"{H11} proxy_ignore_client_abort on;", LEFT_QUIET),
    "abort": Case(H11, LEFT_QUIET),
    "fields": Case(
        f"{H11} add_header X-Added b; add_header X-Always c always; proxy_hide_header x-custom;"
        ' proxy_set_header X-Sent d; proxy_set_header Accept-Encoding "";',
        TAGGED,
        FIELDS,
    ),
    "dead": Case("", DEAD),
    "no-chunks": Case(f"{H11} chunked_transfer_encoding off;", FEW),
    "old-client": Case(f"{H11} {GZIP}", Ask(n=4, dt=0.3, http="1.0", watch_s=4.0)),
    "broken-off": Case(H11, Ask(n=3, dt=0.3, end="fin", watch_s=4.0)),
    "reset": Case("", Ask(n=3, dt=0.3, end="rst", watch_s=4.0)),
}

CONF = """events {{ worker_connections 256; }}
http {{
    {quiet}
    server {{
        listen 127.0.0.1:{port};
{locations}
    }}
}}
"""
LOCATION = "        location /{name}/ {{ proxy_pass http://127.0.0.1:{upstream}; {directives} }}"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Compared]]:
    """Every case on both sides, fact by fact."""
    conf = tmp_path_factory.mktemp("twice") / "nginx.conf"
    told = subprocess.run([nginx.program(), "-v"], capture_output=True, text=True, check=True)
    version = real.version_in("nginx", told.stderr)
    return trio.run(_compared, conf, version)


async def _compared(conf: Path, version: str) -> dict[str, list[Compared]]:
    made = Origin({name: case.ask for name, case in CASES.items()})
    found: dict[str, list[Compared]] = {}

    async def one(name: str, places: Places) -> None:
        use = f"nginx@{version}: {{config: {conf}, location: /{name}/}}"
        hops = parse_chain(f"[{{{use}}}]")
        case = CASES[name]
        for attempt in range(TRIES):
            ask, seen = await measured(name, attempt, case.ask, places, made)
            record = Record("nginx", version, name, case.probe, ask, seen)
            found[name] = list(compared(record, simulate(hops, ask), "nginx"))
            if not disagreed(found[name]):
                break

    async with trio.open_nursery() as nursery:
        upstream = await nursery.start(made.serve)
        (port,) = nginx.free_ports(1)
        locations = [
            LOCATION.format(name=name, upstream=upstream, directives=case.directives)
            for name, case in CASES.items()
        ]
        text = CONF.format(quiet=nginx.QUIET, port=port, locations="\n".join(locations))
        await trio.Path(conf).write_text(text)
        with nginx.running(conf, [port]):
            async with trio.open_nursery() as asking:
                for name in CASES:
                    asking.start_soon(one, name, Places(("127.0.0.1", port)))
        nursery.cancel_scope.cancel()
    return found


def disagreed(found: list[Compared]) -> list[str]:
    return [
        f"{it.fact}: nginx {it.measured} | simulated {it.simulated}"
        for it in found
        if not it.is_agreed
    ]


@pytest.mark.parametrize("name", CASES)
def test_nginx_and_its_simulation_do_the_same(name: str, both: dict[str, list[Compared]]) -> None:
    found = both[name]
    assert {"status", "upstream version"} <= {it.fact for it in found}
    assert disagreed(found) == []


def test_the_configurations_make_the_difference(both: dict[str, list[Compared]]) -> None:
    """The same stream, seen otherwise behind each: no comparison of nothing with nothing."""
    seen = {
        name: {it.fact: it.measured for it in both[name]}
        for name in ("default", "unbuffered", "gzip", "timeout", "timeout-before-head")
    }

    assert seen["default"]["pattern"] == "held to the end"
    assert seen["unbuffered"]["pattern"] == "immediate"
    assert seen["gzip"]["coding"] == "gzip"
    assert seen["timeout"]["end"] == "truncation"
    assert seen["timeout-before-head"]["status"] == "504"
