"""Flaws of the reference server: what real servers get wrong, and the check that catches each.

A flaw is a change of the server's behaviour and one row here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What the reference server does right, and flaws undo.

    Args:
        has_heartbeat: Sends comments through silences.
        has_anti_buffering_headers: Sends `X-Accel-Buffering: no` and `no-transform`.
        cache_control: What it says to caches; `no-transform` is not among it.
        has_ids: Gives events ids.
        honours_last_event_id: Sends what a client has missed.
        holds_compressed: Compresses, and leaves events in the compressor.
        notices_disconnect: Ends its handler when the client has gone.
        holds_head: Sends the response head with the first event only.
        greets: Sends body bytes with the head: `retry:`, or a comment.
        content_type: Its Content-Type.
        loops: Answers each request with one comment and a clean end.
    """

    has_heartbeat: bool = True
    has_anti_buffering_headers: bool = True
    cache_control: str = "no-cache"
    has_ids: bool = True
    honours_last_event_id: bool = True
    holds_compressed: bool = False
    notices_disconnect: bool = True
    holds_head: bool = False
    greets: bool = True
    content_type: str = "text/event-stream"
    loops: bool = False


@dataclass(frozen=True, slots=True)
class Flaw:
    """One flaw.

    Args:
        what: One line.
        caught_by: The check that fails.
        changes: Fields of `Behaviour` and their flawed values.
    """

    what: str
    caught_by: str
    changes: Mapping[str, Any]


FLAWS: Mapping[str, Flaw] = MappingProxyType(
    {
        "no-heartbeat": Flaw(
            "sends nothing through silences", "stays_open", {"has_heartbeat": False}
        ),
        "no-anti-buffering-headers": Flaw(
            "does not ask intermediaries to pass events on at once",
            "delivered_within",
            {"has_anti_buffering_headers": False},
        ),
        "cacheable": Flaw(
            "lets caches on the way keep the stream for a minute",
            "headers_fit",
            {"cache_control": "max-age=60"},
        ),
        "no-ids": Flaw("events carry no ids", "ids_advance", {"has_ids": False}),
        "ignores-last-event-id": Flaw(
            "a client that resumes starts over with what comes next",
            "no_event_lost",
            {"honours_last_event_id": False},
        ),
        "compresses-without-flush": Flaw(
            "events stay in the gzip compressor until it is full",
            "delivered_within",
            {"holds_compressed": True},
        ),
        "ignores-disconnect": Flaw(
            "goes on working for clients that have gone",
            "disconnect_noticed",
            {"notices_disconnect": False},
        ),
        "late-headers": Flaw(
            "sends the response head with the first event",
            "first_byte_within",
            {"holds_head": True},
        ),
        "silent-start": Flaw(
            "sends the head alone, and not a byte before the first event or heartbeat",
            "first_byte_within",
            {"greets": False},
        ),
        "wrong-content-type": Flaw(
            "answers text/plain", "headers_fit", {"content_type": "text/plain"}
        ),
        "reconnect-loop": Flaw(
            "answers 200, one comment, end, for ever", "makes_progress", {"loops": True}
        ),
    }
)


def behaviour(flaws: Iterable[str]) -> Behaviour:
    """The behaviour of a server with these flaws.

    Raises:
        KeyError: A flaw is unknown.
    """
    result = Behaviour()
    for name in flaws:
        result = replace(result, **FLAWS[name].changes)
    return result
