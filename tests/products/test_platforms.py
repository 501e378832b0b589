"""What nobody here can measure, from Akamai to ZAP: it does what its sources say."""

from __future__ import annotations

import itertools
from typing import Literal

import pytest

from harness.faults.base import Data, Event, ResponseHead, UpstreamEnd
from harness.wire.coding import decoder
from tests.products.behind import EVENT, behind, brief, head, lively, mute, quiet, requests_of_two

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
    ("cloudfront", 90.0, "504"),
    ("[{cloudfront: {ConnectionAttempts: 1}}]", 30.0, "504"),
    ("gcp-load-balancer", 30.0, "504"),
    ("cloud-run", 300.0, "504"),
    ("cloud-functions", 3600.0, "504"),
    ("firebase-hosting", 60.0, "504"),
    ("azure-load-balancer", 240.0, "stall"),
    ("[{azure-load-balancer: {enableTcpReset: true, idleTimeoutInMinutes: 15}}]", 900.0, "reset"),
    ("azure-app-gateway", 20.0, "504"),
    ("azure-front-door", 30.0, "504"),
    ("azure-functions", 230.0, "504"),
    ("azure-app-service", 230.0, "504"),
    ("azure-api-management", 300.0, "504"),
    ("azure-container-apps", 240.0, "504"),
    ("vercel", 300.0, "504"),
    ("vercel-edge", 25.0, "504"),
    ("vercel-rewrites", 120.0, "504"),
    ("netlify", 60.0, "504"),
    ("netlify-edge", 40.0, "504"),
    ("heroku", 30.0, "503"),
    ("[fly@2022]", 60.0, "reset"),
    ("railway", 300.0, "truncation"),
    ("render", 6000.0, "truncation"),
    ("supabase-edge-functions", 150.0, "504"),
    ("miget", 300.0, "truncation"),
    ("fastly", 15.0, "503"),
    ("akamai", 20.0, "504"),
    ("bunny", 60.0, "504"),
    ("gcore", 30.0, "truncation"),
    ("huawei-elb", 60.0, "504"),
    ("ingress-nginx", 60.0, "504"),
    ("istio", 300.0, "504"),
    ("openshift-router", 30.0, "504"),
    ("kong", 60.0, "504"),
    ("apigee", 55.0, "504"),
    ("pomerium", 30.0, "504"),
    ("yarp", 100.0, "504"),
    ("undici", 300.0, "truncation"),
    ("uwsgi-http", 60.0, "truncation"),
    ("bun", 10.0, "truncation"),
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
    ("azure-load-balancer", 240.0, "stall"),
    ("[{azure-load-balancer: {enableTcpReset: true}}]", 240.0, "reset"),
    ("azure-app-gateway", 20.0, "truncation"),
    ("azure-front-door", 30.0, "truncation"),
    ("[{azure-api-management: {buffer-response: false}}]", 240.0, "stall"),
    ("azure-container-apps", 240.0, "truncation"),
    ("heroku", 55.0, "truncation"),
    ("[fly@2022]", 60.0, "reset"),
    ("[{fly: {idle_timeout: 600}}]", 600.0, "reset"),
    ("railway", 300.0, "truncation"),
    ("miget", 300.0, "truncation"),
    ("[{fastly: {beresp_do_stream: true}}]", 10.0, "end"),
    ("akamai", 5.0, "truncation"),
    ("gcore", 30.0, "truncation"),
    ("ingress-nginx", 60.0, "truncation"),
    ("[{ingress-nginx: {proxy-read-timeout: 1h}}]", 3600.0, "truncation"),
    ("istio", 300.0, "truncation"),
    ("openshift-router", 30.0, "truncation"),
    ("kong", 60.0, "truncation"),
    ("[{apigee: {response_streaming_enabled: true}}]", 55.0, "truncation"),
    ("yarp", 100.0, "truncation"),
    ("undici", 300.0, "truncation"),
    ("[{undici: {bodyTimeout: 1000}}]", 1.0, "truncation"),
    ("uwsgi-http", 60.0, "truncation"),
    ("bun", 10.0, "truncation"),
    ("[{bun: {idleTimeout: 255}}]", 255.0, "truncation"),
]

