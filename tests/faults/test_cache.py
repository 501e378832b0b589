from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal

import pytest
from pydantic import ValidationError

from harness.faults.base import (
    TIE_S,
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    Forward,
    ForwardHead,
    RequestData,
    RequestEnd,
    ResponseHead,
    SendData,
    SendEnd,
    SendRequest,
    UpstreamEnd,
    WakeAt,
    passed,
)
from harness.faults.cache import Cache
from harness.faults.registry import build
from tests.testkit.playbook import GET, NEVER, Playbook, defeated, fired, not_reached

FRESH = ResponseHead(200, (("Cache-Control", "max-age=60"),))
NO_CACHE = replace(FRESH, headers=(("Cache-Control", "no-cache"),))
PRIVATE = defeated("Cache-Control: no-cache in the response")
END = UpstreamEnd("end")
POST = replace(GET, method="POST")


def aged(seconds: int) -> ForwardHead:
    return ForwardHead(replace(FRESH, headers=(*FRESH.headers, ("Age", str(seconds)))))


def cache(**settings: Any) -> Cache:
    config = build("cache", settings)
    assert isinstance(config, Cache)
    return config


def asked(config: Cache | None = None, **settings: Any) -> Playbook:
    """Client 1 has asked, at 0 s."""
    play = Playbook(config or cache(**settings)).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> RequestEnd() << SendEnd()
    return play


def streaming(head: ResponseHead = FRESH, **settings: Any) -> Playbook:
    """Client 1 has got `abc` of its response, at 2 s."""
    play = asked(**settings)
    return play.at(2.0).unheard(head, Data(b"a"), Data(b"bc"))


def waits(leader: int = 1) -> Any:
    return fired(f"waits for request {leader}")


# -- copies ------------------------------------------------------------------------------------


def test_who_comes_later_gets_a_copy() -> None:
    play = asked()
    assert play.at(2.0) >> FRESH << ForwardHead(FRESH)
    assert play >> Data(b"abc") << Forward(b"abc")
    assert play.at(5.0) >> END << End("end") << not_reached("stored for 60 s", offset=3)
    assert (
        play.at(9.5, x=2)
        >> GET
        << fired("a copy, 7.5 s old")
        << aged(7)
        << Forward(b"abc")
        << End("end")
    )
    assert play >> RequestEnd()
    assert play >> ClientGone("fin") << CloseUpstream("fin")
    assert play.at(62.0, x=3) >> GET << SendRequest(GET)


def test_a_copy_of_nothing_is_a_head() -> None:
    play = asked(age=False)
    play.unheard(FRESH, END)
    assert (
        play.at(1.0, x=2) >> GET << fired("a copy, 1.0 s old") << ForwardHead(FRESH) << End("end")
    )


def test_neither_another_target_nor_another_method_is_the_same() -> None:
    play = streaming()
    play.unheard(END)
    other = replace(GET, target="/other")
    assert play.at(3.0, x=2) >> other << SendRequest(other)
    assert play.at(3.0, x=3) >> POST << not_reached("POST is not shared") << SendRequest(POST)
    assert play >> RequestData(b"q") << SendData(b"q")
    assert play >> FRESH << ForwardHead(FRESH)
    assert play >> END << End("end")


@pytest.mark.parametrize("how", ["truncation", "reset"])
def test_what_did_not_come_whole_is_not_kept(how: Literal["truncation", "reset"]) -> None:
    play = streaming()
    reason = not_reached("the response did not come whole", offset=3)
    assert play >> UpstreamEnd(how) << End(how) << reason
    assert play.at(3.0, x=2) >> GET << SendRequest(GET)


def test_a_header_field_keeps_a_response_out() -> None:
    play = asked()
    assert play >> NO_CACHE << ForwardHead(NO_CACHE) << PRIVATE
    assert play >> Data(b"a") << Forward(b"a")
    assert play >> END << End("end")
    assert play.at(1.0, x=2) >> GET << SendRequest(GET)


