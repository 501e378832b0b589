"""What may happen around a hop, as a Hypothesis strategy: requests, responses, their ends.

Few draws make a plan, for each costs more than the fault under test: the variety lies in the
samples.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from harness.faults.base import (
    ClientGone,
    Data,
    Event,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    UpstreamEnd,
)
from harness.wire.headers import replaced

ACCEPT = (("Host", "t"), ("Accept-Encoding", "gzip, br"))
GET = RequestHead("GET", "/", ACCEPT)
REQUESTS: tuple[tuple[Event, ...], ...] = (
    (GET, RequestEnd()),
    (replace(GET, headers=(("Accept-Encoding", "gzip;q=0, *;q=0.5"),)), RequestEnd()),
    (replace(GET, headers=(), client_version="HTTP/2"), RequestEnd()),
    (replace(GET, method="POST"), RequestData(b"ab"), RequestData(b"c"), RequestEnd()),
    (replace(GET, method="POST"), *[RequestData(b"abc")] * 4, RequestEnd()),
    (replace(GET, method="HEAD"), RequestEnd()),
)

STREAM = (("Content-Type", "text/event-stream"),)
OK = ResponseHead(200, STREAM)
HEADS = (
    OK,
    OK,
    replace(OK, framing="h2", headers=(*STREAM, ("ETag", '"v1"'), ("Vary", "Origin"))),
    replace(OK, framing="length"),
    replace(OK, framing="close", headers=(("Content-Type", "text/plain"),)),
    replace(OK, headers=(*STREAM, ("Cache-Control", "no-cache, no-transform"))),
    replace(OK, headers=(*STREAM, ("X-Accel-Buffering", "NO"))),
    replace(OK, headers=(*STREAM, ("Content-Encoding", "gzip"))),
    replace(OK, status=206),
    replace(OK, status=204, framing="none"),
)

READS = (
    b"data: x\n\n",
    b"data: x\n",
    b"\n",
    b"id: 7\ndata: gr",
    "öße\n\n".encode(),
    "data: \U0001f600 und €\n\n".encode(),
    b"\xc3",
    b": hb\n\n",
    b": hb\nid\n",
    b"id: 8\r\ndata: abc\r\n\r\n",
    b"\r",
    b"data:\r\r",
    b"\xef\xbb\xbfdata: bom\n\nevent: tick\ndata\n\n",
    b"retry: 1000\n\n",
    b"\x00\xff\xfe",
)

ENDS: tuple[tuple[Event, ...], ...] = (
    (UpstreamEnd("end"),),
    (UpstreamEnd("end"),),
    (UpstreamEnd("truncation"),),
    (UpstreamEnd("reset"),),
    (UpstreamEnd("truncation", is_dropping=True),),
    (),
)
# What a second attempt gets; for who makes none it never happens.
SECOND = (replace(OK, attempt=1), Data(b"data: 2\n\n", 1), UpstreamEnd("end", 1))
FAILURES: tuple[tuple[Event, ...], ...] = (
    (UpstreamEnd("refused"), *SECOND),
    (UpstreamEnd("reset"),),
    (ResponseHead(503, (), framing="length"), Data(b"no"), UpstreamEnd("end"), *SECOND),
    (),
)
LEAVING = (ClientGone("fin"), ClientGone("rst"), ClientGone("cancel"))

# Pauses before the events of an exchange, over and over. Zero makes ties between reads, 3 s meets
# the limits of the subjects at their very instant.
PAUSES_S = ((0.0,), (1.0,), (3.0,), (0.0, 0.0, 3.5), (0.125, 0.0, 1.0, 3.0), (0.0, 0.0, 0.0, 0.125))


@dataclass(frozen=True, slots=True)
class Plan:
    """The events of one case.

    Args:
        moments: Time in seconds, exchange and event, in order.
        is_drained: Whether the case goes on until every limit has passed; otherwise it is over
            with the last event.
    """

    moments: tuple[tuple[float, int, Event], ...]
    is_drained: bool = True

    def answered_with(self, name: str, text: str) -> Plan:
        """The same, with one field more, or another text in it, in every response head."""
        return replace(
            self,
            moments=tuple(
                (
                    at_s,
                    x,
                    replace(event, headers=replaced(event.headers, name, text))
                    if isinstance(event, ResponseHead)
                    else event,
                )
                for at_s, x, event in self.moments
            ),
        )

    def resplit(self, cut: Callable[[bytes], list[bytes]]) -> Plan:
        """The same bytes at the same instants in other reads."""
        return replace(
            self,
            moments=tuple(
                (at_s, x, again)
                for at_s, x, event in self.moments
                for again in (
                    [Data(part, event.attempt) for part in cut(event.data)]
                    if isinstance(event, Data)
                    else [event]
                )
            ),
        )


def byte_by_byte(data: bytes) -> list[bytes]:
    """Every byte a read of its own."""
    return [data[at : at + 1] for at in range(len(data))]


def at_random(seed: int) -> Callable[[bytes], list[bytes]]:
    """Reads of one to five bytes."""
    sizes = random.Random(seed)

    def cut(data: bytes) -> list[bytes]:
        parts = []
        while data:
            size = sizes.randint(1, 5)
            parts.append(data[:size])
            data = data[size:]
        return parts

    return cut


def sized(head: ResponseHead, reads: Iterable[bytes]) -> ResponseHead:
    """A head that tells how long its body is."""
    length = str(sum(map(len, reads)))
    return replace(head, headers=replaced(head.headers, "Content-Length", length))


@st.composite
def exchanges(draw: st.DrawFn) -> list[tuple[float, Event]]:
    """One exchange from its request on, with the pause before each event in seconds."""
    said = list(draw(st.sampled_from(REQUESTS)))
    head = draw(st.none() | st.sampled_from(HEADS))
    if head is None:
        said += draw(st.sampled_from(FAILURES))
    else:
        is_bodiless = head.framing == "none" or said[0] == REQUESTS[-1][0]
        reads = [] if is_bodiless else draw(st.lists(st.sampled_from(READS), max_size=9))
        if head.framing == "length":
            head = sized(head, reads)
        said += [head, *(Data(read) for read in reads), *draw(st.sampled_from(ENDS))]
    leaves_at = draw(st.none() | st.none() | st.integers(1, len(said)))
    if leaves_at is not None:
        said.insert(leaves_at, LEAVING[leaves_at % len(LEAVING)])
    pauses_s = draw(st.sampled_from(PAUSES_S))
    return [(pauses_s[at % len(pauses_s)], event) for at, event in enumerate(said)]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A whole case: up to three exchanges at once."""
    moments: list[tuple[float, int, Event]] = []
    for x, exchange in enumerate(draw(st.lists(exchanges(), min_size=1, max_size=3)), 1):
        at_s = float(x)
        for pause_s, event in exchange:
            at_s += pause_s
            moments.append((at_s, x, event))
    moments.sort(key=lambda moment: moment[0])
    return Plan(tuple(moments), is_drained=draw(st.booleans()))


# Everything that may be said, in one response that tells how long it is.
SIZED = Plan(
    (
        (1.0, 1, GET),
        (1.0, 1, RequestEnd()),
        (2.0, 1, sized(replace(OK, framing="length"), READS)),
        *((2.0 + at, 1, Data(read)) for at, read in enumerate(READS)),
        (2.0 + len(READS), 1, UpstreamEnd("end")),
    )
)
