"""What happened at each place of the chain: clients, hops, the tap, the reference server.

Each place numbers its exchanges from 1 and knows nothing of the others; `routes` joins them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from harness.checks.streams import Gap, Stream, longest
from harness.model.journal import (
    Base,
    ClientDone,
    ClientEnd,
    ClientHead,
    ClientLeft,
    ClientRead,
    ClientRequest,
    ClientWait,
    Entry,
    ServerDone,
    ServerGone,
    ServerRequest,
    ServerSent,
    TapEnd,
    TapHead,
    TapRead,
    TapRequest,
)
from harness.wire.headers import Headers, media_type, tokens, value

EVENT_STREAM = "text/event-stream"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Sorted:
    """The entries of a journal by their kind, each kind in order."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._by_kind: defaultdict[type[Base], list[Base]] = defaultdict(list)
        for entry in entries:
            self._by_kind[type(entry)].append(entry)

    def of[T: Base](self, kind: type[T]) -> list[T]:
        """Every entry of one kind."""
        return self._by_kind.get(kind, [])  # type: ignore[return-value]  # sorted by type above


def last_event_id(headers: Headers) -> str | None:
    """The Last-Event-ID of a request; its bytes are UTF-8, and stand in headers as latin-1."""
    raw = value(headers, "last-event-id")
    return None if raw is None else raw.encode("latin-1", "replace").decode("utf-8", "replace")


def is_event_stream(status: int, headers: Headers) -> bool:
    """Whether a client would read events from this response."""
    return status == 200 and media_type(headers) == EVENT_STREAM


# -- the client --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Attempt:
    """One request of a client and what it got for it.

    Attributes:
        wait: The pause before it; None for the first one, and after redirects.
        left: Set when the client left this response as the scenario says.
        over_s: When the case was over: how long an open response was seen.
    """

    request: ClientRequest
    head: ClientHead | None
    end: ClientEnd | None
    left: ClientLeft | None
    wait: ClientWait | None
    stream: Stream
    over_s: float

    @property
    def client(self) -> int:
        """The client's number."""
        return self.request.client

    @property
    def x(self) -> int:
        """The attempt's number."""
        return self.request.x

    @property
    def began_s(self) -> float:
        """When the request was sent."""
        return self.request.t_s

    @property
    def is_open(self) -> bool:
        """Whether the response, or the wait for it, was still open when the case was over."""
        return self.end is None or self.end.how == "open"

    @property
    def ended_s(self) -> float:
        """When the response ended, or the case."""
        return self.over_s if self.end is None else self.end.t_s

    @property
    def life_s(self) -> float:
        """From the request to the end."""
        return self.ended_s - self.began_s

    @property
    def has_left(self) -> bool:
        """Whether the client itself ended it; not when it only hung up on an answer it refused."""
        if self.left is not None:
            return True
        has_hung_up = self.end is not None and self.end.how == "left"
        return has_hung_up and (self.is_stream or self.head is None)

    @property
    def status(self) -> int | None:
        """The response's status; None: no head came."""
        return None if self.head is None else self.head.status

    @property
    def is_redirect(self) -> bool:
        """Whether it was only sent on elsewhere."""
        return self.status in _REDIRECTS

    @cached_property
    def is_stream(self) -> bool:
        """Whether the client read events from it."""
        return self.head is not None and is_event_stream(self.head.status, self.head.headers)

    @cached_property
    def last_event_id(self) -> str | None:
        """What it asked to go on from; None: nothing."""
        return last_event_id(self.request.headers)

    @cached_property
    def longest_silence(self) -> Gap | None:
        """The longest stretch without a byte while the response was open; None: it never was."""
        if self.head is None:
            return None
        end_n = self.head.n if self.end is None else self.end.n
        points = [(self.head.t_s, self.head.n), *((it.t_s, it.n) for it in self.stream.reads)]
        return longest([*points, (self.ended_s, end_n)])

    @cached_property
    def longest_event_gap(self) -> Gap | None:
        """The longest stretch between two events; None below two events."""
        return longest([(it.t_s, it.n) for it in self.stream.events])


@dataclass(frozen=True, eq=False)
class Client:
    """One client and all its attempts, in order."""

    number: int
    attempts: tuple[Attempt, ...]
    done: ClientDone | None

    @cached_property
    def ids_before(self) -> tuple[frozenset[str], ...]:
        """For each attempt, the ids that may rightly be sent with it; "" stands for none.

        Two, where they differ: the standard forgets the id with each new stream until a block sets
        one; Chromium goes on with the one it had.
        """
        out: list[frozenset[str]] = []
        first = self.attempts[0].last_event_id if self.attempts else None
        kept = strict = first or ""
        for attempt in self.attempts:
            out.append(frozenset({kept, strict}))
            if attempt.is_stream:
                kept = kept if attempt.stream.last_id is None else attempt.stream.last_id
                if attempt.stream.events or attempt.stream.empties or attempt.stream.comments:
                    strict = attempt.stream.last_id or ""
        return tuple(out)

    @property
    def ever_left(self) -> bool:
        """Whether it left for good, as the scenario says."""
        return any(attempt.left is not None for attempt in self.attempts)


