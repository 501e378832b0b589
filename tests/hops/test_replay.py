"""A chain over an observed stream: no network, no clock, the same machines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import pytest

from harness.faults.base import RequestHead
from harness.hops import build
from harness.hops.observed import Asked, Got, Said
from harness.hops.replay import NothingLeftError, Replay
from harness.model import journal
from harness.model.journal import Entry
from harness.wire.coding import decoder
from harness.wire.headers import Headers, value
from tests.testkit.stage import Yaml, hops
from tests.testkit.stage_faults import FAULTS, known

STREAM: Headers = (("Content-Type", "text/event-stream"),)
E1, E2, E3 = b"id: 1\ndata: one\n\n", b"id: 2\ndata: two\n\n", b"id: 3\ndata: three\n\n"
EVENTS = ((1.0, E1), (2.0, E2), (3.0, E3))


def says(
    *reads: tuple[float, bytes],
    end: str | None = "end",
    end_s: float = 10.0,
    status: int = 200,
    framing: str = "chunked",
    headers: Headers = STREAM,
    head_s: float = 0.0,
) -> Said:
    return Said(status, "HTTP/1.1", framing, headers, head_s, reads, end, end_s)


def asks(
    t_s: float = 0.0,
    *,
    x: int = 1,
    method: str = "GET",
    headers: Headers = (),
    gone_s: float | None = None,
    reads_on: bool = False,
) -> Asked:
    return Asked(1, x, t_s, method, "/events", headers, gone_s, reads_on=reads_on)


class Run:
    """One replay, and all that came of it."""

    def __init__(
        self,
        through: Sequence[Yaml],
        said: Iterable[Said],
        asked: Sequence[Asked] = (),
        *,
        until_s: float = 1000.0,
        seed: int = 1,
    ) -> None:
        self.entries: list[Entry] = []
        self.requests: list[RequestHead] = []
        self.ticks: list[float] = []
        left = iter(said)

        def answer(head: RequestHead) -> Said:
            self.requests.append(head)
            try:
                return next(left)
            except StopIteration:
                raise NothingLeftError from None

        with known(FAULTS):
            machines = build.machines(hops(through), seed, self.entries.append)
        replay = Replay(machines, answer, until_s, self.ticks.append)
        self.got: list[Got] = replay.run(asked or [asks()])

    @property
    def notes(self) -> list[tuple[int, str, str]]:
        notes = [it for it in self.entries if isinstance(it, journal.FaultNote)]
        return [(it.hop, it.name, it.what) for it in notes if it.what != "armed"]


def replayed(through: Sequence[Yaml], *said: Said) -> Got:
    """What one client gets."""
    return Run(through, said).got[0]


def arrivals(got: Got) -> list[tuple[float, bytes]]:
    """Time and new bytes of each arrival."""
    out, before = [], 0
    for t_s, data in got.body:
        out.append((round(t_s, 6), data[before:]))
        before = len(data)
    return out


def ended(got: Got) -> tuple[str | None, float | None]:
    return got.end, None if got.end_s is None else round(got.end_s, 6)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_a_chain_without_faults_changes_nothing(count: int) -> None:
    got = replayed([{}] * count, says(*EVENTS, head_s=0.5))
    assert (got.status, got.head_s, value(got.headers, "content-type")) == (
        200,
        0.5,
        "text/event-stream",
    )
    assert arrivals(got) == list(EVENTS)
    assert ended(got) == ("end", 10.0)


@pytest.mark.parametrize("how", ["end", "truncation", "reset"])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_an_end_is_told_as_it_was(how: str, count: int) -> None:
    assert ended(replayed([{}] * count, says(end=how))) == (how, 10.0)


def test_a_stream_still_open_at_the_end_has_no_end() -> None:
    assert ended(replayed([{}], says(*EVENTS, end=None))) == (None, None)


@pytest.mark.parametrize(
    ("through", "status", "end"),
    [([], None, "refused"), ([{}], 502, "end"), ([{}, {}], 502, "end")],
)
def test_a_target_that_refuses_is_answered_for_by_the_last_hop(
    through: Sequence[Yaml], status: int | None, end: str
) -> None:
    got = replayed(through, says(status=0, end="refused", end_s=0.0))
    assert (got.status, got.end) == (status, end)


def test_what_does_not_speak_http_is_a_truncation_at_the_client() -> None:
    assert ended(replayed([{}], says(end="malformed"))) == ("truncation", 10.0)


# -- the faults --------------------------------------------------------------------------------


def test_idle_timeout_fires_after_the_silence() -> None:
    run = Run([{"idle_timeout": {"after": "5s"}}], [says(*EVENTS)])
    assert arrivals(run.got[0]) == list(EVENTS)
    assert ended(run.got[0]) == ("truncation", 8.001)
    assert run.notes == [(1, "idle_timeout", "fired")]


def test_idle_timeout_is_defeated_by_data() -> None:
    run = Run([{"idle_timeout": {"after": "8s"}}], [says(*EVENTS)])
    assert ended(run.got[0]) == ("end", 10.0)
    assert run.notes == [(1, "idle_timeout", "defeated")]


def test_before_the_head_a_limit_answers() -> None:
    got = replayed([{"idle_timeout": {"after": "5s"}}], says(head_s=60.0))
    assert (got.status, got.head_s, got.body[0][1]) == (504, 5.001, b"504 Gateway Timeout\n")


def test_max_duration_cuts_whatever_comes() -> None:
    got = replayed([{"max_duration": {"after": "2500ms", "mid_stream": "reset"}}], says(*EVENTS))
    assert arrivals(got) == [(1.0, E1), (2.0, E2)]
    assert ended(got) == ("reset", 2.501)


def test_buffer_holds_until_a_block_is_full() -> None:
    block = len(E1) + 3
    got = replayed([{"buffer": {"block": f"{block}B"}}], says(*EVENTS))
    whole = E1 + E2 + E3
    assert arrivals(got) == [
        (2.0, whole[:block]),
        (3.0, whole[block : 2 * block]),
        (10.0, whole[2 * block :]),
    ]


def test_buffer_lets_go_when_its_time_is_up() -> None:
    got = replayed([{"buffer": {"flush_after": "1500ms"}}], says(*EVENTS))
    assert arrivals(got) == [(2.501, E1 + E2), (4.501, E3)]


def test_latency_delays_everything_alike() -> None:
    got = replayed([{"latency": {"delay": "250ms"}}], says(*EVENTS))
    assert got.head_s == 0.25
    assert arrivals(got) == [(1.25, E1), (2.25, E2), (3.25, E3)]
    assert ended(got) == ("end", 10.25)


def test_jitter_comes_from_the_seed_and_the_place_of_the_fault() -> None:
    through = [{"latency": {"delay": "1ms", "jitter": "100ms"}}]
    one, same, other = (
        arrivals(Run(through, [says(*EVENTS)], seed=seed).got[0]) for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other
    behind = arrivals(Run([{}, *through], [says(*EVENTS)], seed=1).got[0])
    assert behind != one


@pytest.mark.parametrize(("flush", "comes_s"), [(True, 1.0), (False, 10.0)])
def test_compress_flushes_or_holds(flush: bool, comes_s: float) -> None:
    run = Run(
        [{"compress": {"coding": "gzip", "flush": flush}}],
        [says(*EVENTS)],
        [asks(headers=(("Accept-Encoding", "gzip"),))],
    )
    (got,) = run.got
    assert value(got.headers, "content-encoding") == "gzip"
    decode = decoder("gzip")
    seen = [(t_s, decode.decompress(data)) for t_s, data in arrivals(got)]
    assert next(t_s for t_s, data in seen if data) == comes_s
    assert b"".join(data for _, data in seen) == E1 + E2 + E3


@pytest.mark.parametrize(
    ("place", "kept"),
    [
        ("after_id", E1 + b"id: 2\n"[:-1] + b"\n"),
        ("mid_field", E1 + b"id: 2\ndata: t"),
        ("before_blank_line", E1 + E2[:-1]),
        ("after_blank_line", E1 + E2),
    ],
)
def test_cut_cuts_at_its_place(place: str, kept: bytes) -> None:
    got = replayed([{"cut": {"place": place}}], says(*EVENTS))
    assert got.body[-1][1] == kept
    assert ended(got) == ("truncation", 2.0)


def test_answer_answers_the_request_it_is_meant_for() -> None:
    run = Run(
        [{"answer": {"status": 503, "on": 2}}],
        [says(), says()],
        [asks(0.0), asks(20.0), asks(40.0)],
    )
    assert [it.status for it in run.got] == [200, 503, 200]
    assert [it.end for it in run.got] == ["end"] * 3
    assert len(run.requests) == 2


def test_rewrite_headers_changes_what_the_target_and_the_client_see() -> None:
    rules = {"request": {"remove": ["Last-Event-ID"]}, "response": {"set": {"X-A": "1"}}}
    run = Run(
        [{"rewrite_headers": rules}], [says()], [asks(headers=(("Last-Event-ID", "7"), ("A", "b")))]
    )
    assert run.requests[0].headers == (("A", "b"),)
    assert value(run.got[0].headers, "x-a") == "1"


# -- chains ------------------------------------------------------------------------------------


def test_of_equal_limits_the_one_nearest_the_target_fires() -> None:
    run = Run([{"idle_timeout": {"after": "5s"}}] * 3, [says(*EVENTS)])
    assert ended(run.got[0]) == ("truncation", 8.001)
    assert run.notes == [
        (3, "idle_timeout", "fired"),
        (2, "idle_timeout", "not_reached"),
        (1, "idle_timeout", "not_reached"),
    ]


def test_what_one_hop_holds_is_a_silence_for_the_next() -> None:
    run = Run([{"idle_timeout": {"after": "5s"}}, {"buffer": {"until_end": True}}], [says(*EVENTS)])
    assert arrivals(run.got[0]) == []
    assert ended(run.got[0]) == ("truncation", 5.001)


def test_a_hop_that_cuts_closes_the_hop_behind_it() -> None:
    run = Run([{"max_duration": {"after": "2500ms"}}, {}], [says(*EVENTS)])
    gone = [it for it in run.entries if isinstance(it, journal.HopClientGone)]
    assert [(it.hop, it.how) for it in gone] == [(2, "fin")]


def test_the_length_of_a_response_tells_its_end_before_the_hop_does() -> None:
    headers = (("Content-Length", str(len(E1))),)
    got = replayed(
        [{}, {"latency": {"delay": "1s", "jitter": "60s"}}],
        says((1.0, E1), framing="length", headers=headers, end_s=1.0),
    )
    assert got.end == "end"
    assert got.end_s == got.body[-1][0]


@pytest.mark.parametrize("count", [1, 2])
def test_a_length_that_is_not_reached_is_a_truncation_at_every_hop(count: int) -> None:
    cut = {"cut": {"after_bytes": "5B", "how": "end"}}
    headers = (("Content-Length", str(len(E1))),)
    run = Run([*[{}] * count, cut], [says((1.0, E1), framing="length", headers=headers)])
    assert run.got[0].body[-1][1] == E1[:5]
    assert ended(run.got[0]) == ("truncation", 1.0)
    ends = [it.how for it in run.entries if isinstance(it, journal.HopUpstreamEnd)]
    assert ends == ["truncation"] * count


def test_who_has_all_of_a_response_closes_its_connection() -> None:
    cut = {"cut": {"after_events": 1, "how": "end", "upstream": "leave_open"}}
    run = Run([{}, cut, {"idle_timeout": {"after": "5s"}}], [says(*EVENTS, end_s=60.0)])
    assert ended(run.got[0]) == ("end", 1.0)
    assert run.notes == [(2, "cut", "fired"), (3, "idle_timeout", "not_reached")]


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_is_over_with_its_head(status: int) -> None:
    run = Run(
        [{"latency": {"delay": "1s", "jitter": "60s"}}],
        [says(status=status, framing="none", headers=(), end_s=0.0)],
    )
    assert ended(run.got[0]) == ("end", round(run.got[0].head_s or 0.0, 6))


def test_a_truncation_looks_clean_where_the_close_delimits_the_body() -> None:
    """A hop that asks in HTTP/1.0 is answered without chunks."""
    got = replayed([{"old_upstream": None}, {"max_duration": {"after": "2500ms"}}], says(*EVENTS))
    assert ended(got) == ("end", 2.501)


def test_what_comes_while_a_hop_does_not_read_waits() -> None:
    got = replayed([{}, {"pauses": {"word": "one", "for": "5s"}}], says(*EVENTS, end_s=4.0))
    assert arrivals(got) == [(1.0, E1), (6.0, E2 + E3)]
    assert ended(got) == ("end", 6.0)


def test_a_second_attempt_is_another_request() -> None:
    run = Run([{}, {"tries_twice": None}], [says(status=503, headers=()), says(*EVENTS)])
    assert run.got[0].status == 200
    assert arrivals(run.got[0]) == list(EVENTS)
    assert len(run.requests) == 2


def test_followers_get_the_leaders_data() -> None:
    run = Run([{"joins": None}], [says(*EVENTS)], [asks(0.0), asks(0.5, x=2), asks(1.5, x=3)])
    assert [arrivals(got) for got in run.got] == [list(EVENTS), list(EVENTS), list(EVENTS[1:])]
    assert [ended(got) for got in run.got] == [("end", 10.0)] * 3


# -- clients -----------------------------------------------------------------------------------


def test_reconnects_get_what_the_target_said_next_from_their_own_beginning() -> None:
    run = Run(
        [{"max_duration": {"after": "1500ms"}}],
        [says((1.0, E1), (2.0, E2)), says((0.25, E2), (1.25, E3))],
        [asks(0.0), asks(4.5, x=2)],
    )
    assert [arrivals(got) for got in run.got] == [[(1.0, E1)], [(4.75, E2), (5.75, E3)]]
    assert [ended(got) for got in run.got] == [("truncation", 1.501), ("truncation", 6.001)]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_client_that_leaves_gets_nothing_more(count: int) -> None:
    run = Run([{}] * count, [says(*EVENTS)], [asks(gone_s=1.5)])
    assert arrivals(run.got[0]) == [(1.0, E1)]
    assert run.got[0].end == "left"
    gone = [it.hop for it in run.entries if isinstance(it, journal.HopClientGone)]
    assert gone == list(range(1, count + 1))
    assert [it for it in run.entries if isinstance(it, journal.HopUpstreamEnd)] == []


def test_a_client_that_shuts_down_its_side_is_cut_off_by_the_hop() -> None:
    run = Run([{}, {}], [says(*EVENTS)], [asks(gone_s=1.5, reads_on=True)])
    assert arrivals(run.got[0]) == [(1.0, E1)]
    assert ended(run.got[0]) == ("truncation", 1.5)


# -- limits of a replay ------------------------------------------------------------------------


def test_nothing_happens_after_the_end_of_the_case() -> None:
    run = Run([{"idle_timeout": {"after": "60s"}}], [says(*EVENTS)], until_s=2.5)
    assert arrivals(run.got[0]) == [(1.0, E1), (2.0, E2)]
    assert run.notes == [(1, "idle_timeout", "not_reached")]


def test_time_never_goes_back() -> None:
    run = Run(
        [{"latency": {"delay": "10ms", "jitter": "5s", "direction": "both"}}] * 3,
        [says(*EVENTS), says(*EVENTS)],
        [asks(0.0), asks(0.5, x=2)],
    )
    assert run.ticks == sorted(run.ticks)
    assert run.ticks[-1] < math.inf


def test_a_hop_that_asks_more_often_than_was_observed_is_told_so() -> None:
    with pytest.raises(NothingLeftError):
        Run([{}], [says()], [asks(0.0), asks(1.0, x=2)])


def test_two_replays_of_one_seed_are_one() -> None:
    through = [{"latency": {"delay": "10ms", "jitter": "1s"}}, {"buffer": {"flush_after": "1s"}}]
    first, second = (Run(through, [says(*EVENTS)], seed=7) for _ in range(2))
    assert first.got == second.got
    assert first.entries == second.entries


def test_a_script_cannot_be_replayed() -> None:
    with pytest.raises(ValueError, match="hop 2 has a script: only mitmproxy can drive it"):
        build.machines(hops([{}, {"script": "a.py"}]), 1, lambda _: None)
