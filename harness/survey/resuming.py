"""Whether a target goes on where a client was cut off: one more request, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.checks.advice import seconds
from harness.model.ask import Ask
from harness.model.verdict import Finding, Outcome
from harness.survey.observation import Observation

CHECK = "resumes"
_EXPECTED = "after Last-Event-ID comes what came after it"
_SOURCE = "https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header"
_KEEP = "keep a history, and after Last-Event-ID send what came after it"

# Who has not begun to send what was missed by then does not.
_PATIENCE_S = 5.0

type How = Literal["goes on", "cannot", "fails", "unknown"]


@dataclass(frozen=True)
class Resuming:
    """How a target answers a client that comes back.

    Attributes:
        how: It goes on; there is nothing to go on from; it does not go on; or nobody knows.
        said: What was seen of that.
    """

    how: How
    said: str

    @property
    def finding(self) -> Finding:
        """The same as a judgement on the target."""
        match self.how:
            case "goes on":
                return Finding(check=CHECK, outcome="PASS", expected=_EXPECTED, observed=self.said)
            case "fails":
                return Finding(
                    check=CHECK,
                    outcome="FAIL",
                    expected=_EXPECTED,
                    observed=self.said,
                    fix=_KEEP,
                    confirm="curl -N -H 'Last-Event-ID: …' URL  # begins with the event after it",
                    source=_SOURCE,
                )
            case "cannot" | "unknown":
                outcome: Outcome = "SKIP" if self.how == "cannot" else "INCONCLUSIVE"
                return Finding(check=CHECK, outcome=outcome, expected=_EXPECTED, observed=self.said)


def resume_point(seen: Observation) -> tuple[str, str] | None:
    """An id to come back with, and the id that has to follow; None: no two events have ids.

    From the middle of what was said: what followed is known then, and the target had time to
    forget what went before; but where it is said how far back it remembers, from so much later
    that it has to remember even if it is asked a while after.
    """
    ids = seen.ids
    if len(set(ids)) < 2 or len(set(ids)) < len(ids):
        return None
    at = (len(ids) - 1) // 2
    window_s = seen.promises.resume_window_s
    if window_s is not None:
        times_s = [it.t_s for it in seen.reads for _ in it.ids]
        known = (n for n, t_s in enumerate(times_s) if seen.watched_s - t_s <= window_s / 2)
        at = next((n for n in known if n >= at), len(ids))
    return (ids[at], ids[at + 1]) if at + 1 < len(ids) else None


def resume_ask(seen: Observation) -> Ask | None:
    """How to ask as a client that comes back; None: there is nothing to come back with."""
    point = resume_point(seen)
    return None if point is None else seen.ask.model_copy(update={"last_event_id": point[0]})


def resuming(first: Observation, again: Observation | None, *, is_needed: bool = True) -> Resuming:
    """What is known of how a target resumes.

    Args:
        first: What it said at first.
        again: What it said to `resume_ask`; None: it was not asked.
        is_needed: Whether any chain makes clients come back, so that it should have been asked.
    """
    point = resume_point(first)
    if point is None:
        why = "an id came twice" if first.ids else f"{first.request.method} without ids"
        if len(set(first.ids)) == len(first.ids) > 1:
            why = f"no two ids within half of {first.promises.resume_window_s:g} s (resume_window)"
        return Resuming("cannot", f"nothing to resume from: {why}")
    last, following = point
    if again is None and not is_needed:
        return Resuming("cannot", "not asked: no chain here makes clients come back")
    if again is None:
        return Resuming("unknown", "not asked for it (Last-Event-ID)")
    if not again.is_stream:
        return Resuming("fails", f"asked to go on after id {last}, it answered {again.said.status}")
    if not again.ids:
        if again.events:
            return Resuming("fails", f"asked to go on after id {last}, it sent an event without id")
        silent = f"asked to go on after id {last}, it said nothing in {seconds(again.watched_s)}"
        # What came after that id was there to be sent at once.
        return Resuming("fails" if again.watched_s >= _PATIENCE_S else "unknown", silent)
    came = again.ids[0]
    if came == following:
        return Resuming("goes on", f"asked to go on after id {last}, it did")
    anew = " from the beginning" if came == first.ids[0] else ""
    return Resuming(
        "fails", f"asked to go on after id {last}, it began{anew} with id {came}, not {following}"
    )
