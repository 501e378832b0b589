"""How close a fault came where it did not act: what its reason says, as a share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from harness.faults.base import CaseOver, Data, Event, FaultConfig, Note, RequestEnd, UpstreamEnd
from harness.faults.cut import Cut
from harness.faults.first_byte_timeout import FirstByteTimeout
from harness.faults.idle_timeout import IdleTimeout
from harness.faults.max_duration import MaxDuration
from tests.testkit.playbook import GET, OK

EVENT = b"id: 1\ndata: one\n\n"
EVENTS: tuple[tuple[float, Event], ...] = (
    (0.0, GET),
    (0.0, RequestEnd()),
    (0.0, OK),
    (6.0, Data(EVENT)),
    (8.0, Data(EVENT)),
)


def outcome(config: FaultConfig, events: Sequence[tuple[float, Event]]) -> Note:
    """The one outcome that a fault notes."""
    fault = config.start(lambda: 0.5)
    notes = [
        action
        for now_s, event in events
        for _, action in fault.step(now_s, 1, event)
        if isinstance(action, Note) and action.what != "armed"
    ]
    (note,) = notes
    return note


@pytest.mark.parametrize(
    ("config", "what", "reason", "share"),
    [
        (IdleTimeout(after_s=8.0), "defeated", "longest silence 6.0 s of 8 s", 0.75),
        (IdleTimeout(after_s=60.0), "not_reached", "longest silence 6.0 s of 60 s", 0.1),
        (MaxDuration(after_s=80.0), "not_reached", "lasted 8.0 s of 80 s", 0.1),
        (
            FirstByteTimeout(after_s=8.0, until="body"),
            "defeated",
            "first byte after 6.0 s of 8 s",
            0.75,
        ),
        (Cut(after_s=16.0), "not_reached", "8.0 s of 16 s", 0.5),
        (Cut(after_events=4), "not_reached", "2 of 4 events", 0.5),
        (Cut(after_bytes=340), "not_reached", "34 of 340 bytes", 0.1),
        (Cut(place="mid_field", event=8), "not_reached", "2 of 8 events", 0.25),
        (
            Cut(place="mid_char", event=1),
            "not_reached",
            "no character of several bytes from event 1 on",
            0.0,
        ),
    ],
    ids=lambda it: type(it).__name__ if isinstance(it, FaultConfig) else "",
)
@pytest.mark.parametrize("end", [UpstreamEnd("end"), CaseOver()], ids=["ended", "over"])
def test_a_margin_is_told_as_a_share_too(
    config: FaultConfig, what: str, reason: str, share: float, end: Event
) -> None:
    note = outcome(config, [*EVENTS, (8.0, end)])
    assert (note.what, note.reason) == (what, reason)
    assert note.share == pytest.approx(share)


def test_an_encoded_body_hides_how_close_it_came() -> None:
    head = replace(OK, headers=(*OK.headers, ("Content-Encoding", "gzip")))
    note = outcome(Cut(after_events=4), [(0.0, GET), (0.0, head), (1.0, Data(EVENT))])
    assert (note.reason, note.share) == ("gzip hides the events", 0.0)
