"""Real hops that are an app of ours, and what a framework makes of it: held against simulations.

The app says what its upstream says. So a product which is "around the app's own response" stands in
a chain like any other, and has to look like its simulation from both of its sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from harness import products
from harness.engine import real_hop
from harness.fidelity.compare import Compared, compared
from harness.fidelity.record import Ask, Record
from harness.fidelity.simulate import simulate
from harness.products.real import installed
from tests.real.scripted import Origin, origin_of, probe
from tests.real.standing import standing
from tests.real.test_real_hops import found, is_there

pytestmark = pytest.mark.real

# A busy machine delays an event now and then; what a program does, it does every time.
TRIES = 3
FIELDS = "hdr_app"  # a probe of whose heads the fields are compared

_GZIP = (("Accept-Encoding", "gzip"),)
_PLAIN = ("Accept-Encoding",)
_TWICE = (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Custom", "a"))
ASKS = {
    "plain": Ask(n=4, dt=0.3, drop=_PLAIN, watch_s=3.0),
    "gzip": Ask(n=5, dt=0.3, put=_GZIP, watch_s=3.0),
    "fields": Ask(n=3, dt=0.2, fields=_TWICE, watch_s=3.0),
    "first-late": Ask(n=2, dt=0.3, first=0.8, drop=_PLAIN, watch_s=3.0),
    "closed": Ask(n=3, dt=0.3, mode="close11", drop=_PLAIN, watch_s=3.0),
    "broken-off": Ask(n=3, dt=0.3, end="fin", drop=_PLAIN, watch_s=3.0),
    "broken-off-coded": Ask(n=3, dt=0.3, end="fin", watch_s=3.0),
    "long": Ask(n=2, dt=0.3, heartbeats=3, has_tail=True, watch_s=5.0),
    "left": Ask(n=1, dt=0.3, end="hang", leaves="fin", left_s=0.6, watch_s=3.0),
    "left-talking": Ask(n=20, dt=0.3, leaves="fin", left_s=0.7, watch_s=3.0),
}


@dataclass(frozen=True, slots=True)
class App:
    """One app under test.

    Args:
        product: What it is in.
        settings: The product's.
    """

    product: str
    settings: Mapping[str, str]


APPS = {
    "express-compression": App("express-compression", {}),
    "express-compression-flushed": App("express-compression", {"flush": "res.flush()"}),
    "gunicorn-sync": App("gunicorn", {"workers": str(len(ASKS)), "timeout": "2"}),
    "gunicorn-gthread": App("gunicorn", {"worker_class": "gthread", "threads": str(len(ASKS))}),
    "gunicorn-gevent": App("gunicorn", {"worker_class": "gevent"}),
    "gunicorn-asgi": App("gunicorn", {"worker_class": "asgi"}),
    "next": App("next", {}),
    "next-pages": App("next", {"router": "pages"}),
    "starlette-gzip": App("starlette-gzip", {}),
    "starlette-gzip-events": App("starlette-gzip", {"exclude_content_types": "image/png"}),
}


class Stand:
    """An app that stands before an origin of its own."""

    def __init__(self, app: App, port: int, origin: Origin) -> None:
        self._port = port
        self._origin = origin
        self._app = app
        product = products.product(app.product)
        self._version = real_hop.version(app.product)
        hop = products.real_hop(product, "", app.settings)
        self._simulated = (installed(hop, self._version),)

    def compared(self, name: str) -> list[Compared]:
        """Both, fact by fact."""
        ask = ASKS[name]
        seen = probe(self._port, f"/{name}", ask, self._origin)
        which = FIELDS if name == "fields" else ""
        record = Record(self._app.product, self._version, name, which, ask, seen)
        return list(compared(record, simulate(self._simulated, ask), self._app.product))


@pytest.fixture(scope="module")
def stands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Stand]]:
    """Each app that is installed."""
    with ExitStack() as stack:
        made: dict[str, Stand] = {}
        for name, app in APPS.items():
            if not is_there(app.product):
                continue
            origin = stack.enter_context(origin_of({f"/{it}": ask for it, ask in ASKS.items()}))
            hop = products.real_hop(products.product(app.product), "", app.settings)
            folder = tmp_path_factory.mktemp(name)
            port = stack.enter_context(standing(hop, origin.port, folder))
            made[name] = Stand(app, port, origin)
        yield made


class Seen:
    """What is seen of every probe of every app; first of all at the same time: they mostly wait."""

    def __init__(self, stands: dict[str, Stand], pool: ThreadPoolExecutor) -> None:
        self._stands = stands
        self._firsts = {
            (app, ask): pool.submit(stand.compared, ask)
            for app, stand in stands.items()
            for ask in ASKS
        }

    def of(self, app: str, ask: str) -> list[Compared]:
        """Both sides of one probe; again, where they differ, as often as it may be tried."""
        facts = self._firsts[app, ask].result()
        for _ in range(TRIES - 1):
            if not disagreed(facts):
                break
            facts = self._stands[app].compared(ask)
        return facts


def disagreed(facts: list[Compared]) -> list[str]:
    """Where program and simulation do not say the same."""
    return [
        f"{it.fact}: real {it.measured} | simulated {it.simulated}"
        for it in facts
        if not it.is_agreed
    ]


@pytest.fixture(scope="module")
def seen(stands: dict[str, Stand]) -> Iterator[Seen]:
    with ThreadPoolExecutor(len(ASKS) * len(APPS)) as pool:
        yield Seen(stands, pool)


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("app", APPS)
def test_an_app_and_its_simulation_do_the_same(app: str, ask: str, seen: Seen) -> None:
    found(APPS[app].product)
    facts = seen.of(app, ask)

    assert {"status", "upstream version"} <= {it.fact for it in facts}
    assert disagreed(facts) == []


@pytest.mark.parametrize(
    ("app", "ask", "fact", "measured"),
    [
        ("express-compression", "gzip", "coding", "gzip"),
        ("express-compression", "gzip", "pattern", "held to the end"),
        ("express-compression", "plain", "pattern", "immediate"),
        ("express-compression", "broken-off", "end", "truncation"),
        ("express-compression", "left", "upstream closed", "fin"),
        ("express-compression-flushed", "gzip", "coding", "gzip"),
        ("express-compression-flushed", "gzip", "pattern", "immediate"),
        ("next", "gzip", "pattern", "immediate"),
        ("next-pages", "gzip", "pattern", "held to the end"),
        ("gunicorn-sync", "long", "end", "truncation"),
        ("gunicorn-gthread", "long", "end", "clean"),
        ("gunicorn-gthread", "left", "upstream closed", "not"),
        ("gunicorn-asgi", "left", "upstream closed", "fin"),
        ("starlette-gzip", "gzip", "coding", "none"),
        ("starlette-gzip-events", "gzip", "coding", "gzip"),
    ],
)
def test_the_settings_make_the_difference(
    app: str, ask: str, fact: str, measured: str, seen: Seen
) -> None:
    """The same stream, seen otherwise behind each: no comparison of nothing with nothing."""
    found(APPS[app].product)

    assert {it.fact: it.measured for it in seen.of(app, ask)}[fact] == measured
