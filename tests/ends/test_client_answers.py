"""What the client makes of an answer that is no event stream."""

from __future__ import annotations

import pytest

from harness.ends.client_attempt import DRAIN_BYTES, DRAIN_S
from harness.model import journal
from tests.ends.client_server import GOODBYE, STREAM, Show, head, play, stream

EVENT = b"data: 1\n\n"


def done(show: Show) -> tuple[str, bool]:
    [entry] = show.of(journal.ClientDone)
    return entry.reason, entry.is_fatal


def requests(show: Show) -> list[str]:
    return [
        f"{it.request.method} {it.request.target}" for it in show.heard if it.request is not None
    ]


# -- statuses and content types --------------------------------------------------------------------


@pytest.mark.parametrize(
    "status", [101, 201, 205, 206, 210, 299, 300, 304, 400, 401, 403, 404, 410, 429, 500, 503]
)
def test_any_status_but_200_is_fatal(status: int) -> None:
    fields = ["Content-Type: text/event-stream", "Content-Length: 9"]
    if status == 101:
        fields.append("Upgrade: websocket")
    show = play((head(status, *fields), "hold"), GOODBYE)
    if status == 101:  # an answer to an upgrade nobody asked for is not HTTP
        assert show.of(journal.ClientEnd)[0].how == "malformed"
    else:
        assert done(show) == (f"status {status}", True)
        assert len(show.heard) == 1


def test_204_is_how_a_server_tells_it_to_stop() -> None:
    assert done(play(GOODBYE)) == ("told to stop", False)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_gateways_error_is_retried_where_the_scenario_says_so(status: int) -> None:
    show = play(
        (STREAM, b"retry: 10\n\n", "fin"),
        (head(status, "Content-Length: 4") + b"oops", "hold"),
        GOODBYE,
        retry_5xx=True,
    )
    assert show.lines[6:] == [
        f"0.01 head 2: {status}",
        "0.01 read 2: 0+4",
        "0.01 end 2",
        "0.01 wait 0.01",
        "0.02 request 3",
        "0.02 head 3: 204",
        "0.02 end 3",
        "0.02 done: told to stop",
    ]


@pytest.mark.parametrize("status", [404, 501, 505])
def test_other_errors_are_not_retried_even_so(status: int) -> None:
    assert done(play((head(status), "hold"), retry_5xx=True)) == (f"status {status}", True)


@pytest.mark.parametrize(
    "kind",
    [
        "text/event-stream",
        "text/event-stream; charset=utf-8",
        "text/event-stream;charset=windows-1251",
        "TEXT/Event-Stream",
        " text/event-stream ",
    ],
)
def test_an_event_stream_by_its_content_type(kind: str) -> None:
    show = play((head(200, f"Content-Type: {kind}"), EVENT, "fin"), GOODBYE)
    assert show.tail[:2] == ["0 read 1: 0+9", "0 end 1"]


@pytest.mark.parametrize("kind", ["text/html", "text/event-streams", "application/json", ""])
def test_any_other_content_type_is_fatal(kind: str) -> None:
    fields = [f"Content-Type: {kind}"] if kind else []
    show = play((head(200, *fields), 1.0, EVENT, "hold"), GOODBYE)
    assert show.lines[2:] == [
        "0 left 1",
        f"0 done: expected content type text/event-stream, got {kind or 'none'} (fatal)",
    ]


# -- the body of such an answer --------------------------------------------------------------------


def test_a_short_body_is_read_so_that_its_end_is_clean() -> None:
    show = play((head(403, "Content-Length: 6"), b"not ", 0.5, b"you", "hold"))
    assert show.tail == [
        "0 read 1: 0+4",
        "0.5 read 1: 4+2",
        "0.5 end 1",
        "0.5 done: status 403 (fatal)",
    ]


def test_a_short_body_that_stalls_is_waited_for_no_longer_than_that() -> None:
    show = play((head(403, "Content-Length: 6"), b"not ", "hold"))
    assert show.tail == ["0 read 1: 0+4", f"{DRAIN_S:g} left 1", "1 done: status 403 (fatal)"]
    assert show.heard[0].gone_s == DRAIN_S


def test_a_body_cut_short_changes_nothing_about_the_answer() -> None:
    show = play((head(403, "Content-Length: 6"), b"not ", 0.5, "rst"))
    assert show.tail == ["0 read 1: 0+4", "0.5 reset 1", "0.5 done: status 403 (fatal)"]


@pytest.mark.parametrize(
    "length", [f"Content-Length: {DRAIN_BYTES + 1}", "Transfer-Encoding: chunked", "X: 1"]
)
def test_any_other_body_is_not_read(length: str) -> None:
    show = play((head(403, length), "hold"))
    assert show.tail == ["0 left 1", "0 done: status 403 (fatal)"]
    assert (show.heard[0].gone, show.heard[0].gone_s) == ("fin", 0.0)


