"""Real hops that are an app of ours, and what a framework makes of it: held against simulations.

The app says what its upstream says. So a product which is "around the app's own response" stands in
a chain like any other, and has to look like its simulation from both of its sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from harness import products
from harness.engine.fidelity import hold
from harness.fidelity.held import Fact
from harness.fidelity.matrix import Held
from harness.fidelity.record import Ask
from harness.fidelity.rows import Row
from tests.real.test_real_hops import found, is_there

pytestmark = pytest.mark.real

_GZIP = (("Accept-Encoding", "gzip"),)
_PLAIN = ("Accept-Encoding",)
_TWICE = (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Custom", "a"))
ASKS = {
    "plain": Ask(n=4, dt=0.3, drop=_PLAIN, watch_s=3.0),
    "gzip": Ask(n=5, dt=0.3, put=_GZIP, watch_s=3.0),
    "hdr_hop_by_hop": Ask(n=3, dt=0.2, fields=_TWICE, watch_s=3.0),
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


class _Quiet:
    def finished(self, held: Held) -> None:
        pass


@pytest.fixture(scope="module")
def seen() -> dict[str, dict[str, list[Fact]]]:
    """Every probe of each app that is installed, on both sides: all at once, they mostly wait."""
    chosen = {name: row(name, app) for name, app in APPS.items() if is_there(app.product)}
    held = hold(list(chosen.values()), None, len(APPS), _Quiet())
    assert [it.error for it in held if it.error] == []
    return {it.row.name: {cell.record.probe: list(cell.facts) for cell in it.cells} for it in held}


def row(name: str, app: App) -> Row:
    hop = products.real_hop(products.product(app.product), "", app.settings)
    return Row(app.product, name, (hop,), dict(app.settings), ASKS)


def disagreed(facts: list[Fact]) -> list[str]:
    """Where program and simulation do not say the same, and the product does not tell so."""
    return [
        f"{it.compared.fact}: real {it.compared.measured} | simulated {it.compared.simulated}"
        for it in facts
        if not it.compared.is_agreed and not it.why
    ]


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("app", APPS)
def test_an_app_and_its_simulation_do_the_same(
    app: str, ask: str, seen: dict[str, dict[str, list[Fact]]]
) -> None:
    found(APPS[app].product)
    facts = seen[app][ask]

    assert {"status", "upstream version"} <= {it.compared.fact for it in facts}
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
    app: str, ask: str, fact: str, measured: str, seen: dict[str, dict[str, list[Fact]]]
) -> None:
    """The same stream, seen otherwise behind each: no comparison of nothing with nothing."""
    found(APPS[app].product)

    assert {it.compared.fact: it.compared.measured for it in seen[app][ask]}[fact] == measured
