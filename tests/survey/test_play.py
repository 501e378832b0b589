from __future__ import annotations

from dataclasses import replace

import pytest

from harness.checks.evidence import Evidence
from harness.model.ask import Ask
from harness.model.journal import ClientHead
from harness.model.scenario import Target
from harness.scenario.chain import parse_chain
from harness.survey.cells import Cell
from harness.survey.observation import Observation
from harness.survey.play import NotAskedError, Observed, Played, asks_of, play, request_of
from harness.wire.coding import encoder
from tests.survey.seen import STREAM, every, saw

OLD = Ask(version="HTTP/1.0")
EVENT = "data: 1\n\n"
TARGET = Target(url="http://127.0.0.1:1/")


def coded(coding: str, ask: Ask | None = None) -> Observation:
    coder = encoder(coding)
    data = coder.compress(EVENT.encode()) + coder.flush()
    return saw((1.0, data), headers=(*STREAM, ("Content-Encoding", coding)), ask=ask)


# -- what was asked ----------------------------------------------------------------------------


def test_what_was_asked_is_found() -> None:
    first, old = saw((1.0, EVENT)), saw((2.0, EVENT), ask=OLD)
    observed = Observed(first, [old])

    assert observed.find(Ask()) is first
    assert observed.find(OLD) is old


def test_another_version_is_another_question() -> None:
    with pytest.raises(NotAskedError) as raised:
        Observed(saw((1.0, EVENT))).find(OLD)

    assert raised.value.ask == OLD


@pytest.mark.parametrize("field", ["gzip", "br, gzip", None, ""])
def test_who_does_not_code_although_it_may_does_not_where_it_may_less(field: str | None) -> None:
    first = saw((1.0, EVENT))

    assert Observed(first).find(Ask(accept_encoding=field)) is first


def test_a_coding_that_was_never_offered_is_another_question() -> None:
    with pytest.raises(NotAskedError):
        Observed(saw((1.0, EVENT))).find(Ask(accept_encoding="gzip, dcz"))


def test_who_codes_has_to_be_asked_without_that_coding() -> None:
    first = coded("br")

    assert Observed(first).find(Ask(accept_encoding="br, gzip")) is first
    with pytest.raises(NotAskedError):
        Observed(first).find(Ask(accept_encoding="gzip"))
    with pytest.raises(NotAskedError):
        Observed(first).find(Ask(accept_encoding="br;q=0, gzip"))


def test_an_answer_to_a_resume_is_an_answer_to_nothing_else() -> None:
    with pytest.raises(NotAskedError):
        Observed(saw((1.0, EVENT))).find(Ask(last_event_id="7"))


# -- how chains ask ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chain", "asks"),
    [
        ("haproxy", [Ask()]),
        ("nginx", [OLD]),
        ("nginx@1.29.7", [Ask()]),
        ("cloudflare,nginx", [OLD]),
        ("nginx,caddy", [Ask()]),
        ("varnish", [Ask(accept_encoding="gzip")]),
        ("[]", [Ask()]),
    ],
)
def test_the_last_hop_says_how_the_target_is_asked(chain: str, asks: list[Ask]) -> None:
    request = request_of(saw((1.0, EVENT)))

    assert asks_of(parse_chain(chain), request, 1) == asks


# -- replays -----------------------------------------------------------------------------------


def played(chain: str, *seen: Observation) -> Played:
    cell = Cell("test", parse_chain(chain))
    return play(cell, Observed(seen[0], seen[1:]), Target(url="http://127.0.0.1:1/"), {}, 1)


def got_s(it: Played) -> list[float]:
    (attempt,) = Evidence.of(it.entries).attempts
    return [event.t_s for event in attempt.stream.events]


def test_a_stream_that_ends_is_replayed_as_it_was() -> None:
    it = played("aws-alb", saw(*every(1.0, 5), end_s=6.0))

    assert got_s(it) == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert it.projected_s is None
    assert it.until_s == 36.0


def test_an_endless_one_is_carried_on_past_the_slowest_limit() -> None:
    it = played("cloudflare", saw(*every(1.0, 10), watched_s=10.5))

    assert it.until_s == 155.0
    assert it.projected_s == 10.5
    assert len(got_s(it)) == pytest.approx(155, abs=2)


