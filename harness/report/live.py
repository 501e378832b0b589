"""Show a stream while it runs: entries of the journal in, lines out, as they come."""

from __future__ import annotations

from collections import deque

from rich.console import Console

from harness.model import journal
from harness.model.journal import Entry
from harness.model.secret_bodies import Masker
from harness.model.secret_values import Secrets
from harness.report import trace, trace_text, turns
from harness.wire import coding
from harness.wire.headers import Headers, value
from harness.wire.sse import Parser
from harness.wire.sse_items import Comment, Event

# What entered the chain and has not come out yet is kept for matching, up to this many events.
_MOST_WAITING = 10_000
# All of this is done between two reads of the client, which must not be kept from the next one.
_MOST_SHOWN = 500
_MOST_DECODED_BYTES = 4 * 1024 * 1024


class _Reader:
    """One response, decoded and parsed as it comes."""

    def __init__(self, headers: Headers, secrets: Secrets) -> None:
        self._parser = Parser()
        self._masker = Masker(secrets)
        try:
            self._decoder: coding.Decoder | None = coding.decoder(
                value(headers, "content-encoding") or "identity",
                max_output_bytes=_MOST_DECODED_BYTES,
            )
        except coding.CodingError:
            self._decoder = None

    def read(self, payload: journal.Payload) -> list[Event | Comment]:
        """The events and comments that this read completes; none once the coding lied."""
        data = payload.content()
        if data is None or self._decoder is None:
            return []
        try:
            text = self._decoder.decompress(data)
        except coding.CodingError:
            self._decoder = None
            return []
        shown = self._masker.take(text)
        return [item for item in self._parser.feed(shown) if isinstance(item, Event | Comment)]


class LiveTrace:
    """Prints what the first client sees as it comes: events, heartbeats, ends and reconnects.

    Args:
        console: Where to.
        secrets: Masked in what is shown: the entries come with payloads as they were.
    """

    def __init__(self, console: Console, secrets: Secrets) -> None:
        self._console = console
        self._secrets = secrets
        self._zero_s: float | None = None
        self._turns = turns.Turns()
        self._said: dict[int, _Reader] = {}
        self._got: dict[int, _Reader] = {}
        self._entered: deque[tuple[float, Event]] = deque(maxlen=_MOST_WAITING)

    def entry(self, entry: Entry) -> None:
        """Take one entry of the journal."""
        if self._zero_s is None and isinstance(entry, journal.ClientRequest):
            self._zero_s = entry.t_s
        for turn in self._turns.of(entry):
            turns.show(entry.t_s - (self._zero_s or 0.0), turn, self._console)
        match entry:
            case journal.TapHead(is_interim=False):
                self._said[entry.x] = _Reader(entry.headers, self._secrets)
            case journal.TapRead() if entry.x in self._said:
                for item in self._said[entry.x].read(entry.payload):
                    if isinstance(item, Event):
                        self._entered.append((entry.t_s, item))
            case journal.ClientHead():
                self._got[entry.x] = _Reader(entry.headers, self._secrets)
            case journal.ClientRead() if entry.x in self._got:
                items = self._got[entry.x].read(entry.payload)
                for item in items[:_MOST_SHOWN]:
                    self._show(entry.t_s, item)
                for item in items[_MOST_SHOWN:]:
                    if isinstance(item, Event):
                        self._entry_of(item)
                if len(items) > _MOST_SHOWN:
                    at_s = entry.t_s - (self._zero_s or 0.0)
                    trace_text.show_more(at_s, len(items) - _MOST_SHOWN, self._console)
            case _:
                pass

    def _show(self, at_s: float, item: Event | Comment) -> None:
        zero_s = self._zero_s or 0.0
        if isinstance(item, Comment):
            trace_text.show_heartbeat(at_s - zero_s, item.text, self._console)
            return
        entered_s = self._entry_of(item)
        event = trace.TraceEvent(
            t_s=at_s - zero_s,
            entered_s=None if entered_s is None else entered_s - zero_s,
            delay_s=None if entered_s is None else at_s - entered_s,
            id=item.id_field,
            type=item.type,
            data=item.data,
            size_bytes=len(item.data.encode()),
        )
        trace_text.show_event(event, self._console)

    def _entry_of(self, event: Event) -> float | None:
        """When this event entered the chain; what was said before it and did not come is lost."""
        wanted = (event.type, event.data, event.id_field)
        for place, (entered_s, said) in enumerate(self._entered):
            if (said.type, said.data, said.id_field) == wanted:
                for _ in range(place + 1):
                    self._entered.popleft()
                return entered_s
        return None
