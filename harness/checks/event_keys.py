"""How a foreign target's events are told apart: by id, by number, by what they say, or by place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from harness.checks.deliveries import Content, content
from harness.checks.ledger import Basis, Key
from harness.checks.numbering import is_consecutive, number_in_data, number_in_id
from harness.checks.places import Exchange
from harness.model.promises import Numbered, Promises
from harness.wire.sse import Event


class Keys(NamedTuple):
    """The key of each event of each exchange, and how it was found.

    Attributes:
        basis: What the keys are.
        by_exchange: By the exchange's number at the tap.
        is_numbered: Whether a number that is missing is an event that is missing.
    """

    basis: Basis
    by_exchange: dict[int, list[Key]]
    is_numbered: bool

    def is_place(self, key: Key) -> bool:
        """Whether a key tells an event by its place only, so that no other response has it."""
        return self.basis == "places" or (self.basis == "numbers" and isinstance(key, str))

    def name(self, key: Key) -> str:
        """What to call an event."""
        match self.basis:
            case "ids":
                return f"id {key}"
            case "numbers" if isinstance(key, int):
                return f"number {key}"
            case "feed" | "contents":
                return f"event {key}"
            case _:
                x, _, at = str(key).partition(".")
                return f"event {at} of the target's response {x}"


def keys_of(heard: Sequence[Exchange], promises: Promises) -> Keys:
    """The best way to tell events apart that fits all of them.

    Args:
        heard: What the target said to those who are compared.
        promises: What is said of its streams: where numbers are need not be guessed then, nor be
            seen to be consecutive.
    """
    streams = [[it.item for it in exchange.stream.events] for exchange in heard]
    places: list[list[Key]] = [
        [f"{exchange.x}.{at + 1}" for at in range(len(events))]
        for exchange, events in zip(heard, streams, strict=True)
    ]
    if promises.sequence is not None:
        return _promised(heard, streams, places, promises.sequence)
    is_counted_apart = promises.broadcast and not _shares(streams, _id) and _shares(streams, _text)
    if _has_good_ids(streams) and not is_counted_apart:
        ids: list[list[Key]] = [[event.id_field or "" for event in events] for events in streams]
        is_numbered = is_consecutive(streams, number_in_id)
        return Keys("ids", _by_exchange(heard, ids), is_numbered)
    number = number_in_data(streams)
    if number is not None and _means_one(streams, number):
        numbers: list[list[Key]] = [[number(event) or 0 for event in it] for it in streams]
        return Keys("numbers", _by_exchange(heard, numbers), is_numbered=True)
    if promises.broadcast and all(len(set(map(_text, own))) == len(own) for own in streams):
        # Nobody is told the same thing twice: what one is told is what the other is told.
        return Keys("contents", _by_exchange(heard, _by_content(streams)), is_numbered=False)
    return Keys("places", _by_exchange(heard, places), is_numbered=False)


def _promised(
    heard: Sequence[Exchange],
    streams: Sequence[Sequence[Event]],
    places: Sequence[Sequence[Key]],
    sequence: Numbered,
) -> Keys:
    """Events by the number they are said to have; one without is told by its place."""
    keys: list[list[Key]] = []
    for events, own_places in zip(streams, places, strict=True):
        numbers = map(sequence.of, events)
        pairs = zip(numbers, own_places, strict=True)
        keys.append([place if number is None else number for number, place in pairs])
    return Keys("numbers", _by_exchange(heard, keys), is_numbered=True)


def _by_content(streams: Sequence[Sequence[Event]]) -> list[list[Key]]:
    """A number for each thing that is said, in the order in which it was first said."""
    numbers: dict[tuple[str, str], Key] = {}
    return [
        [numbers.setdefault(_text(event), len(numbers) + 1) for event in events]
        for events in streams
    ]


def _shares(streams: Sequence[Sequence[Event]], name: Callable[[Event], object]) -> bool:
    """Whether two streams have an event of one name."""
    seen: set[object] = set()
    for events in streams:
        own = set(map(name, events))
        if own & seen:
            return True
        seen |= own
    return False


def _id(event: Event) -> str | None:
    return event.id_field


def _text(event: Event) -> tuple[str, str]:
    """What is said, whatever the connection counts it as."""
    return event.type, event.data


def _by_exchange(heard: Sequence[Exchange], keys: list[list[Key]]) -> dict[int, list[Key]]:
    return {exchange.x: own for exchange, own in zip(heard, keys, strict=True)}


def _has_good_ids(streams: Sequence[Sequence[Event]]) -> bool:
    """Whether each event has an id, no other event of its stream has it, and it means one event."""
    for events in streams:
        ids = [event.id_field for event in events]
        if not all(ids) or len(set(ids)) < len(ids):
            return False
    return any(streams) and _means_one(streams, _id)


def _means_one(streams: Sequence[Sequence[Event]], name: Callable[[Event], Key | None]) -> bool:
    """Whether one name stands for one event in all streams, rather than being counted anew."""
    meant: dict[Key | None, Content] = {}
    return all(
        meant.setdefault(name(event), content(event)) == content(event)
        for events in streams
        for event in events
    )
