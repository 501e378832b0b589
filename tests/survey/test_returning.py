"""A client that comes back to a chain that ended its stream, and what the target says to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.engine.case import perform
from harness.engine.stage import Props
from harness.hops import observed
from harness.hops.observed import Asked, Got
from harness.model import journal
from harness.model.ask import Ask
from harness.model.promises import Promises
from harness.model.scenario import Case, Scenario, Target
from harness.model.verdict import Finding
from harness.scenario.chain import parse_chain
from harness.survey.cells import Cell
from harness.survey.judging import Judged
from harness.survey.kinds import MCP, NOTIFICATIONS, TICKER, Kind
from harness.survey.observation import Observation
from harness.survey.resuming import How
from harness.survey.returning import comes_back, goes_on, onward
from harness.survey.rows import rows_of_paths
from harness.units import YAML_CONTEXT
from harness.wire.coding import decoder, encoder
from harness.wire.headers import Headers
from tests.survey.seen import STREAM, every, judge, saw

IDS = "id: {n}\ndata: {n}\n\n"
FIRST = saw(*every(1.0, 10, text=IDS), watched_s=10.5)
AGAIN = saw((0.2, "id: 5\ndata: 5\n\n"), watched_s=3.0, head_s=0.1, ask=Ask(last_event_id="4"))
LIMIT = "max_duration: {after: 6500ms}"


def through(
    chain: str,
    first: Observation = FIRST,
    *others: Observation,
    how: How = "goes on",
    kind: Kind = NOTIFICATIONS,
) -> Judged:
    cell = Cell("test", parse_chain(chain))
    return judge(first, AGAIN, *others, how=how, kind=kind).staying(cell)


def found(judged: Judged, check: str) -> Finding:
    (finding,) = [it for it in judged.case.findings if it.check == check]
    return finding


def asked(judged: Judged) -> list[tuple[float, str | None]]:
    """When a client asked, and with which id."""
    assert judged.entries is not None
    return [
        (round(it.t_s, 3), dict(it.headers).get("Last-Event-ID"))
        for it in judged.entries
        if isinstance(it, journal.ClientRequest)
    ]


# -- what the target says ----------------------------------------------------------------------


def said(
    last_id: str, now_s: float, first: Observation = FIRST, until_s: float = 30.0
) -> list[tuple[float, str]] | None:
    it = onward(first, AGAIN, until_s, 1000).after(last_id, now_s, first)
    if it is None:
        return None
    unpack = decoder(", ".join(first.codings))
    return [(round(t_s, 3), unpack.decompress(data).decode()) for t_s, data in it.reads]


def event(n: int | str, data: int) -> str:
    return f"id: {n}\ndata: {data}\n\n"


def test_what_was_missed_comes_at_once_and_then_what_comes_anyway() -> None:
    heard = said("3", 6.5)

    assert heard is not None
    # As soon as it came to the client that was seen to come back.
    assert heard[0] == (0.2, event(4, 4) + event(5, 5))
    assert heard[1] == (0.5, event(6, 6))


def test_ids_that_count_go_on_counting() -> None:
    heard = said("7", 8.5)

    assert heard is not None
    texts = "".join(text for _, text in heard)
    ids = [line.removeprefix("id: ") for line in texts.splitlines() if line.startswith("id")]
    assert ids == [str(n) for n in range(8, 8 + len(ids))]
    # The data is that of what is repeated.
    assert event(10, 1) in texts


def test_other_ids_are_told_apart_by_a_number() -> None:
    first = saw(*every(1.0, 4, text="id: x{n}\ndata: {n}\n\n"), watched_s=4.5)
    heard = said("x1", 3.5, first, 8.0)

    assert heard is not None
    texts = "".join(text for _, text in heard)
    assert "id: x2\n" in texts
    assert "id: x1.1\n" in texts
    assert "id: x3.1\n" in texts


def test_an_id_that_nobody_has_had_by_then_is_not_known() -> None:
    assert said("8", 6.5) is None
    assert said("nonsense", 6.5) is None


def test_lines_may_end_with_cr_alone() -> None:
    first = saw(*every(1.0, 10, text="data: {n}\rid: {n}\r\r"), watched_s=10.5)
    heard = said("3", 6.5, first)

    assert heard is not None
    assert heard[0][1] == "data: 4\rid: 4\r\rdata: 5\rid: 5\r\r"


def test_a_target_that_remembers_for_a_while_sends_what_came_since() -> None:
    promises = Promises.model_validate({"resume_window": "3s"}, context=YAML_CONTEXT)
    forgetful = replace(FIRST, promises=promises)

    assert said("2", 6.5, forgetful) is None
    heard = said("3", 6.5, forgetful)
    assert heard is not None
    assert heard[0] == (0.2, event(4, 4) + event(5, 5))


def test_a_client_that_is_away_for_longer_than_that_is_judged_as_before() -> None:
    promises = Promises.model_validate({"resume_window": "3s"}, context=YAML_CONTEXT)
    judged = through(f"[{{{LIMIT}}}]", replace(FIRST, promises=promises))

    assert asked(judged) == [(0.0, None)]
    assert "resumes" not in {it.check for it in judged.case.findings}


def test_heartbeats_are_not_missed() -> None:
    reads = [(n + 0.5, ": hb\n\n") for n in range(9)]
    first = saw(*sorted([*reads, *every(1.0, 10, text=IDS)]), watched_s=10.2)
    heard = said("3", 6.4, first)

    assert heard is not None
    assert ": hb" not in heard[0][1]
    assert ": hb" in heard[1][1]


def test_it_is_coded_as_the_target_codes() -> None:
    coder = encoder("gzip")
    reads = [
        (t_s, coder.compress(text.encode()) + coder.flush())
        for t_s, text in every(1.0, 10, text=IDS)
    ]
    headers: Headers = (*STREAM, ("Content-Encoding", "gzip"))
    heard = said("3", 6.4, saw(*reads, watched_s=10.5, headers=headers))

    assert heard is not None
    assert heard[0][1].startswith("id: 4\n")


@pytest.mark.parametrize(
    ("seen", "is_known"),
    [
        (FIRST, True),
        (saw(*every(1.0, 10), watched_s=10.5), False),
        (saw(*every(1.0, 10, text=IDS), end_s=11.0), False),
        (saw((1.0, event(1, 1)), (2.0, "data: 2\n\n"), watched_s=10.5), False),
        (saw((1.0, event(1, 1)), (2.0, "id: 2\n"), (3.0, "data: 2\n\n"), watched_s=9.0), False),
        (saw((1.0, event(1, 1)), (2.0, "id: x\n\n" + event(2, 2)), watched_s=9.0), False),
        (saw(*every(1.0, 10, text="id: {n}\rdata: {n}\r\r"), watched_s=10.5), True),
    ],
)
def test_each_event_has_to_have_an_id_of_its_own(seen: Observation, is_known: bool) -> None:
    assert goes_on(seen) is is_known


def test_a_server_that_resumes_says_just_that() -> None:
    scenario = Scenario.model_validate(
        {
            "id": "test/back",
            "why": "a test",
            "traffic": {"every": "1s"},
            "client": {"eventsource": {"max_attempts": 2}},
            "watch": "13s",
        },
        context=YAML_CONTEXT,
    ).model_copy(update={"through": parse_chain(f"[{{{LIMIT}}}]")})
    case = Case(id="test/back", scenario=scenario, target=Target(), clock="virtual", seed=1)
    entries, _ = perform(case, Props(), None)
    before, after = observed.said(entries)
    back = next(it for it in entries if isinstance(it, journal.TapRequest) and it.x == 2)
    first = saw(*before.reads, watched_s=6.5)
    assert goes_on(first)
    again = saw(*after.reads[1:2], watched_s=3.0)
    it = onward(first, again, 12.9, 1000).after("6", back.t_s, first)

    assert it is not None
    wire = [(round(t_s, 3), data.partition(b"\n")[0]) for t_s, data in after.reads[1:]]
    assert [(round(t_s, 3), data.partition(b"\n")[0]) for t_s, data in it.reads] == wire
    assert wire[0] == (0.0, b"id: 7")
    assert len(wire) == 6


# -- the client --------------------------------------------------------------------------------

REQUEST = Asked(1, 1, 0.0, "GET", "/events", (("Accept", "text/event-stream"),))


def got(body: bytes, status: int | None = 200, headers: Headers = STREAM) -> Got:
    return Got(status=status, headers=headers, head_s=0.0, reads=[(1.0, body)] if body else [])


def test_it_comes_back_after_a_while_with_the_last_id_it_has() -> None:
    again = comes_back(REQUEST, got(b"id: 7\ndata: x\n\nid: 8\nda"), 20.0)

    assert again is not None
    assert (again.x, again.t_s) == (2, 23.0)
    assert again.headers[-1] == ("Last-Event-ID", "7")


def test_it_waits_for_as_long_as_it_is_told() -> None:
    again = comes_back(REQUEST, got(b"retry: 500\n\nid: 7\ndata: x\n\n"), 20.0)

    assert again is not None
    assert again.t_s == 20.5


@pytest.mark.parametrize(
    "it",
    [
        got(b"data: x\n\n"),
        got(b""),
        got(b"id: 7\ndata: x\n\n", status=502),
        got(b"id: 7\ndata: x\n\n", headers=(("Content-Type", "text/plain"),)),
        got(b"", status=None),
    ],
    ids=["no id", "nothing", "an error", "no stream", "no head"],
)
def test_without_an_id_or_a_stream_it_does_not(it: Got) -> None:
    assert comes_back(REQUEST, it, 20.0) is None


def test_it_comes_back_once() -> None:
    again = comes_back(REQUEST, got(b"id: 7\ndata: x\n\n"), 20.0)

    assert again is not None
    assert comes_back(again, got(b"id: 9\ndata: x\n\n"), 40.0) is None


# -- chains ------------------------------------------------------------------------------------


def test_a_chain_that_passes_the_id_on_loses_nothing() -> None:
    judged = through(f"[{{{LIMIT}}}]")

    assert judged.case.outcome == "PASS"
    assert asked(judged) == [(0.0, None), (9.501, "5")]
    assert found(judged, "resumes").observed == "1 of 1 reconnects went on after the last id"
    lost = found(judged, "no_event_lost")
    assert lost.outcome == "PASS"
    # To the end of the limit, and once more from the id on.
    assert lost.observed == "16 of 16 events"
    assert found(judged, "no_event_duplicated").outcome == "PASS"
    assert judged.case.note == "projected from 10 s"


def test_what_a_hop_held_when_it_cut_is_resumed() -> None:
    judged = through("[{lag_one_event: {}, max_duration: {after: 6500ms}}]")

    assert asked(judged)[1] == (9.501, "4")
    assert found(judged, "no_event_lost").outcome == "PASS"
    assert found(judged, "no_event_duplicated").outcome == "PASS"


def test_a_hop_that_strips_the_id_is_to_blame_and_no_more_is_claimed() -> None:
    strips = "rewrite_headers: {request: {remove: [Last-Event-ID]}}"
    judged = through(f"[{{max_duration: {{after: 6500ms}}}}, {{{strips}}}]")

    dropped = found(judged, "resumes")
    assert (dropped.outcome, dropped.hop) == ("FAIL", 2)
    assert dropped.observed == "Last-Event-ID 5 reached the target as nothing"
    assert [found(judged, it).outcome for it in ("no_event_lost", "no_event_duplicated")] == [
        "SKIP",
        "SKIP",
    ]
    assert judged.played is not None
    assert judged.played.has_lost_id


def test_a_cache_that_answers_with_the_old_stream_repeats_it() -> None:
    cacheable = (STREAM[0], ("Cache-Control", "max-age=600"))
    first = saw(*every(1.0, 10, text=IDS), watched_s=10.5, headers=cacheable)
    chain = "[{cache: {}}, {max_duration: {after: 6500ms, mid_stream: end}}]"
    judged = through(chain, first)

    twice = found(judged, "no_event_duplicated")
    assert (twice.outcome, twice.hop) == ("FAIL", 1)
    assert "got 6 of 12 events again" in twice.observed


def test_a_hop_that_has_no_place_left_answers_for_the_target() -> None:
    judged = through(
        "[{connection_limit: {max: 1}, max_duration: {after: 6500ms, upstream: leave_open}}]"
    )

    refused = found(judged, "stays_open")
    assert (refused.outcome, refused.hop) == ("FAIL", 1)
    assert refused.observed.startswith("answered 503 at 0.0 s by hop 1")
    (row,) = rows_of_paths([judged], [1.0, 2.0, 3.0], {})
    assert row.headline == "its client came back: answered 503 at 0.0 s by hop 1"


def test_who_asks_in_another_version_is_answered_in_its_way() -> None:
    old = saw(*every(1.0, 3, text=IDS), watched_s=3.5, framing="close", ask=Ask(version="HTTP/1.0"))
    chain = f"[{{{LIMIT}}}, {{nginx: {{proxy_buffering: 'off'}}}}]"
    judged = through(chain, FIRST, old)

    assert asked(judged)[1:] == [(9.501, "5")]
    assert judged.played is not None
    assert [it.version for it in judged.played.asks] == ["HTTP/1.0"] * 2
    assert found(judged, "resumes").outcome == "PASS"


def test_a_version_in_which_it_was_not_seen_to_go_on_is_judged_as_before() -> None:
    old = saw(*every(1.0, 3, text=IDS), end_s=3.5, framing="close", ask=Ask(version="HTTP/1.0"))
    judged = through(f"[{{{LIMIT}}}, {{nginx: {{proxy_buffering: 'off'}}}}]", FIRST, old)

    assert asked(judged) == [(0.0, None)]
    assert "resumes" not in {it.check for it in judged.case.findings}


def test_a_limit_that_nothing_reaches_makes_nobody_come_back() -> None:
    judged = through("squid")

    assert asked(judged) == [(0.0, None)]
    assert found(judged, "no_event_lost").outcome == "PASS"
    assert found(judged, "resumes").outcome == "SKIP"


@pytest.mark.parametrize("how", ["cannot", "fails", "unknown"])
def test_nothing_is_claimed_of_a_target_that_was_not_seen_to_resume(how: How) -> None:
    judged = through(f"[{{{LIMIT}}}]", how=how)

    assert asked(judged) == [(0.0, None)]
    assert "resumes" not in {it.check for it in judged.case.findings}


def test_nor_where_it_is_not_meant() -> None:
    assert asked(through(f"[{{{LIMIT}}}]", kind=TICKER)) == [(0.0, None)]
    posted = saw(*every(1.0, 10, text=IDS), watched_s=10.5, method="POST")
    assert asked(through(f"[{{{LIMIT}}}]", posted)) == [(0.0, None)]


def test_where_resuming_is_no_must_an_id_that_is_stripped_warns() -> None:
    strips = "rewrite_headers: {request: {remove: [Last-Event-ID]}}"
    judged = through(f"[{{max_duration: {{after: 6500ms}}}}, {{{strips}}}]", kind=MCP)

    assert found(judged, "resumes").outcome == "WARN"


def test_a_number_that_was_promised_is_carried_on_as_it_was() -> None:
    promises = Promises.model_validate({"sequence": {"json_path": "$.n"}}, context=YAML_CONTEXT)

    assert not goes_on(replace(FIRST, promises=promises))