def clients_of(entries: Sorted, over_s: float) -> tuple[Client, ...]:
    """Every client that sent a request, by number."""
    heads = {(it.client, it.x): it for it in entries.of(ClientHead)}
    ends = {(it.client, it.x): it for it in entries.of(ClientEnd)}
    left = {(it.client, it.x): it for it in entries.of(ClientLeft)}
    reads: defaultdict[tuple[int, int], list[ClientRead]] = defaultdict(list)
    for read in entries.of(ClientRead):
        reads[read.client, read.x].append(read)
    waits: defaultdict[int, list[ClientWait]] = defaultdict(list)
    for wait in entries.of(ClientWait):
        waits[wait.client].append(wait)
    attempts: defaultdict[int, list[Attempt]] = defaultdict(list)
    for request in entries.of(ClientRequest):
        key = (request.client, request.x)
        before = [it for it in waits[request.client] if it.n < request.n]
        del waits[request.client][: len(before)]
        head = heads.get(key)
        attempts[request.client].append(
            Attempt(
                request=request,
                head=head,
                end=ends.get(key),
                left=left.get(key),
                wait=before[-1] if before else None,
                stream=Stream(reads[key], _codings(head)),
                over_s=over_s,
            )
        )
    done = {it.client: it for it in entries.of(ClientDone)}
    return tuple(Client(it, tuple(attempts[it]), done.get(it)) for it in sorted(attempts))


def _codings(head: ClientHead | TapHead | None) -> list[str]:
    return [] if head is None else tokens(head.headers, "content-encoding")


# -- the tap and the reference server ----------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Exchange:
    """One request at the target's border and what the target said to it.

    Attributes:
        end: The first end, which says who began; None: it was open when the case was over.
        left: When downstream closed its side or aborted; None: it never did.
        aborted: When downstream aborted, at once or after it had closed; None: it never did.
        target_end: The target's own end, also after downstream had closed; None: there is none.
    """

    request: TapRequest
    head: TapHead | None
    end: TapEnd | None
    left: TapEnd | None
    aborted: TapEnd | None
    target_end: TapEnd | None
    stream: Stream
    over_s: float

    @property
    def x(self) -> int:
        """The exchange's number at the tap."""
        return self.request.x

    @cached_property
    def is_stream(self) -> bool:
        """Whether a client would read events from it."""
        return self.head is not None and is_event_stream(self.head.status, self.head.headers)

    @property
    def ended_s(self) -> float:
        """When it ended, or the case."""
        return self.over_s if self.end is None else self.end.t_s

    @property
    def is_ended_by_target(self) -> bool:
        """Whether the target itself ended it."""
        return self.end is not None and self.end.by == "target"

    @cached_property
    def last_event_id(self) -> str | None:
        """What the target was asked to go on from; None: nothing."""
        return last_event_id(self.request.headers)


def exchanges_of(entries: Sorted, over_s: float) -> tuple[Exchange, ...]:
    """Every exchange at the tap, in order."""
    heads = {it.x: it for it in entries.of(TapHead) if not it.is_interim}
    ends: defaultdict[int, list[TapEnd]] = defaultdict(list)
    for it in entries.of(TapEnd):
        ends[it.x].append(it)
    reads: defaultdict[int, list[TapRead]] = defaultdict(list)
    for read in entries.of(TapRead):
        reads[read.x].append(read)
    return tuple(
        Exchange(
            request=request,
            head=heads.get(request.x),
            end=next(iter(ends[request.x]), None),
            left=next((it for it in ends[request.x] if it.by == "downstream"), None),
            aborted=next((it for it in ends[request.x] if it.how == "rst"), None),
            target_end=next((it for it in ends[request.x] if it.by == "target"), None),
            stream=Stream(reads[request.x], _codings(heads.get(request.x))),
            over_s=over_s,
        )
        for request in entries.of(TapRequest)
    )


@dataclass(frozen=True, slots=True)
class ServerExchange:
    """One request as the reference server's handler saw it."""

    request: ServerRequest
    sent: tuple[ServerSent, ...]
    gone: ServerGone | None
    done: ServerDone | None


def server_exchanges(entries: Sorted) -> tuple[ServerExchange, ...]:
    """Every exchange of the reference server, in order."""
    sent: defaultdict[int, list[ServerSent]] = defaultdict(list)
    for it in entries.of(ServerSent):
        sent[it.x].append(it)
    gone = {it.x: it for it in entries.of(ServerGone)}
    done = {it.x: it for it in entries.of(ServerDone)}
    return tuple(
        ServerExchange(it, tuple(sent[it.x]), gone.get(it.x), done.get(it.x))
        for it in entries.of(ServerRequest)
    )
