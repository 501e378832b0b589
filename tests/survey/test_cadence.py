from __future__ import annotations

import pytest

from harness.model import journal
from harness.model.journal import Payload
from harness.model.promises import EndMarker, Promises
from harness.survey.cadence import Beat, CarriedOn, Watching, beat_of, longest_silence_s
from harness.survey.observation import Observation
from harness.wire.coding import decoder, encoder
from tests.survey.seen import STREAM, every, saw

HEARTBEAT = ": hb\n\n"
EVENT = "data: 1\n\n"


def watch(
    *reads: tuple[float, str],
    has_end: bool = False,
    longest_s: float = 60.0,
    over_s: float = -1.0,
    least_reads: int | None = None,
) -> Watching:
    watching = Watching(has_end=has_end, longest_s=longest_s, least_reads=least_reads)
    see(watching, *reads)
    if over_s >= 0:
        watching.see(journal.TapEnd(x=1, by="target", how="end", t_s=over_s))
    return watching


def see(watching: Watching, *reads: tuple[float, str]) -> None:
    head = journal.TapHead(
        x=1, status=200, version="HTTP/1.1", framing="chunked", headers=STREAM, t_s=0.0
    )
    watching.see(head)
    for t_s, text in reads:
        data = text.encode()
        payload = Payload.of(data)
        watching.see(journal.TapRead(x=1, offset=0, size=len(data), payload=payload, t_s=t_s))


DONE = Promises(end_marker=EndMarker(data="[DONE]"))


def test_a_stream_that_has_said_its_end_marker_is_known_a_second_later() -> None:
    watching = Watching(has_end=True, longest_s=60.0, is_last=lambda it: it.data == "[DONE]")
    see(watching, (0.1, "data: a\n\n"), (0.2, "data: [DONE]\n\n"))
    assert not watching.is_enough(1.1)
    assert watching.is_enough(1.3)


def test_nothing_follows_an_end_marker() -> None:
    reads = [*every(0.1, 9), (1.0, "data: [DONE]\n\n")]
    told = saw(*reads, watched_s=2.0, promises=DONE)
    assert (told.has_all, told.long_s, beat_of(told)) == (True, 1.0, None)
    assert not saw(*reads, watched_s=2.0).has_all
    assert beat_of(saw(*reads, watched_s=2.0)) is not None


# -- when it is enough -------------------------------------------------------------------------


def test_a_steady_beat_is_known_after_ten_seconds() -> None:
    watching = watch(*every(1.0, 10))

    assert not watching.is_enough(9.9)
    assert watching.is_enough(10.1)


def test_five_events_are_too_few_for_a_beat() -> None:
    assert not watch(*every(4.0, 5)).is_enough(20.1)
    assert watch(*every(4.0, 6)).is_enough(24.1)


def test_a_beat_that_has_just_been_missed_is_none() -> None:
    watching = watch(*every(1.0, 10))

    assert watching.is_enough(11.4)
    assert not watching.is_enough(11.6)


def test_bursts_are_a_beat_once_their_silence_has_come_three_times() -> None:
    reads = [(10.0 * burst + 0.1 * n, EVENT) for burst in range(4) for n in range(5)]

    assert not watch(*reads[:15]).is_enough(21.0)
    assert watch(*reads).is_enough(31.0)


def test_silences_of_many_lengths_are_no_beat() -> None:
    times_s = [0.0, 1.0, 3.0, 7.0, 8.0, 16.0, 17.0, 20.0]

    assert not watch(*[(t_s, EVENT) for t_s in times_s]).is_enough(20.1)


def test_what_is_known_otherwise_has_only_to_be_seen_to_come() -> None:
    watching = watch(*every(1.0, 3), least_reads=3)

    assert not watching.is_enough(2.9)
    assert watching.is_enough(3.1)
    assert not watch(*every(1.0, 2), least_reads=3).is_enough(9.0)


def test_on_the_virtual_clock_it_is_watched_for_as_long_as_that_is_free() -> None:
    watching = Watching(has_end=False, longest_s=60.0, free_s=65.0)
    see(watching, *every(1.0, 20))
    assert not watching.is_enough(20.1)
    assert not watching.is_enough(64.9)

    watching.see(journal.StageMoved(why="a database", t_s=0.0))
    see(watching, *every(1.0, 10))
    assert not watching.is_enough(9.9)
    assert watching.is_enough(10.1)


def test_two_heartbeats_tell_how_long_silences_get() -> None:
    assert not watch((0.0, EVENT), (15.0, HEARTBEAT)).is_enough(29.0)
    assert watch((0.0, EVENT), (15.0, HEARTBEAT), (30.0, HEARTBEAT)).is_enough(30.1)


def test_two_comments_in_one_greeting_are_no_heartbeat() -> None:
    assert not watch((0.0, HEARTBEAT), (0.1, HEARTBEAT)).is_enough(29.0)


def test_a_silence_as_long_as_the_longest_limit_is_enough() -> None:
    watching = watch((1.0, EVENT), longest_s=60.0)

    assert not watching.is_enough(60.9)
    assert watching.is_enough(61.1)


def test_before_the_head_nothing_is_known() -> None:
    assert not Watching(has_end=False, longest_s=60.0).is_enough(600.0)


