"""What stands around an app's own response, in what no measurement here speaks of."""

from __future__ import annotations

import pytest

from harness.faults import registry
from harness.faults.base import RequestHead, ResponseHead, SendRequest
from harness.faults.pipeline import Pipeline
from harness.scenario.chain import parse_chain
from harness.wire.coding import decoder
from harness.wire.headers import value
from tests.products.behind import EVENT, behind, brief, head

NO_TRANSFORM = head(Cache_Control="no-cache, no-transform")
TEXT = head(Content_Type="text/plain")

# What has come of three events while the response is open: the hop, the app's head, coding, events.
CODED = [
    ("express-compression", head(), "gzip", 0),
    ("express-compression", NO_TRANSFORM, None, 3),
    ("[express-compression@1.7]", head(), "gzip", 0),
    ("[{express-compression: {brotli: off, flush: res.flush()}}]", head(), "gzip", 3),
    ("[{express-compression: {flush: Z_SYNC_FLUSH}}]", head(), "gzip", 3),
    ("[{express-compression: {filter: application/json}}]", head(), None, 3),
    ("next", head(), "gzip", 3),
    ("next", head(Content_Encoding="none"), "gzip", 3),
    ("[{next: {router: pages}}]", head(), "gzip", 0),
    ("[{next: {router: pages}}]", head(Content_Encoding="none"), "none", 3),
    ("[{next: {router: pages}}]", NO_TRANSFORM, None, 3),
    ("[{next: {router: pages, compress: false}}]", head(), None, 3),
    ("[starlette-gzip@0.22]", head(), "gzip", 0),
    ("[starlette-gzip@0.22]", NO_TRANSFORM, "gzip", 0),
    ("[starlette-gzip@0.22]", head(Content_Encoding="identity"), "identity", 3),
    ("[starlette-gzip@0.46]", head(), None, 3),
    ("[starlette-gzip@0.46]", TEXT, "gzip", 0),
    ("[starlette-gzip@1.5]", TEXT, "gzip", 3),
    ("starlette-gzip", head(), None, 3),
    ("[{starlette-gzip: {exclude_content_types: image/png}}]", head(), "gzip", 3),
]

# Whether the head goes out before there is a body.
HEADS = [
    ("express-compression", head(), True),
    ("[{express-compression: {res flushHeaders: false}}]", head(), False),
    ("next", head(), False),
    ("[{gunicorn: {worker_class: gthread}}]", head(), False),
    ("[starlette-gzip@1.5]", head(), False),
    ("starlette-gzip", head(), True),
    ("starlette-gzip", TEXT, False),
]


@pytest.mark.parametrize(("chain", "answer", "coding", "events"), CODED)
def test_compresses_and_flushes_or_does_not(
    chain: str, answer: ResponseHead, coding: str | None, events: int
) -> None:
    seen = behind(chain, brief(answer), until_s=5.0)
    assert seen.head is not None
    assert value(seen.head.headers, "content-encoding") == coding
    decode = decoder("gzip" if coding == "gzip" else "").decompress
    assert decode(bytes(seen.body)) == events * EVENT


@pytest.mark.parametrize(("chain", "answer", "is_early"), HEADS)
def test_sends_a_head_at_once_or_with_the_body(
    chain: str, answer: ResponseHead, *, is_early: bool
) -> None:
    assert (behind(chain, brief(answer), until_s=0.5).head is not None) is is_early


@pytest.mark.parametrize(
    ("settings", "served"),
    [
        ("{}", 1),
        ("{workers: 4}", 4),
        ("{worker_class: gthread, workers: 2, threads: 3}", 6),
        ("{worker_class: gevent}", 9),
        ("{worker_class: asgi}", 9),
    ],
)
def test_gunicorn_serves_so_many_streams_and_lets_the_others_wait(
    settings: str, served: int
) -> None:
    (hop,) = parse_chain(f"[{{gunicorn: {settings}}}]")
    configs = [registry.build(spec.name, spec.settings) for spec in hop.faults]
    pipeline = Pipeline([config.start(lambda: 0.5) for config in configs])
    request = RequestHead("GET", "/", (("Host", "t"),))
    asked = [it for x in range(1, 10) for it in pipeline.step(0.0, x, request)]
    assert sum(isinstance(action, SendRequest) for _, action in asked) == served
