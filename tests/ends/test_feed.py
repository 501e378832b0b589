"""The feed alone: what it produces, when, and what it keeps."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
import trio

from harness.clock import run
from harness.ends.feed import Feed, FeedEvent, Subscription
from harness.model.journal import Entry, ServerFeed
from harness.model.scenario import Silence, Traffic


class Ledger:
    """What the feed recorded."""

    def __init__(self) -> None:
        self.produced: list[tuple[float, str | None]] = []
        self.entries: list[ServerFeed] = []

    def __call__(self, entry: Entry) -> None:
        assert isinstance(entry, ServerFeed)
        self.entries.append(entry)
        self.produced.append((trio.current_time(), entry.id))

    @property
    def instants(self) -> list[float]:
        return [t_s for t_s, _ in self.produced]


def feed_of(
    traffic: Traffic,
    ledger: Ledger | None = None,
    *,
    history: int = 100,
    queue: int = 100,
    has_ids: bool = True,
) -> Feed:
    return Feed(traffic, history=history, queue=queue, has_ids=has_ids, record=ledger or Ledger())


def play(
    feed: Feed, at: dict[float, Callable[[], None]] | None = None, *, until_s: float = 20.0
) -> float:
    """Run the feed from 0 and call what is due at each time; when it was over."""

    async def main() -> float:
        with trio.move_on_at(until_s):
            async with trio.open_nursery() as nursery:
                for t_s, call in (at or {}).items():
                    nursery.start_soon(_call_at, t_s, call)
                await feed.run()
        return trio.current_time()

    return run(main, clock="virtual", seed=0, budget_s=1000, wall_limit_s=20)


async def _call_at(t_s: float, call: Callable[[], None]) -> None:
    await trio.sleep_until(t_s)
    call()


def data_of(traffic: Traffic, count: int = 1) -> list[str]:
    """The data of the first events."""
    feed = feed_of(traffic)
    subscription, _ = feed.subscribe(None)
    play(feed, until_s=count * traffic.every_s + 0.5)
    return [event.data for event in subscription.waiting]


def seqs(subscription: Subscription) -> list[int]:
    return [event.seq for event in subscription.waiting]


# -- when ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("traffic", "instants"),
    [
        (Traffic(every_s=2.0, count=3), [2.0, 4.0, 6.0]),
        (Traffic(every_s=2.0, count=3, first_s=0.0), [0.0, 2.0, 4.0]),
        (Traffic(every_s=2.0, count=3, first_s=5.0), [5.0, 7.0, 9.0]),
        (Traffic(every_s=2.0, count=2, burst=3), [2.0, 2.0, 2.0, 4.0, 4.0, 4.0]),
        (Traffic(count=0), []),
        (Traffic(every_s=1.0, end_after_s=3.0), [1.0, 2.0]),
        (Traffic(every_s=1.0, end_after_s=3.5), [1.0, 2.0, 3.0]),
        (
            Traffic(every_s=1.0, count=6, silence=(Silence(from_s=2.0, to_s=4.0),)),
            [1.0, 4.0, 5.0, 6.0],
        ),
        (
            Traffic(
                every_s=1.0,
                count=6,
                silence=(Silence(from_s=1.5, to_s=2.5), Silence(from_s=5.0, to_s=100.0)),
            ),
            [1.0, 3.0, 4.0],
        ),
    ],
    ids=[
        "every",
        "first-at-once",
        "first-late",
        "burst",
        "none",
        "until-the-end",
        "until-shortly-after",
        "silence-from-and-to-exactly",
        "two-silences",
    ],
)
def test_events_are_produced_when_they_are_due(traffic: Traffic, instants: list[float]) -> None:
    ledger = Ledger()
    play(feed_of(traffic, ledger))
    assert ledger.instants == instants


def test_the_hundredth_event_is_as_punctual_as_the_first() -> None:
    ledger = Ledger()
    play(feed_of(Traffic(every_s=0.1, count=100), ledger))
    assert ledger.instants[-1] == pytest.approx(10.0, abs=1e-12)  # added up: off by 2e-14 * 100


def test_a_feed_without_an_end_goes_on() -> None:
    feed = feed_of(Traffic(count=1))
    assert play(feed) == 20.0
    assert not feed.is_over


def test_a_feed_is_over_at_its_end_and_says_so_to_who_waits() -> None:
    feed = feed_of(Traffic(end_after_s=3.5))
    subscription, _ = feed.subscribe(None)
    seen: list[tuple[bool, bool]] = []

    def look() -> None:
        subscription.news = trio.Event()
        seen.append((feed.is_over, subscription.news.is_set()))

    assert play(feed, {3.2: look}) == 3.5
    assert seen == [(False, False)]
    assert feed.is_over
    assert subscription.news.is_set()


def test_the_marker_is_the_last_event() -> None:
    feed = feed_of(Traffic(end_after_s=2.5, end_marker="[DONE]"))
    subscription, _ = feed.subscribe(None)
    play(feed)
    assert [(it.seq, it.id, it.data) for it in subscription.waiting][-1] == (3, "3", "[DONE]")


# -- what ------------------------------------------------------------------------------------------


def test_ids_count_from_1() -> None:
    ledger = Ledger()
    play(feed_of(Traffic(count=3), ledger))
    assert [(it.seq, it.id) for it in ledger.entries] == [(1, "1"), (2, "2"), (3, "3")]


def test_a_server_without_ids_counts_all_the_same() -> None:
    ledger = Ledger()
    play(feed_of(Traffic(count=2), ledger, has_ids=False))
    assert [(it.seq, it.id) for it in ledger.entries] == [(1, None), (2, None)]


def test_the_record_has_the_beginning_of_the_hash_of_the_data() -> None:
    ledger = Ledger()
    feed = feed_of(Traffic(count=1), ledger)
    subscription, _ = feed.subscribe(None)
    play(feed)
    [event] = subscription.waiting
    [entry] = ledger.entries
    whole = hashlib.sha256(event.data.encode()).hexdigest()
    assert len(entry.data_hash) == 16
    assert whole.startswith(entry.data_hash)


@pytest.mark.parametrize("text", ["ascii", "multibyte"])
@pytest.mark.parametrize("lines", [1, 2, 3, 7])
@pytest.mark.parametrize("size_bytes", [20, 21, 22, 28, 29, 1000, 262_144])
def test_data_has_exactly_the_size_and_the_lines_it_is_to_have(
    text: str, lines: int, size_bytes: int
) -> None:
    traffic = Traffic.model_validate({"size": size_bytes, "text": text, "lines": lines})
    [data] = data_of(traffic)
    assert len(data.encode()) == size_bytes
    assert data.count("\n") == lines - 1


def test_multibyte_data_has_characters_of_two_three_and_four_bytes() -> None:
    [data] = data_of(Traffic(size_bytes=40, text="multibyte"))
    assert {len(char.encode()) for char in data} == {1, 2, 3, 4}


def test_data_names_its_event_even_where_there_is_no_room() -> None:
    assert data_of(Traffic(size_bytes=0), 2) == ["event 1 ", "event 2 "]


def test_more_lines_than_characters_make_empty_lines() -> None:
    [data] = data_of(Traffic(size_bytes=8, lines=20))
    assert data.count("\n") == 19
    assert data.replace("\n", "") == "event 1 "


# -- who gets what ---------------------------------------------------------------------------------


def test_who_has_no_id_gets_what_comes_from_now_on() -> None:
    feed = feed_of(Traffic(count=4))
    late: list[tuple[Subscription, bool]] = []
    play(feed, {2.5: lambda: late.append(feed.subscribe(None))})
    [(subscription, is_known)] = late
    assert is_known
    assert seqs(subscription) == [3, 4]


@pytest.mark.parametrize(
    ("last_id", "missed"), [("0", [1, 2, 3, 4]), ("1", [2, 3, 4]), ("3", [4]), ("4", [])]
)
def test_who_has_an_id_gets_what_was_missed(last_id: str, missed: list[int]) -> None:
    feed = feed_of(Traffic(count=4))
    play(feed)
    subscription, is_known = feed.subscribe(last_id)
    assert is_known
    assert seqs(subscription) == missed


FOREIGN = ["5", "-1", "1.0", "1 ", "+1", "01", "1_0", "\u0661", "\u00b2", "abc", "", "9" * 5000]


@pytest.mark.parametrize("last_id", FOREIGN)
def test_an_id_of_the_future_or_of_somebody_else_is_not_known(last_id: str) -> None:
    feed = feed_of(Traffic(count=4))
    play(feed)
    subscription, is_known = feed.subscribe(last_id)
    assert not is_known
    assert seqs(subscription) == []


@pytest.mark.parametrize(
    ("history", "last_id", "missed"),
    [
        (2, "2", [3, 4]),
        (2, "1", None),
        (2, "0", None),
        (1, "3", [4]),
        (0, "4", []),
        (0, "3", None),
        (0, "0", None),
    ],
)
def test_what_is_no_longer_kept_is_not_known(
    history: int, last_id: str, missed: list[int] | None
) -> None:
    feed = feed_of(Traffic(count=4), history=history)
    play(feed)
    subscription, is_known = feed.subscribe(last_id)
    assert (seqs(subscription) if is_known else None) == missed


def test_before_the_first_event_nothing_was_missed() -> None:
    subscription, is_known = feed_of(Traffic()).subscribe("0")
    assert is_known
    assert seqs(subscription) == []


def test_who_left_gets_nothing_more() -> None:
    feed = feed_of(Traffic(count=4))
    subscription, _ = feed.subscribe(None)
    play(feed, {2.5: lambda: feed.unsubscribe(subscription)})
    assert seqs(subscription) == [1, 2]


def test_one_event_more_than_the_queue_holds_and_the_subscription_is_behind() -> None:
    feed = feed_of(Traffic(count=4), queue=3)
    subscription, _ = feed.subscribe(None)
    was: list[bool] = []
    play(feed, {3.5: lambda: was.append(subscription.is_behind)})
    assert was == [False]
    assert subscription.is_behind
    assert seqs(subscription) == [1, 2, 3]


def test_who_is_behind_gets_nothing_after_the_gap() -> None:
    feed = feed_of(Traffic(count=6), queue=2)
    subscription, _ = feed.subscribe(None)
    taken: list[FeedEvent] = []
    play(feed, {4.5: lambda: taken.append(subscription.waiting.popleft())})
    assert [it.seq for it in taken] + seqs(subscription) == [1, 2]


def test_a_slow_subscription_does_not_hold_up_another() -> None:
    feed = feed_of(Traffic(count=6), queue=2)
    slow, _ = feed.subscribe(None)
    quick, _ = feed.subscribe(None)
    taken: list[int] = []

    def take() -> None:
        taken.extend(seqs(quick))
        quick.waiting.clear()

    play(feed, {t_s + 0.5: take for t_s in range(1, 7)})
    assert slow.is_behind
    assert not quick.is_behind
    assert taken == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("last_id", "expected"), [(None, False), ("2", True), ("3", False), ("9", False), ("x", False)]
)
def test_when_the_feed_is_over_there_is_more_only_for_who_missed_something(
    last_id: str | None, expected: bool
) -> None:
    feed = feed_of(Traffic(end_after_s=3.5))
    assert feed.has_more(last_id)
    play(feed)
    assert feed.has_more(last_id) is expected