def test_a_response_that_says_nothing_is_kept_as_long_as_the_default() -> None:
    head = replace(FRESH, headers=())
    play = asked()
    assert play >> head << ForwardHead(head) << not_reached("no max-age in the response")
    play = asked(default_ttl="5s")
    assert play.unheard(head) >> END << End("end") << not_reached("stored for 5 s")
    assert play.at(4.0, x=2).unheard(GET).at(6.0, x=3) >> GET << SendRequest(GET)


def test_a_field_may_count_for_nothing() -> None:
    play = asked(default_ttl="5s", ignore=["Cache-Control"])
    assert play.unheard(NO_CACHE) >> END << End("end") << not_reached("stored for 5 s")


def test_a_request_may_go_past_the_cache() -> None:
    past = replace(GET, headers=(("Cache-Control", "no-cache"),))
    play = streaming(honours_request=True)
    play.unheard(END)
    reason = defeated("Cache-Control: no-cache in the request")
    assert play.at(3.0, x=2) >> past << reason << SendRequest(past)
    play = streaming()
    assert (
        play.unheard(END).at(3.0, x=2)
        >> past
        << fired("a copy, 1.0 s old")
        << aged(1)
        << Forward(b"abc")
        << End("end")
    )


# -- meanwhile: own ------------------------------------------------------------------------------


def test_meanwhile_each_has_its_own() -> None:
    play = streaming()
    assert play.at(3.0, x=2) >> GET << SendRequest(GET)
    assert play >> FRESH << ForwardHead(FRESH)
    assert play.at(4.0, x=1) >> END << End("end") << not_reached("stored for 60 s", offset=3)
    assert play.at(5.0, x=2) >> END << End("end")
    assert play >> CaseOver() << not_reached("nobody else asked for the same")


# -- meanwhile: join -----------------------------------------------------------------------------


def test_a_second_client_joins_the_live_stream_from_its_start() -> None:
    play = streaming(meanwhile="join")
    joined = fired("joined request 1, 1.0 s after it began")
    assert play.at(3.0, x=2) >> GET << joined << aged(1) << Forward(b"abc")
    assert play >> RequestEnd()
    assert play.at(4.0, x=1) >> Data(b"d") << Forward(b"d") << (2, Forward(b"d"))
    assert play >> END << End("end") << (2, End("end")) << not_reached("stored for 60 s", offset=4)
    assert play.at(5.0, x=2) >> CaseOver()


def test_who_joins_before_the_head_waits_for_it() -> None:
    play = asked(meanwhile="join")
    assert play.at(1.0, x=2) >> GET << waits()
    assert play.at(1.0, x=3) >> GET << waits()
    assert play.at(2.0, x=1) >> FRESH << ForwardHead(FRESH) << (2, aged(0)) << (3, aged(0))
    assert play >> Data(b"a") << Forward(b"a") << (2, Forward(b"a")) << (3, Forward(b"a"))


def test_or_has_its_own() -> None:
    play = asked(meanwhile="join", before_head="own")
    assert play.at(1.0, x=2) >> GET << SendRequest(GET)
    assert play.at(2.0, x=1) >> FRESH << ForwardHead(FRESH)
    assert play.at(2.0, x=3) >> GET << fired("joined request 1, 0.0 s after it began") << aged(0)


@pytest.mark.parametrize("how", ["truncation", "reset"])
def test_who_joined_ends_as_the_response_does(how: Literal["truncation", "reset"]) -> None:
    play = streaming(meanwhile="join").at(3.0, x=2).unheard(GET).at(4.0, x=1)
    whole = not_reached("the response did not come whole", offset=3)
    assert play >> UpstreamEnd(how) << End(how) << (2, End(how)) << whole


