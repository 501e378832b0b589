"""What whoever runs a target says of its streams: what no journal shows, and judging needs."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from harness.model.base import Strict
from harness.units import Duration
from harness.wire.json_paths import check_path, found_at
from harness.wire.sse_items import Event

_PATH = "$"
_ID = "id"
# A number of a sequence fits 64 bits.
_DIGITS = 18


def as_number(text: str) -> int | None:
    """The whole number a text is; None: it is something else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


class EndMarker(Strict):
    """The event after which there is nothing more: every part that is given has to fit.

    A text alone is all of the data, and a text that begins with `$` a JSON path.

    Args:
        data: All of its data, but for blanks around it: `[DONE]`.
        event: Its type.
        json_path: A place in its data at which something stands that is neither null nor false.
        equals: What stands there.
    """

    data: str | None = None
    event: str | None = None
    json_path: str | None = None
    equals: str | int | bool | None = None

    @field_validator("json_path")
    @classmethod
    def _is_path(cls, path: str | None) -> str | None:
        return None if path is None else check_path(path)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.data is None and self.event is None and self.json_path is None:
            raise ValueError("expected data:, event: or json_path:")
        if self.equals is not None and self.json_path is None:
            raise ValueError("equals: goes with json_path:")
        return self

    def is_in(self, event: Event) -> bool:
        """Whether an event is the last one."""
        if self.event is not None and event.type != self.event:
            return False
        if self.data is not None and event.data.strip() != self.data.strip():
            return False
        return self.json_path is None or any(map(self._fits, found_at(self.json_path, event.data)))

    def _fits(self, found: object) -> bool:
        if self.equals is None:
            return found is not None and found is not False
        return found == self.equals and isinstance(found, bool) is isinstance(self.equals, bool)

    def __str__(self) -> str:
        """What a reader looks for: `[DONE]`, `event: done`, `$.type = message_stop`."""
        words = [] if self.event is None else [f"event: {self.event}"]
        words += [] if self.data is None else [self.data]
        if self.json_path is not None:
            value = "" if self.equals is None else f" = {self.equals}"
            words.append(f"{self.json_path}{value}")
        return ", ".join(words)


class Numbered(Strict):
    """Where the events of a target have their number, each one more than that of the one before.

    `id` alone is the id, a text that begins with `$` a JSON path, any other a regular expression.

    Args:
        id: Whether it is the id.
        json_path: A place in the data.
        regex: What finds it in the data; its one group is the number.
    """

    id: bool = False
    json_path: str | None = None
    regex: str | None = None

    @field_validator("json_path")
    @classmethod
    def _is_path(cls, path: str | None) -> str | None:
        return None if path is None else check_path(path)

    @field_validator("regex")
    @classmethod
    def _has_a_group(cls, regex: str | None) -> str | None:
        if regex is None:
            return None
        try:
            groups = re.compile(regex).groups
        except re.error as error:
            raise ValueError(f"{regex} is no regular expression: {error}") from error
        if groups != 1:
            raise ValueError(f"{regex}: expected one group, (…), for the number")
        return regex

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if [self.id, self.json_path is not None, self.regex is not None].count(True) != 1:
            raise ValueError("expected id, a JSON path or a regular expression, and one of them")
        return self

    def of(self, event: Event) -> int | None:
        """The number of an event; None: it has none."""
        if self.json_path is not None:
            found = found_at(self.json_path, event.data)
            return _whole(found[0]) if len(found) == 1 else None
        if self.regex is not None:
            match = re.search(self.regex, event.data)
            return None if match is None else as_number(match[1] or "")
        return None if event.id_field is None else as_number(event.id_field)

    def __str__(self) -> str:
        """Where that is."""
        return self.json_path or self.regex or _ID


def _whole(found: object) -> int | None:
    if isinstance(found, str):
        return as_number(found)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _as_marker(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return {"json_path": value} if value.startswith(_PATH) else {"data": value}


def _as_place(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value == _ID:
        return {"id": True}
    return {"json_path": value} if value.startswith(_PATH) else {"regex": value}


type EndMarkerField = Annotated[EndMarker, BeforeValidator(_as_marker, str | EndMarker)]
type NumberedField = Annotated[Numbered, BeforeValidator(_as_place, str | Numbered)]


class Promises(Strict):
    """What is said of a target's streams.

    Args:
        end_marker: The event after which a stream has nothing more; None: none is promised, and a
            stream that ends may be whole or not.
        sequence: Where events have consecutive numbers; None: none are promised.
        broadcast: Whether every client is told the same events.
        resume_window_s: How far back a client may ask to go on; None: as far as anybody likes.
    """

    end_marker: EndMarkerField | None = None
    sequence: NumberedField | None = None
    broadcast: bool = False
    resume_window_s: Annotated[Duration, Field(gt=0)] | None = None

    def is_last(self, event: Event) -> bool:
        """Whether an event says that there is nothing more."""
        return self.end_marker is not None and self.end_marker.is_in(event)


NOTHING: Final = Promises()