def test_what_is_computed_is_watched_to_its_end() -> None:
    reads = every(1.0, 40)

    assert not watch(*reads, has_end=True).is_enough(41.0)
    assert watch(*reads, has_end=True, over_s=41.0).is_enough(41.0)


def test_a_response_that_is_over_is_known() -> None:
    assert watch(over_s=0.1).is_enough(0.1)


# -- how it goes on ----------------------------------------------------------------------------


def test_a_stream_that_is_over_does_not_go_on() -> None:
    assert beat_of(saw(*every(1.0, 5), end_s=6.0)) is None


def test_one_read_tells_nothing() -> None:
    seen = saw((1.0, EVENT), watched_s=60.0)

    assert beat_of(seen) is None
    assert CarriedOn(seen, 1000).until(600.0) == (seen.said, 60.0)


def test_what_was_said_since_the_first_read_comes_again() -> None:
    seen = saw((0.0, HEARTBEAT), (2.0, EVENT), (5.0, HEARTBEAT), watched_s=5.5)

    assert beat_of(seen) == Beat(((2.0, EVENT.encode()), (3.0, HEARTBEAT.encode())))


def test_it_is_carried_on_with_its_times() -> None:
    seen = saw((0.0, HEARTBEAT), (2.0, EVENT), (5.0, HEARTBEAT), watched_s=5.5)
    said, reach_s = CarriedOn(seen, 1000).until(13.0)

    assert [t_s for t_s, _ in said.reads] == [0.0, 2.0, 5.0, 7.0, 10.0, 12.0]
    assert [data for _, data in said.reads[2:]] == [
        it.encode() for it in (HEARTBEAT, EVENT, HEARTBEAT, EVENT)
    ]
    assert reach_s == 13.0
    assert said.end is None


def test_a_silence_that_was_seen_to_be_longer_is_kept() -> None:
    seen = saw((0.0, EVENT), (1.0, EVENT), watched_s=5.0)
    said, _ = CarriedOn(seen, 1000).until(8.0)

    assert [t_s for t_s, _ in said.reads] == [0.0, 1.0, 5.0, 6.0, 7.0, 8.0]


def test_a_beat_that_is_known_better_is_taken() -> None:
    first = saw(*every(2.0, 10), watched_s=20.5)
    again = saw(*every(2.0, 3), watched_s=6.5)
    said, _ = CarriedOn(again, 1000, beat_of(first)).until(13.0)

    assert [t_s for t_s, _ in said.reads] == [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]


def test_who_was_silent_does_not_begin_to_speak() -> None:
    first = saw(*every(2.0, 10), watched_s=20.5)
    again = saw(watched_s=20.5)

    assert CarriedOn(again, 1000, beat_of(first)).until(60.0) == (again.said, 20.5)


def test_no_more_reads_are_added_than_asked_for() -> None:
    said, reach_s = CarriedOn(saw(*every(1.0, 10), watched_s=10.5), 18).until(1e6)

    assert len(said.reads) == 10 + 18
    assert reach_s == pytest.approx(said.reads[-1][0])


def test_it_is_not_carried_on_within_what_was_seen() -> None:
    seen = saw(*every(1.0, 10), watched_s=10.5)

    assert CarriedOn(seen, 1000).until(10.5) == (seen.said, 10.5)


def test_a_block_that_was_cut_off_in_its_middle_is_left_out() -> None:
    seen = saw((0.0, EVENT), (1.0, EVENT), (2.0, "data: half"), watched_s=2.5)
    said, _ = CarriedOn(seen, 1000).until(3.5)

    assert b"half" not in b"".join(data for _, data in said.reads)
    assert [t_s for t_s, _ in said.reads] == [0.0, 1.0, 2.5, 3.5]


def test_a_block_in_two_reads_comes_again_in_two() -> None:
    seen = saw((0.0, EVENT), (1.0, "data: a\n"), (1.5, "\n"), watched_s=1.6)
    beat = beat_of(seen)

    assert beat is not None
    assert beat.steps == ((1.0, b"data: a\n"), (0.5, b"\n"))


def test_a_coded_stream_goes_on_in_its_coding() -> None:
    coder = encoder("gzip")
    reads = [(float(n), coder.compress(EVENT.encode()) + coder.flush()) for n in range(5)]
    headers = (*STREAM, ("Content-Encoding", "gzip"))
    said, _ = CarriedOn(saw(*reads, watched_s=4.5, headers=headers), 1000).until(9.0)

    unpack = decoder("gzip")
    assert [unpack.decompress(data) for _, data in said.reads] == [EVENT.encode()] * 10


@pytest.mark.parametrize(
    ("seen", "longest_s"),
    [
        (saw((22.0, EVENT), (23.0, EVENT), end_s=23.5), 22.0),
        (saw((1.0, EVENT), (2.0, EVENT), end_s=12.0), 10.0),
        (saw((1.0, EVENT), watched_s=60.0), 59.0),
        (saw(watched_s=60.0), 60.0),
    ],
)
def test_the_longest_silence_counts_from_the_request_to_the_end(
    seen: Observation, longest_s: float
) -> None:
    assert longest_silence_s(seen) == longest_s