def test_who_joined_keeps_the_fetch_alive() -> None:
    play = streaming(meanwhile="join").at(3.0, x=2).unheard(GET)
    assert play.at(4.0, x=1) >> ClientGone("fin")
    assert play >> Data(b"d") << (2, Forward(b"d"))
    assert (
        play.at(5.0, x=2)
        >> ClientGone("rst")
        << CloseUpstream("rst")
        << (
            1,
            CloseUpstream("fin"),
        )
    )
    assert play.at(6.0, x=3) >> GET << SendRequest(GET)


def test_who_joined_and_left_is_missed_by_nobody() -> None:
    play = streaming(meanwhile="join").at(3.0, x=2).unheard(GET)
    assert play >> ClientGone("fin") << CloseUpstream("fin")
    assert play.at(4.0, x=1) >> Data(b"d") << Forward(b"d")


# -- meanwhile: wait -----------------------------------------------------------------------------


def test_a_second_client_waits_until_the_first_one_is_done() -> None:
    play = streaming(meanwhile="wait")
    assert play.at(3.0, x=2) >> GET << waits()
    assert play >> RequestEnd()
    assert play.at(4.0, x=1) >> Data(b"d") << Forward(b"d")
    assert (
        play.at(5.0)
        >> END
        << End("end")
        << not_reached("stored for 60 s", offset=4)
        << (2, aged(3))
        << (2, Forward(b"abcd"))
        << (2, End("end"))
    )


def test_who_waits_looks_now_and_then() -> None:
    play = streaming(meanwhile="wait", poll="500ms")
    assert play.at(3.1, x=2) >> GET << waits()
    assert play.at(4.0, x=1).unheard(END).at(4.05)
    assert play.at(5.0).woke(4.1, x=2) << (2, aged(2)) << (2, Forward(b"abc")) << (2, End("end"))


def test_who_waits_too_long_has_its_own_which_is_not_kept() -> None:
    play = streaming(meanwhile="wait", lock_timeout="5s")
    assert play.at(3.0, x=2) >> POST << not_reached("POST is not shared") << SendRequest(POST)
    assert play.at(3.0, x=3) >> GET << waits() << WakeAt(8 + TIE_S)
    assert play >> RequestEnd()
    assert play.at(9.0, x=3).woke(8 + TIE_S) << SendRequest(GET) << SendEnd()
    assert play >> FRESH << ForwardHead(FRESH)
    assert play >> END << End("end")
    assert play.at(9.0, x=4) >> GET << waits() << WakeAt(14 + TIE_S)


def test_a_fetch_may_be_too_old_to_wait_for() -> None:
    play = streaming(meanwhile="wait", lock_age="5s")
    assert play.at(3.0, x=2) >> GET << waits() << WakeAt(5 + TIE_S)
    assert play.at(4.0, x=3) >> GET << waits() << WakeAt(5 + TIE_S)
    assert (play.at(6.0).woke(5 + TIE_S, x=2) << (2, SendRequest(GET))).woke(5 + TIE_S, x=3) << (
        3,
        WakeAt(10 + 2 * TIE_S),
    )
    assert (
        play.at(7.0, x=1).unheard(Data(b"d"))
        >> END
        << End("end")
        << not_reached("stored for 60 s", offset=4)
        << (3, NEVER)
        << (3, aged(5))
        << (3, Forward(b"abcd"))
        << (3, End("end"))
    )


@pytest.mark.parametrize("meanwhile", ["join", "wait"])
def test_who_waited_for_what_may_not_be_shared_goes_its_own_way(meanwhile: str) -> None:
    play = asked(meanwhile=meanwhile)
    play.at(1.0, x=2).unheard(GET, RequestEnd()).at(1.0, x=3).unheard(GET, RequestEnd())
    assert (
        play.at(2.0, x=1)
        >> NO_CACHE
        << ForwardHead(NO_CACHE)
        << PRIVATE
        << (2, SendRequest(GET))
        << (2, SendEnd())
        << (3, SendRequest(GET))
        << (3, SendEnd())
    )