def test_and_for_a_minute_where_there_is_no_limit() -> None:
    assert played("caddy", saw(*every(1.0, 10), watched_s=10.5)).until_s == 60.0


def test_on_no_path_at_all_nothing_is_added() -> None:
    it = played("[]", saw(*every(1.0, 10), watched_s=10.5))

    assert it.until_s == 10.5
    assert it.projected_s is None
    assert len(got_s(it)) == 10


def test_a_silence_of_which_nothing_is_known_is_not_carried_on() -> None:
    it = played("cloudflare", saw((1.0, EVENT), watched_s=65.0))

    assert it.until_s == 65.0
    assert it.projected_s is None


def test_an_hour_of_many_events_is_cut_short() -> None:
    it = played("squid", saw(*every(0.05, 200), watched_s=10.1))

    assert 60.0 < it.until_s < 80.0


def test_the_answer_in_the_version_a_hop_asks_in_is_the_one_that_is_replayed() -> None:
    own = saw(*every(1.0, 5), end_s=6.0)
    old = saw(*every(1.0, 5, first_s=1.5), end_s=6.5, framing="close", ask=OLD)

    assert got_s(played("aws-alb", own, old)) == [1.0, 2.0, 3.0, 4.0, 5.0]
    # A body that the close delimits waits in nginx for a full buffer, or the end.
    assert got_s(played("nginx", own, old)) == [6.5] * 5


def test_a_chain_that_asks_otherwise_cannot_be_replayed() -> None:
    with pytest.raises(NotAskedError):
        played("nginx", saw(*every(1.0, 5), end_s=6.0))


# -- once --------------------------------------------------------------------------------------


def test_what_does_the_same_is_replayed_once() -> None:
    observed = Observed(saw(*every(1.0, 5), end_s=6.0))
    one, other = (
        play(Cell(name, parse_chain("haproxy")), observed, TARGET, {}, 1) for name in ("a", "b")
    )

    assert one.entries.case.case["id"] == "check/a"
    assert other.entries.case.case["id"] == "check/b"
    assert all(a is b for a, b in zip(list(one.entries)[1:], list(other.entries)[1:], strict=True))


def test_another_answer_is_replayed_anew() -> None:
    cell = Cell("test", parse_chain("haproxy"))
    observed = Observed(saw(*every(1.0, 5), end_s=6.0))
    slower = observed.with_all([lambda it: replace(it, said=replace(it.said, head_s=0.5))])

    assert head_s(play(cell, observed, TARGET, {}, 1)) == 0.0
    assert head_s(play(cell, slower, TARGET, {}, 1)) == 0.5
    assert head_s(play(cell, observed, TARGET, {}, 1)) == 0.0


def test_what_was_replayed_is_known_when_more_was_asked() -> None:
    cells = [Cell("test", parse_chain(it)) for it in ("haproxy", "nginx")]
    alone = Observed(saw(*every(1.0, 5), end_s=6.0))
    known = play(cells[0], alone, TARGET, {}, 1)
    with pytest.raises(NotAskedError):
        play(cells[1], alone, TARGET, {}, 1)
    both = alone.and_also([saw(*every(1.0, 5), end_s=6.0, ask=OLD)])

    assert play(cells[0], both, TARGET, {}, 1).entries[1] is known.entries[1]
    assert play(cells[1], both, TARGET, {}, 1).asks == (OLD,)


def test_a_trial_finds_what_is_known_and_leaves_nothing() -> None:
    cell, other = (Cell("test", parse_chain(it)) for it in ("haproxy", "caddy"))
    observed = Observed(saw(*every(1.0, 5), end_s=6.0))
    trial = observed.with_all(())
    known = play(cell, observed, TARGET, {}, 1)
    tried = play(other, trial, TARGET, {}, 1)

    assert play(cell, trial, TARGET, {}, 1).entries[1] is known.entries[1]
    assert play(other, trial, TARGET, {}, 1).entries[1] is not tried.entries[1]


def head_s(it: Played) -> float:
    (head,) = (entry for entry in it.entries if isinstance(entry, ClientHead))
    return head.t_s
