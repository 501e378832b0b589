"""What a target was seen to say to one way of asking: the input of every replay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from harness.checks.disconnect_noticed import DisconnectNoticed
from harness.checks.evidence import Evidence
from harness.checks.places import is_event_stream
from harness.hops.observed import Said, said
from harness.model import journal
from harness.model.ask import Ask
from harness.model.journal import Journal
from harness.model.promises import NOTHING, Promises
from harness.model.scenario import Case
from harness.model.verdict import Finding
from harness.wire.coding import CodingError, decoder
from harness.wire.headers import tokens
from harness.wire.sse import Comment, Event, Parser

_BLANK_LINES = (b"\n\n", b"\r\r", b"\r\n\r\n")
_LONGEST_BLANK = 4
# How long a target has to notice that its client has gone.
LEAVING_S = 3.0


@dataclass(frozen=True)
class Plain:
    """One read, decoded.

    Args:
        t_s: When it came, in seconds since the request.
        said: The events it completed.
        comments: How many comments.
        is_whole: Whether it ends with a blank line, so that another block may follow.
    """

    t_s: float
    data: bytes
    said: tuple[Event, ...]
    comments: int
    is_whole: bool

    @property
    def events(self) -> int:
        """How many events it completed."""
        return len(self.said)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids its events set."""
        return tuple(it.id_field for it in self.said if it.id_field)


@dataclass(frozen=True)
class Observation:
    """One response of a target.

    Attributes:
        ask: How it was asked.
        request: The request, as it reached the target.
        said: What it answered.
        watched_s: How long that was watched, in seconds since the request.
        lag_s: How late the machine was at worst.
        leaving: Whether the target noticed that its client left in the end; None: it did not leave.
        promises: What is said of the target's streams.
    """

    ask: Ask
    request: journal.TapRequest
    said: Said
    watched_s: float
    lag_s: float
    leaving: Finding | None = None
    promises: Promises = NOTHING

    @property
    def is_over(self) -> bool:
        """Whether the target itself ended the response."""
        return self.said.end is not None

    @cached_property
    def told_s(self) -> float | None:
        """When its end marker came, in seconds since the request; None: it did not."""
        marker = self.promises.end_marker
        if marker is None:
            return None
        return next((it.t_s for it in self.reads if any(map(marker.is_in, it.said))), None)

    @property
    def has_all(self) -> bool:
        """Whether all of it was seen: the target ended it, or said that there is nothing more."""
        return self.is_over or self.told_s is not None

    @property
    def long_s(self) -> float:
        """How long it is, as far as it was seen, in seconds since the request."""
        if self.is_over:
            return self.said.end_s
        return self.watched_s if self.told_s is None else self.told_s

    @property
    def notices_leaving(self) -> bool:
        """Whether it was seen to notice that its client left."""
        return self.leaving is not None and self.leaving.outcome == "PASS"

    @property
    def is_stream(self) -> bool:
        """Whether a client would read events from it."""
        return is_event_stream(self.said.status, self.said.headers)

    @property
    def codings(self) -> tuple[str, ...]:
        """Its content codings, in the order they were applied."""
        return tuple(it for it in tokens(self.said.headers, "content-encoding") if it != "identity")

    @cached_property
    def reads(self) -> tuple[Plain, ...]:
        """Its reads, decoded, as far as they can be."""
        out: list[Plain] = []
        try:
            unpack = decoder(", ".join(self.codings))
        except CodingError:
            return ()
        parser = Parser()
        tail = b""
        for t_s, coded in self.said.reads:
            try:
                data = unpack.decompress(coded)
            except CodingError:
                break
            items = list(parser.feed(data))
            tail = (tail + data)[-_LONGEST_BLANK:]
            out.append(
                Plain(
                    t_s,
                    data,
                    said=tuple(it for it in items if isinstance(it, Event)),
                    comments=sum(isinstance(it, Comment) for it in items),
                    is_whole=tail.endswith(_BLANK_LINES),
                )
            )
        return tuple(out)

    @property
    def events(self) -> int:
        """How many events it said."""
        return sum(it.events for it in self.reads)

    @property
    def ids(self) -> list[str]:
        """The ids of its events, in order."""
        return [name for it in self.reads for name in it.ids]

    @property
    def comments(self) -> int:
        """How many comments it said."""
        return sum(it.comments for it in self.reads)


def observation(ask: Ask, entries: Journal) -> Observation | None:
    """What a journal shows of one request; None: the target never got it.

    Raises:
        ValueError: Payload bytes were clipped, so that nothing can be replayed.
    """
    requests = [it for it in entries if isinstance(it, journal.TapRequest)]
    if not requests:
        return None
    request = requests[0]
    left = next((it for it in entries if isinstance(it, journal.ClientLeft)), None)
    over_s = entries[len(entries) - 1].t_s if left is None else left.t_s
    watched_s = over_s - request.t_s
    heard = said(entries)[0]
    return Observation(
        ask=ask,
        request=request,
        # What is said to one who has gone is no part of the stream.
        said=replace(heard, reads=tuple(it for it in heard.reads if it[0] <= watched_s)),
        watched_s=watched_s,
        lag_s=max((it.lag_s for it in entries if isinstance(it, journal.StageLag)), default=0.0),
        leaving=None if left is None else _leaving(entries),
        promises=Case.model_validate(entries.case.case).target.promises,
    )


def _leaving(entries: Journal) -> Finding:
    """Whether the target noticed that its client had gone."""
    check = DisconnectNoticed(within_s=LEAVING_S)
    return next(iter(check.judge(Evidence.of(entries))))