@pytest.mark.parametrize("meanwhile", ["join", "wait"])
def test_or_one_after_the_other(meanwhile: str) -> None:
    play = asked(meanwhile=meanwhile, on_uncacheable="serialise")
    play.at(1.0, x=2).unheard(GET).at(1.0, x=3).unheard(GET)
    head = ForwardHead(NO_CACHE)
    assert play.at(2.0, x=1) >> NO_CACHE << head << PRIVATE << (2, SendRequest(GET))
    assert play.at(4.0, x=2) >> NO_CACHE << head << (3, SendRequest(GET))
    assert play.at(6.0, x=3) >> NO_CACHE << head


@pytest.mark.parametrize("event", [UpstreamEnd("truncation"), ClientGone("fin")])
def test_after_a_failure_the_next_one_asks(event: UpstreamEnd | ClientGone) -> None:
    play = asked(meanwhile="wait")
    play.at(1.0, x=2).unheard(GET).at(1.0, x=3).unheard(GET)
    play.at(2.0, x=1) >> event << passed(event)
    if isinstance(event, UpstreamEnd):
        play << not_reached("the response did not come whole")
    assert play << (2, SendRequest(GET))
    assert play.at(3.0, x=2) >> FRESH << ForwardHead(FRESH)
    assert play >> END << End("end") << (3, aged(0)) << (3, End("end"))


def test_who_leaves_while_it_waits_is_served_nothing() -> None:
    play = streaming(meanwhile="wait", lock_timeout="9s")
    assert play.at(3.0, x=2) >> GET << waits() << WakeAt(12 + TIE_S)
    assert play >> ClientGone("fin") << NEVER << CloseUpstream("fin")
    assert play >> CaseOver()
    assert play.at(4.0, x=1) >> END << End("end") << not_reached("stored for 60 s", offset=3)


# -- a fetch that nobody wants any more ----------------------------------------------------------


def test_a_fetch_that_nobody_wants_is_closed() -> None:
    play = streaming()
    assert play >> ClientGone("rst") << CloseUpstream("rst")
    assert play.at(3.0, x=2) >> GET << SendRequest(GET)


def test_or_finished_for_the_cache_alone() -> None:
    play = streaming(abandoned="finish")
    assert play >> ClientGone("rst")
    assert play >> Data(b"d")
    assert play.at(4.0) >> END << not_reached("stored for 60 s", offset=4)
    assert (
        play.at(5.0, x=2)
        >> GET
        << fired("a copy, 3.0 s old")
        << aged(3)
        << Forward(b"abcd")
        << End("end")
    )


def test_unless_it_turns_out_that_it_may_not_be_kept() -> None:
    play = asked(abandoned="finish")
    assert play >> ClientGone("rst")
    assert play >> NO_CACHE << PRIVATE << CloseUpstream("fin")


# -- room ----------------------------------------------------------------------------------------


class Small(Cache):
    """Room for little."""

    held_bytes: ClassVar[int] = 4


def test_a_response_there_is_no_room_for_is_not_shared() -> None:
    play = asked(Small(meanwhile="join"))
    play.unheard(FRESH, Data(b"abc")).at(1.0, x=2).unheard(GET)
    note = not_reached("no room to keep the response", offset=5)
    assert play.at(2.0, x=1) >> Data(b"de") << note << Forward(b"de") << (2, Forward(b"de"))
    assert play.at(3.0, x=3) >> GET << SendRequest(GET)
    assert play.at(4.0, x=1) >> END << End("end") << (2, End("end"))


def test_nor_finished_for_nobody() -> None:
    play = asked(Small(abandoned="finish"))
    play.unheard(FRESH, ClientGone("fin"))
    note = not_reached("no room to keep the response", offset=5)
    assert play >> Data(b"abcde") << note << CloseUpstream("fin")


@pytest.mark.parametrize(
    "settings",
    [
        {"ignore": ["Vary"]},
        {"meanwhile": "share"},
        {"lock_timeout": "0s"},
        {"default_ttl": 60},
        {"on_uncacheable": "wait"},
    ],
)
def test_refuses(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        cache(**settings)
