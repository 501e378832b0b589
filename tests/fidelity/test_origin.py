"""The origin of the measurements, as the log shows it."""

from __future__ import annotations

import math
import zlib

import pytest

from harness.faults.base import RequestHead
from harness.fidelity import client, origin
from harness.fidelity.record import Ask, Mode, OriginEnd
from harness.hops.observed import Said

_GET = RequestHead("GET", "/sse", ())


def _said(ask: Ask, request: RequestHead = _GET) -> Said:
    return origin.said(ask, origin.script(ask), request)


def test_an_event_has_an_id_a_clock_and_the_size_asked_for() -> None:
    said = _said(Ask(n=2, dt=0.3))
    assert [t_s for t_s, _ in said.reads] == [0.0, 0.3]
    assert said.reads[1][1] == b"id: 1\ndata: 1795170000.300000 c0ffee xxxxxxxxxxxxxxxxxxxxx\n\n"
    assert [len(data) for _, data in said.reads] == [60, 60]
    assert (said.framing, said.end, said.end_s) == ("chunked", "end", 0.6)


def test_random_text_shrinks_to_three_quarters() -> None:
    body = b"".join(data for _, data in _said(Ask(n=120, dt=0.04, size=1000, is_random=True)).reads)
    assert 0.73 < len(zlib.compress(body)) / len(body) < 0.79


def test_heartbeats_follow_the_events_and_a_last_event_follows_them() -> None:
    said = _said(Ask(n=1, dt=0.2, heartbeats=2, has_tail=True))
    assert [(t_s, len(data)) for t_s, data in said.reads] == [
        (0.0, 60), (0.2, 6), (1.2, 6), (2.2, 60)
    ]  # fmt: skip
    assert (said.end, said.end_s) == ("end", 2.2)


@pytest.mark.parametrize(
    ("end", "hang_s", "how", "end_s"),
    [
        ("fin", None, "truncation", 0.4),
        ("rst", None, "reset", 0.4),
        ("hang", 6.0, "end", 6.4),
        ("hang", None, None, math.inf),
        ("die-fin", None, "truncation", 0.0),
        ("die-rst", None, "reset", 0.0),
        ("refused", None, "refused", 0.0),
    ],
)
def test_it_ends_as_it_is_asked_to(
    end: OriginEnd, hang_s: float | None, how: str | None, end_s: float
) -> None:
    said = _said(Ask(n=2, dt=0.2, end=end, hang_s=hang_s))
    assert (said.end, said.end_s) == (how, end_s)


@pytest.mark.parametrize(
    ("mode", "version", "framing", "connection"),
    [
        ("chunked", "HTTP/1.1", "chunked", None),
        ("connclose", "HTTP/1.1", "chunked", "close"),
        ("close11", "HTTP/1.1", "close", "close"),
        ("close10", "HTTP/1.0", "close", None),
    ],
)
def test_it_delimits_the_body_as_it_is_asked_to(
    mode: Mode, version: str, framing: str, connection: str | None
) -> None:
    said = _said(Ask(n=1, dt=0.2, mode=mode))
    assert (said.version, said.framing, dict(said.headers).get("Connection")) == (
        version, framing, connection
    )  # fmt: skip


def test_a_request_of_http_1_0_gets_a_body_that_the_close_ends() -> None:
    said = _said(Ask(n=1, dt=0.2), RequestHead("GET", "/sse", (), "HTTP/1.0"))
    assert said.framing == "close"


def test_the_head_may_be_late_and_the_first_event_later() -> None:
    said = _said(Ask(n=1, dt=0.2, head_after=2.0, first=1.0))
    assert (said.head_s, said.reads[0][0]) == (2.0, 3.0)


def test_an_application_that_does_not_flush_sends_its_head_with_the_first_event() -> None:
    assert _said(Ask(n=1, dt=0.2, first=2.0, is_flushed=False)).head_s == 2.0


def test_an_application_leaves_date_and_server_to_what_it_runs_in() -> None:
    assert _said(Ask(n=1, dt=0.2, is_app=True, cache_control="")).headers == (
        ("Content-Type", "text/event-stream"),
    )


def test_the_client_sends_its_fields_but_those_dropped_or_replaced() -> None:
    ask = Ask(n=1, dt=0.2, put=(("Accept-Encoding", "br"), ("X-A", "1")), drop=("Cache-Control",))
    (request,) = client.requests(ask)
    fields = dict(request.headers)
    assert (fields["Accept-Encoding"], fields["X-A"], fields["Last-Event-ID"]) == ("br", "1", "41")
    assert "Cache-Control" not in fields


def test_a_client_leaves_just_after_what_it_left_upon() -> None:
    (request,) = client.requests(Ask(n=2, dt=0.1, leaves="half", left_s=0.1))
    assert request.gone_s is not None
    assert 0.1 < request.gone_s < 0.2
    assert request.reads_on


def test_the_second_client_comes_after_a_second_and_the_third_when_all_is_over() -> None:
    requests = client.requests(Ask(n=15, dt=0.3, third_s=7.5))
    assert [it.t_s for it in requests] == [0.0, 1.0, 7.5]
