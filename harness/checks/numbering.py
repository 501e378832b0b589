"""Numbers that a target's own events carry: consecutive ones tell what was said unheard."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

from harness.model.promises import as_number
from harness.wire.sse import Event

# Two events in a row may be numbered by chance.
_ENOUGH = 3
# Data up to this length is read once; what is in a longer one takes too much memory to keep.
_KNOWN_CHARS = 1024

type Number = Callable[[Event], int | None]


def number_in_id(event: Event) -> int | None:
    """The number an event's own id is."""
    return None if event.id_field is None else as_number(event.id_field)


def is_consecutive(streams: Sequence[Sequence[Event]], number: Number) -> bool:
    """Whether every event has a number, one more than the event before it in its stream."""
    long_enough = False
    for events in streams:
        numbers = [number(event) for event in events]
        if any(it is None for it in numbers):
            return False
        if any(b - a != 1 for a, b in pairwise(it for it in numbers if it is not None)):
            return False
        long_enough = long_enough or len(numbers) >= _ENOUGH
    return long_enough


def number_in_data(streams: Sequence[Sequence[Event]]) -> Number | None:
    """Where the data has its number: all of it, or a member of a JSON object; None: nowhere."""
    first = next((event for events in streams for event in events), None)
    if first is None:
        return None
    if as_number(first.data) is not None:
        return _whole if is_consecutive(streams, _whole) else None
    for name, value in _members(first.data).items():
        if isinstance(value, int) and not isinstance(value, bool):
            number = _member(name)
            if is_consecutive(streams, number):
                return number
    return None


def _whole(event: Event) -> int | None:
    return as_number(event.data)


def _member(name: str) -> Number:
    def number(event: Event) -> int | None:
        value = _members(event.data).get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    return number


def _members(data: str) -> Mapping[str, object]:
    if not data.startswith("{"):
        return {}
    return _read_known(data) if len(data) <= _KNOWN_CHARS else _read(data)


def _read(data: str) -> Mapping[str, object]:
    try:
        read = json.loads(data)
    except (ValueError, RecursionError):  # no JSON, or deeper than anybody's
        return {}
    return read if isinstance(read, dict) else {}


# The events of one stream are looked at again for each chain that it is replayed through.
_read_known = lru_cache(maxsize=4096)(_read)