# Events for ever: what no heartbeat rescues.
LIVELY = [
    ("[{aws-api-gateway: {responseTransferMode: STREAM}}]", 900.0, "truncation"),
    ("[{aws-lambda: {InvokeMode: RESPONSE_STREAM}}]", 900.0, "truncation"),
    ("[{aws-lambda: {InvokeMode: RESPONSE_STREAM, Timeout: 60}}]", 60.0, "truncation"),
    ("aws-lambda-web", 30.0, "truncation"),
    ("aws-app-runner", 120.0, "truncation"),
    ("[{cloudfront: {ResponseCompletionTimeout: 600}}]", 600.0, "truncation"),
    ("gcp-load-balancer", 30.0, "truncation"),
    ("[{gcp-load-balancer: {timeoutSec: 86400}}]", 86400.0, "truncation"),
    ("cloud-run", 300.0, "truncation"),
    ("[{cloud-run: {timeout: 3600}}]", 3600.0, "truncation"),
    ("[cloud-functions@1]", 540.0, "truncation"),
    ("[cloud-functions@2]", 3600.0, "truncation"),
    ("firebase-hosting", 60.0, "truncation"),
    ("vercel", 300.0, "truncation"),
    ("[{vercel: {maxDuration: 1800}}]", 1800.0, "truncation"),
    ("vercel-edge", 300.0, "truncation"),
    ("netlify", 60.0, "truncation"),
    ("railway", 900.0, "truncation"),
    ("render", 6000.0, "truncation"),
    ("supabase-edge-functions", 150.0, "truncation"),
    ("[{supabase-edge-functions: {wall_clock: 400}}]", 400.0, "truncation"),
    ("miget", 900.0, "truncation"),
    ("[{ingress-nginx: {reload: 20s}}]", 260.0, "truncation"),
    ("[{istio: {timeout: 15s}}]", 15.0, "truncation"),
    (
        "[{apigee: {response_streaming_enabled: true, api_timeout: 60000}}]",
        60.0,
        "truncation",
    ),
    ("pomerium", 30.0, "truncation"),
    ("[{yarp: {Timeout: 600}}]", 600.0, "truncation"),
]

# A stream with a heartbeat passes these for hours.
LASTING = [
    "cloudflare",
    "cloudflare-tunnel",
    "aws-alb",
    "aws-clb",
    "aws-nlb",
    "cloudfront",
    "azure-load-balancer",
    "azure-front-door",
    "azure-functions",
    "azure-container-apps",
    "vercel-rewrites",
    "netlify-edge",
    "heroku",
    "fly",
    "akamai",
    "bunny",
    "gcore",
    "huawei-elb",
    "ingress-nginx",
    "istio",
    "openshift-router",
    "kong",
    "yarp",
    "[{pomerium: {default_upstream_timeout: 0s}}]",
    "undici",
    "[{undici: {bodyTimeout: 0, headersTimeout: 0}}]",
    "uwsgi-http",
    "bun",
]

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
    ("app-engine", head(X_Accel_Buffering="no")),
    ("azure-app-gateway", head(X_Accel_Buffering="no")),
    ("azure-app-service", head()),
    ("azure-api-management", head()),
    ("aptible", head()),
    ("fastly", head(Cache_Control="no-cache")),
    ("[{ingress-nginx: {proxy-buffering: on}}]", head("close")),
    ("kong", head("close")),
    ("apigee", head(X_Accel_Buffering="no")),
    ("iis-arr", head(X_Accel_Buffering="no")),
    ("php", head()),
    ("sophos", head()),
    ("zap", head(Content_Type="text/event-stream; charset=utf-8")),
]
FREE = [
    ("cloudflare", head()),
    ("[cloudflare-tunnel@2025.2]", head(Content_Type="text/event-stream; charset=utf-8")),
    ("cloudflare-tunnel", TEXT),
    ("cloudflare-tunnel", NDJSON),
    ("[{aws-api-gateway: {responseTransferMode: STREAM}}]", head()),
    ("[{aws-lambda: {InvokeMode: RESPONSE_STREAM}}]", head()),
    ("[{app-engine: {env: flex}}]", head()),
    ("[{azure-app-gateway: {enableResponseBuffering: false}}]", head()),
    ("azure-app-service", head(X_Accel_Buffering="no")),
    ("[{azure-api-management: {buffer-response: false}}]", head()),
    ("aptible", head(X_Accel_Buffering="no")),
    ("fastly", head(Cache_Control="private, no-cache")),
    ("[{fastly: {beresp_do_stream: true}}]", head()),
    ("ingress-nginx", head("close")),
    ("[{ingress-nginx: {proxy-buffering: on}}]", head()),
    ("[{ingress-nginx: {proxy-buffering: on}}]", head("close", X_Accel_Buffering="no")),
    ("kong", head()),
    ("[{kong: {response_buffering: false}}]", head("close")),
    ("[{apigee: {response_streaming_enabled: true}}]", head()),
    ("webpack-dev-server", head(Cache_Control="no-transform")),
    ("[{webpack-dev-server: {compress: false}}]", head()),
    ("[{iis-arr: {responseBufferLimit: 0}}]", head()),
    ("[{php: {output_buffering: 0}}]", head()),
    ("zap", head()),
]


@pytest.mark.parametrize(("chain", "at_s", "ending"), MUTE)
def test_gives_up_on_a_server_that_does_not_answer(chain: str, at_s: float, ending: str) -> None:
    seen = behind(chain, mute())
    assert seen.ending == ending
    # Each attempt of a hop that tries again waits for the tie of its own limit.
    assert seen.ended_s == pytest.approx(at_s, abs=0.003)


