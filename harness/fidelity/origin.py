"""The origin of the measurements, told again as the replay driver's `Said`.

What it did, as its log shows:

* It answers a request `head_after` seconds after it came, with `HTTP/1.1 200 OK`, Date, Server,
  Content-Type, Cache-Control (unless empty), and the fields that the probe asked for. Of an
  application are the last three only: the rest is its server's.
* The body is chunked, one chunk an event (`chunked`; `connclose` adds Connection: close and closes
  after the last chunk), or delimited by the close, with (`close11`) or as `HTTP/1.0` (`close10`).
  A request of HTTP/1.0 is answered with a body delimited by the close whatever was asked.
* An event is `id: N`, `data: <seconds, six digits after the point> <six hex digits> xxx…` and a
  blank line, filled up to `size` bytes; random text is of 64 different characters, so that gzip
  makes three quarters of it.
* The first event comes `first` seconds after the head and the others `dt` seconds apart. `dt` after
  the last one follow the heartbeats, `: hb` and a blank line, one a second, and a second after the
  last of them one more event when there is a tail.
* It ends `dt` after the last event, or with the tail: cleanly, by closing without the last chunk
  (`fin`), with a reset (`rst`), or not at all (`hang`; cleanly after all `hang_s` later).
* `die-fin` and `die-rst` close the connection as soon as the request has come.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from harness.faults.base import RequestHead
from harness.fidelity.record import Ask
from harness.hops.observed import Said
from harness.wire.headers import Headers

_EPOCH_S = 1_795_170_000
_DATE = "Fri, 20 Nov 2026 10:00:00 GMT"
_HEARTBEAT = b": hb\n\n"


@dataclass(frozen=True, slots=True)
class Script:
    """What the origin writes of one body, and when; seconds since it got the request.

    Args:
        writes: One write each.
        events_s: When each event is written.
        ends: Where each event ends, in body bytes.
        over_s: When it ends the response.
    """

    writes: tuple[tuple[float, bytes], ...]
    events_s: tuple[float, ...]
    ends: tuple[int, ...]
    over_s: float


@cache
def _event(number: int, t_s: float, size: int, *, is_random: bool) -> bytes:
    start = f"id: {number}\ndata: {_EPOCH_S + t_s:.6f} c0ffee ".encode()
    space = size - len(start) - 2
    return start + (_random(number, space) if is_random else b"x" * space) + b"\n\n"


def _random(number: int, size: int) -> bytes:
    seed = hashlib.shake_128(str(number).encode())
    return base64.b64encode(seed.digest(size))[:size]


@cache
def script(ask: Ask) -> Script:
    """What the origin writes."""
    writes = list(_writes(ask))
    offset, events_s, ends = 0, [], []
    for t_s, data in writes:
        offset += len(data)
        if data != _HEARTBEAT:
            events_s.append(t_s)
            ends.append(offset)
    over_s = writes[-1][0] if ask.has_tail else writes[-1][0] + ask.dt
    if ask.end == "hang":
        over_s = over_s + ask.hang_s if ask.hang_s is not None else float("inf")
    return Script(tuple(writes), tuple(events_s), tuple(ends), over_s)


def _writes(ask: Ask) -> Iterator[tuple[float, bytes]]:
    def event(number: int) -> bytes:
        return _event(number, t_s, ask.size, is_random=ask.is_random)

    t_s = ask.head_after + ask.first
    for number in range(ask.n):
        yield t_s, event(number)
        t_s = round(t_s + ask.dt, 6)
    for _ in range(ask.heartbeats):
        yield t_s, _HEARTBEAT
        t_s = round(t_s + 1, 6)
    if ask.has_tail:
        yield t_s, event(ask.n)


def fields(ask: Ask) -> Headers:
    """The response fields that are not of the connection."""
    own = () if ask.is_app else (("Date", _DATE), ("Server", "origin/1"))
    cache_control = (("Cache-Control", ask.cache_control),) if ask.cache_control else ()
    return (*own, ("Content-Type", ask.content_type), *cache_control, *ask.fields)


def said(ask: Ask, told: Script, request: RequestHead) -> Said:
    """What the origin says to one request.

    Args:
        ask: What it was asked for.
        told: Of this `ask`.
        request: The request's head.
    """
    match ask.end:
        case "refused":
            return Said(0, "HTTP/1.1", "none", (), 0.0, (), "refused", 0.0)
        case "die-fin":
            return Said(0, "HTTP/1.1", "none", (), 0.0, (), "truncation", 0.0)
        case "die-rst":
            return Said(0, "HTTP/1.1", "none", (), 0.0, (), "reset", 0.0)
        case _:
            pass
    is_chunked = ask.mode in {"chunked", "connclose"} and request.version != "HTTP/1.0"
    how = {"fin": "truncation", "rst": "reset"}.get(ask.end, "end")
    if how == "truncation" and not is_chunked:
        how = "end"  # nobody can tell the one from the other
    connection: Headers = ()
    if not is_chunked or ask.mode == "connclose":
        connection = (("Connection", "close"),) if ask.mode != "close10" else ()
    return Said(
        status=200,
        version="HTTP/1.0" if ask.mode == "close10" else "HTTP/1.1",
        framing="chunked" if is_chunked else "close",
        headers=(*fields(ask), *connection),
        head_s=ask.head_after if ask.is_flushed else told.events_s[0],
        reads=told.writes,
        end=None if told.over_s == float("inf") else how,
        end_s=told.over_s,
    )
