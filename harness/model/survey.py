"""What a check has to say, laid out for a reader: one row for each chain that is told of."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.verdict import Outcome


@dataclass(frozen=True, slots=True)
class Remedy:
    """Something that might cure a failure, tried on the replay.

    Args:
        text: What to do, such as `response header  X-Accel-Buffering: no`.
        is_proven: Whether the replay passes with it; None: it was not tried.
        is_the_servers: Whether it is for the server to do, and not for who runs the hop.
    """

    text: str
    is_proven: bool | None = None
    is_the_servers: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One chain in which something is wrong, or the target itself.

    Args:
        title: What stands there: `nginx@1.22`.
        grade: The mark of how what is blamed is known, or "".
        cause: What did it, in a word: a fault, or a check.
        headline: What a client sees of it.
        sent: When the target spoke, a character for each stretch of time; "": not told.
        seen: When the client heard it, likewise.
        why: What the hop did.
        remedies: What may cure it.
        confirm: What shows it in production.
        alike: The other chains with the same cause.
        is_target: Whether this is said of the target, on no path at all.
    """

    title: str
    outcome: Outcome
    grade: str
    cause: str
    headline: str
    sent: str
    seen: str
    why: str
    remedies: tuple[Remedy, ...]
    confirm: str
    alike: tuple[str, ...] = ()
    is_target: bool = False


@dataclass(frozen=True, slots=True)
class Survey:
    """A check, for a reader.

    Args:
        target: What was tested: `POST /chat (uvicorn)`.
        stream: What it says: `412 events in 41.2 s, no ids`.
        kind: What kind of stream it is taken for.
        observed: What else was seen: `first byte 22.4 s`, each on its own.
        projected: How an endless stream was carried on; "": it was not.
        survived: How many chains it survives, of `of`.
        counts: Chains per outcome.
        first: What to do first, and what it cures; "": nothing is known to.
        rows: What is wrong.
        skips: What was not meant here or not reached, a line each.
        again: The command that shows one chain again.
    """

    target: str
    stream: str
    kind: str
    observed: tuple[str, ...]
    projected: str
    survived: int
    of: int
    counts: dict[str, int]
    first: str
    rows: tuple[Row, ...]
    skips: tuple[str, ...]
    again: str


@dataclass(frozen=True, slots=True)
class Place:
    """A place on the way of a stream, as it was asked for there.

    Args:
        url: Where.
        stream: What it says there.
        observed: What else was seen.
    """

    url: str
    stream: str
    observed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a stream between two neighbouring places.

    Args:
        outcome: PASS where nothing does.
        what: Each change: what is done, what was seen, and its outcome.
        looks_like: Who seems to stand there, and why, the likest first.
        remedies: What may cure it, if that is who stands there.
    """

    outcome: Outcome
    what: tuple[tuple[Outcome, str, str], ...]
    looks_like: tuple[tuple[str, str], ...]
    remedies: tuple[Remedy, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Places on the way of one stream, nearest the target first, and what changes between them."""

    request: str
    places: tuple[Place, ...]
    changes: tuple[Change, ...]