# -- redirects -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "method", "becomes"),
    [
        *((status, "GET", "GET") for status in (301, 302, 303, 307, 308)),
        *((status, "POST", "GET") for status in (301, 302, 303)),
        *((status, "POST", "POST") for status in (307, 308)),
        (301, "PUT", "PUT"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
    ],
)
def test_redirects_are_followed_as_fetch_does(status: int, method: str, becomes: str) -> None:
    body = None if method in {"GET", "HEAD"} else "ask"
    show = play(
        (head(status, "Location: /there?a=b", "Content-Length: 0"), "hold"),
        GOODBYE,
        method=method,
        body=body,
        headers=(("X-Tenant", "a"),),
        last_event_id="7",
    )
    first, second = show.heard
    assert requests(show) == [f"{method} /events", f"{becomes} /there?a=b"]
    assert second.header("X-Tenant") == "a"
    assert second.header("Last-Event-ID") == "7"
    is_kept = becomes == method
    assert second.body == (first.body if is_kept else b"")
    assert second.header("Content-Type") == (first.header("Content-Type") if is_kept else None)
    assert [it.body_bytes for it in show.of(journal.ClientRequest)] == [
        len(first.body),
        len(second.body),
    ]
    assert show.lines[:4] == ["0 request 1", f"0 head 1: {status}", "0 end 1", "0 request 2"]


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/there", "/there"),
        ("there", "/a/there"),
        ("?b=c", "/a/events?b=c"),
        ("../there", "/there"),
        ("//target.test/there", "/there"),
        ("http://target.test/there", "/there"),
        ("HTTP://TARGET.test:80/there#part", "/there"),
        ("/caf\u00c3\u00a9", "/caf%C3%A9"),
    ],
)
def test_a_location_on_the_same_origin_stays_on_the_chain(location: str, target: str) -> None:
    show = play(
        (head(302, f"Location: {location}"), "hold"), GOODBYE, url="http://target.test/a/events"
    )
    assert requests(show) == ["GET /a/events", f"GET {target}"]
    assert show.heard[1].header("Host") == "target.test"
    assert show.around == []


@pytest.mark.parametrize(
    "location",
    [
        "http://elsewhere.test/there",
        "http://target.test:8080/there",
        "https://target.test/there",
        "//sub.target.test/there",
    ],
)
def test_a_location_on_another_origin_leads_around_hop_1(location: str) -> None:
    show = play((head(307, f"Location: {location}?token=secret"), "hold"), GOODBYE)
    scheme = "" if location.startswith("http") else "http:"
    assert show.around == [f"{scheme}{location}?token=[redacted]"]
    assert done(show) == (f"redirected around hop 1, to {show.around[0]}", True)
    assert len(show.heard) == 1


def test_behind_plain_hops_an_https_target_is_the_same_origin_still() -> None:
    show = play(
        (head(302, "Location: https://target.test/there"), "hold"),
        (head(302, "Location: http://target.test/here"), "hold"),
        GOODBYE,
        url="https://target.test/events",
    )
    assert requests(show) == ["GET /events", "GET /there", "GET /here"]
    assert {it.url.partition(":")[0] for it in show.of(journal.ClientRequest)} == {"http"}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ([], "status 302 without a location"),
        (["Location:"], "status 302 without a location"),
        (["Location: /a", "Location: /b"], "status 302 with 2 locations"),
        (["Location: ftp://target.test/a"], "status 302 with a location that is not http: ftp"),
        (["Location: data:text/plain,a"], "status 302 with a location that is not http: data"),
        (["Location: http://a:b:c/"], "status 302 with a location that is no URL: Invalid port"),
    ],
)
def test_a_redirect_to_nowhere_is_fatal(fields: list[str], reason: str) -> None:
    told, is_fatal = done(play((head(302, *fields), "hold"), GOODBYE))
    assert told.startswith(reason)
    assert is_fatal


def test_a_redirect_loop_is_fatal() -> None:
    show = play((head(302, "Location: /events"), "hold"))
    assert done(show) == ("redirected more than 20 times", True)
    assert len(show.heard) == 21


def test_a_reconnect_begins_at_the_first_url_again() -> None:
    show = play(
        (head(301, "Location: /there"), "hold"),
        (stream(), b"id: 7\n\n", "fin"),
        (head(302, "Location: /elsewhere"), "hold"),
        GOODBYE,
        method="POST",
        body="ask",
    )
    assert requests(show) == ["POST /events", "GET /there", "POST /events", "GET /elsewhere"]
    assert [it.header("Last-Event-ID") for it in show.heard] == [None, None, "7", "7"]
    assert [it.x for it in show.of(journal.ClientRequest)] == [1, 2, 3, 4]
    assert [it.t_s for it in show.of(journal.ClientRequest)] == [0.0, 0.0, 3.0, 3.0]