@pytest.mark.parametrize(("chain", "at_s", "ending"), QUIET)
def test_ends_a_stream_that_falls_silent(chain: str, at_s: float, ending: str) -> None:
    seen = behind(chain, quiet())
    assert (seen.ended_s, seen.ending) == (at_s, ending)


@pytest.mark.parametrize(("chain", "at_s", "ending"), LIVELY)
def test_ends_a_stream_that_lasts_whatever_is_sent(chain: str, at_s: float, ending: str) -> None:
    seen = behind(chain, lively(), until_s=100_000.0)
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


@pytest.mark.parametrize(
    ("chain", "upstream"),
    [
        ("azure-load-balancer", "leave_open"),
        ("[{azure-load-balancer: {enableTcpReset: true}}]", "rst"),
        ("azure-functions", "leave_open"),
        ("heroku", "leave_open"),
        ("cloud-run", "fin"),
    ],
)
def test_tells_the_server_or_does_not(chain: str, upstream: str) -> None:
    assert behind(chain, mute()).upstream == upstream


def test_app_engine_asks_for_no_coding() -> None:
    request = behind("app-engine", brief(head())).request
    assert request is not None
    assert [name for name, _ in request.headers] == ["Host"]


def test_app_engine_answers_500_for_more_than_32_megabytes() -> None:
    much: list[tuple[float, Event]] = [(0.0, head())]
    much += [(float(at_s), Data(bytes(2**20))) for at_s in range(1, 40)]
    assert behind("app-engine", much).ending == "500"


@pytest.mark.parametrize("how", ["truncation", "reset"])
def test_fly_resets_what_the_app_broke_off(how: Literal["truncation", "reset"]) -> None:
    broken = ((0.0, head()), (1.0, Data(EVENT)), (2.0, UpstreamEnd(how)))
    assert behind("fly", broken).ending == "reset"


@pytest.mark.parametrize(
    ("chain", "most"),
    [
        ("[{aws-lambda: {InvokeMode: RESPONSE_STREAM, streamed_payload: 10}}]", 10),
        ("[{netlify: {streamed_payload: 10}}]", 10),
    ],
)
def test_cuts_a_stream_that_is_too_large(chain: str, most: int) -> None:
    seen = behind(chain, lively())
    assert (seen.ending, len(seen.body)) == ("truncation", most)


@pytest.mark.parametrize(
    ("chain", "block"),
    [("iis-arr", 4 * 2**20), ("php", 4096), ("sophos", 2 * 2**20)],
)
def test_holds_as_much_as_it_is_said_to_hold(chain: str, block: int) -> None:
    read = bytes(512)
    flood = ((number * 1.0, Data(read)) for number in range(1, block))
    seen = behind(chain, itertools.chain([(0.0, head())], flood), until_s=block / 512 + 1)
    assert (seen.began_s, len(seen.body)) == (block / 512, block)


@pytest.mark.parametrize(("chain", "late_s"), [("kaspersky", 1.0), ("avast", 20.0)])
def test_delays_events(chain: str, late_s: float) -> None:
    assert behind(chain, brief(head())).began_s == 1.0 + late_s


def test_webpack_keeps_events_in_its_encoder() -> None:
    events = [(float(at_s), Data(EVENT)) for at_s in range(1, 9)]
    seen = behind("webpack-dev-server", [(0.0, head()), *events], until_s=60.0)
    assert seen.body  # the gzip header
    assert decoder("gzip").decompress(bytes(seen.body)) == b""


def test_cloudfront_tries_a_post_once() -> None:
    assert behind("cloudfront", mute(), "POST").ended_s == 30.0


@pytest.mark.parametrize(
    ("chain", "answer", "at_once", "requests"),
    [
        ("bunny", head(), False, 1),
        ("bunny", head(), True, 2),
        ("[{bunny: {request_coalescing: on}}]", head(), True, 1),
        ("bunny", head(Cache_Control="no-cache"), False, 2),
        ("[{bunny: {override_cache_time: 60}}]", head(Cache_Control="no-cache"), False, 1),
        ("[{fastly: {beresp_do_stream: on}}]", head(Cache_Control="max-age=10"), True, 1),
        ("fastly", head(Cache_Control="max-age=10"), True, 1),
        ("fastly", head(Cache_Control="private"), True, 2),
        ("fastly", head(), False, 2),
        ("cloudflare", head(Cache_Control="max-age=10"), False, 2),
    ],
)
def test_gives_a_second_client_its_own_stream_or_not(
    chain: str, answer: ResponseHead, at_once: bool, requests: int
) -> None:
    assert requests_of_two(chain, answer, at_once=at_once) == requests
