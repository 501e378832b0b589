"""Platforms, load balancers and CDNs nobody can install: they do what their sources say."""

from __future__ import annotations

import pytest

from harness.faults.base import ResponseHead
from tests.products.behind import EVENT, behind, brief, head, lively, mute, quiet

# Silence before the head: the hop, when it gives up, and what the client gets.
MUTE = [
    ("cloudflare", 120.0, "524"),
    ("[{cloudflare: {proxy_read_timeout: 6000}}]", 6000.0, "524"),
    ("aws-alb", 60.0, "504"),
    ("[{aws-alb: {idle_timeout_timeout_seconds: 4000}}]", 4000.0, "504"),
    ("aws-clb", 60.0, "truncation"),
    ("aws-nlb", 350.0, "truncation"),
    ("aws-api-gateway", 29.0, "504"),
    ("[{aws-api-gateway: {responseTransferMode: STREAM}}]", 300.0, "504"),
    ("aws-api-gateway-http", 30.0, "504"),
    ("aws-lambda", 900.0, "504"),
    ("aws-lambda-web", 30.0, "504"),
    ("aws-app-runner", 120.0, "503"),
    ("cloudfront", 30.0, "504"),
]

# An event, then silence.
QUIET = [
    ("cloudflare", 120.0, "truncation"),
    ("aws-alb", 60.0, "truncation"),
    ("aws-clb", 60.0, "truncation"),
    ("aws-nlb", 350.0, "truncation"),
    ("[{aws-nlb: {tcp_idle_timeout_seconds: 6000}}]", 6000.0, "truncation"),
    ("aws-api-gateway", 29.0, "504"),
    ("[{aws-api-gateway: {responseTransferMode: STREAM}}]", 300.0, "truncation"),
    (
        "[{aws-api-gateway: {responseTransferMode: STREAM, endpointType: EDGE}}]",
        30.0,
        "truncation",
    ),
    ("cloudfront", 30.0, "truncation"),
]

# Events for ever: what no heartbeat rescues.
LIVELY = [
    ("[{aws-api-gateway: {responseTransferMode: STREAM}}]", 900.0, "truncation"),
    ("[{aws-lambda: {InvokeMode: RESPONSE_STREAM}}]", 900.0, "truncation"),
    ("[{aws-lambda: {InvokeMode: RESPONSE_STREAM, Timeout: 60}}]", 60.0, "truncation"),
    ("aws-lambda-web", 30.0, "truncation"),
    ("aws-app-runner", 120.0, "truncation"),
    ("[{cloudfront: {ResponseCompletionTimeout: 600}}]", 600.0, "truncation"),
]

# A stream with a heartbeat passes these for hours.
LASTING = ["cloudflare", "cloudflare-tunnel", "aws-alb", "aws-clb", "aws-nlb", "cloudfront"]

NDJSON = head(Content_Type="application/x-ndjson")
TEXT = head(Content_Type="text/plain")
SIZED = head("length", Content_Type="text/plain")

# What is held until the server ends, and what sets it free.
HELD = [
    ("[{cloudflare: {response_buffering: on}}]", head()),
    ("[cloudflare-tunnel@2025.2]", TEXT),
    ("cloudflare-tunnel", SIZED),
    ("[{cloudflare-tunnel: {tunnel: quick}}]", head()),
    ("aws-api-gateway", head()),
    ("aws-api-gateway-http", head()),
    ("aws-lambda", head()),
]
FREE = [
    ("cloudflare", head()),
    ("[cloudflare-tunnel@2025.2]", head(Content_Type="text/event-stream; charset=utf-8")),
    ("cloudflare-tunnel", TEXT),
    ("cloudflare-tunnel", NDJSON),
    ("[{aws-api-gateway: {responseTransferMode: STREAM}}]", head()),
    ("[{aws-lambda: {InvokeMode: RESPONSE_STREAM}}]", head()),
]


@pytest.mark.parametrize(("chain", "at_s", "ending"), MUTE)
def test_gives_up_on_a_server_that_does_not_answer(chain: str, at_s: float, ending: str) -> None:
    seen = behind(chain, mute())
    assert (seen.ended_s, seen.ending) == (at_s, ending)


@pytest.mark.parametrize(("chain", "at_s", "ending"), QUIET)
def test_ends_a_stream_that_falls_silent(chain: str, at_s: float, ending: str) -> None:
    seen = behind(chain, quiet())
    assert (seen.ended_s, seen.ending) == (at_s, ending)


@pytest.mark.parametrize(("chain", "at_s", "ending"), LIVELY)
def test_ends_a_stream_that_lasts_whatever_is_sent(chain: str, at_s: float, ending: str) -> None:
    seen = behind(chain, lively())
    assert (seen.ended_s, seen.ending) == (at_s, ending)


@pytest.mark.parametrize("chain", LASTING)
def test_lets_a_lively_stream_last(chain: str) -> None:
    seen = behind(chain, lively())
    assert (seen.ending, seen.began_s) == ("", 0.0)


@pytest.mark.parametrize(("chain", "answer"), HELD)
def test_holds_a_response_until_its_end(chain: str, answer: ResponseHead) -> None:
    seen = behind(chain, brief(answer))
    assert (seen.began_s, bytes(seen.body)) == (10.0, 3 * EVENT)


@pytest.mark.parametrize(("chain", "answer"), FREE)
def test_passes_events_as_they_come(chain: str, answer: ResponseHead) -> None:
    seen = behind(chain, brief(answer))
    assert (seen.began_s, bytes(seen.body)) == (1.0, 3 * EVENT)


def test_a_quick_tunnel_streams_what_was_posted() -> None:
    chain = "[{cloudflare-tunnel: {tunnel: quick}}]"
    assert behind(chain, brief(head()), "POST").began_s == 1.0
