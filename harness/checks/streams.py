"""One response body as it arrived: its reads, and what an event stream parser makes of them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import NamedTuple

from harness.model.journal import ClientRead, TapRead
from harness.wire.coding import CodingError, Decoder, decoder
from harness.wire.sse import Comment, Empty, Event, Item, Parser, Retry, TooLong, Unterminated

# A body up to this size is parsed once; what a larger one holds takes too much memory to keep.
_KNOWN_BYTES = 256 * 1024
# A line `id:` with a NUL in it is ignored as a whole (WHATWG HTML, "Interpreting an event stream").
_NUL_ID = re.compile(rb"(?:^|[\r\n])id:[^\r\n]*\0")


class Read(NamedTuple):
    """One arrival of body bytes; `end` counts those up to now, before content decoding."""

    t_s: float
    n: int
    end: int


class Seen[T](NamedTuple):
    """A parsed item, and the read that completed it.

    Attributes:
        t_s: Arrival of the byte that completes it.
        n: The entry of that read.
        end: Body bytes, before content decoding, that had to come for it. In a coded body: up to
            the end of that read.
    """

    item: T
    t_s: float
    n: int
    end: int


class Gap(NamedTuple):
    """A stretch in which nothing came, with the entries at its two ends."""

    from_s: float
    to_s: float
    from_n: int
    to_n: int

    @property
    def length_s(self) -> float:
        """How long it lasted, in seconds."""
        return self.to_s - self.from_s


@dataclass(slots=True)
class _Parsed:
    events: list[Seen[Event]] = field(default_factory=list)
    comments: list[Seen[Comment]] = field(default_factory=list)
    retries: list[Seen[Retry]] = field(default_factory=list)
    empties: list[Seen[Empty]] = field(default_factory=list)
    too_long: Seen[TooLong] | None = None
    unterminated: Unterminated | None = None
    decoded_bytes: int = 0
    coding_problem: str = ""
    bad_utf8_n: int | None = None
    nul_id_n: int | None = None


class Stream:
    """The body of one response, parsed once, when something of it is first asked for.

    Args:
        entries: Its reads, in order.
        codings: Its content codings, in the order they were applied.
    """

    def __init__(
        self, entries: Sequence[ClientRead] | Sequence[TapRead], codings: Sequence[str] = ()
    ) -> None:
        self._entries = entries
        self.codings = tuple(coding for coding in codings if coding != "identity")

    @cached_property
    def reads(self) -> tuple[Read, ...]:
        """Every read, in order."""
        return tuple(Read(it.t_s, it.n, it.offset + it.size) for it in self._entries)

    @property
    def body_bytes(self) -> int:
        """How many body bytes came, before content decoding."""
        return self.reads[-1].end if self.reads else 0

    @property
    def events(self) -> Sequence[Seen[Event]]:
        """What the parser dispatched."""
        return self._parsed.events

    @property
    def comments(self) -> Sequence[Seen[Comment]]:
        """Lines that begin with a colon: heartbeats, mostly."""
        return self._parsed.comments

    @property
    def retries(self) -> Sequence[Seen[Retry]]:
        """Valid `retry` fields."""
        return self._parsed.retries

    @property
    def empties(self) -> Sequence[Seen[Empty]]:
        """Blocks that had fields but no data, and dispatched nothing."""
        return self._parsed.empties

    @property
    def too_long(self) -> Seen[TooLong] | None:
        """Where the parser gave up for want of a line end or a blank line."""
        return self._parsed.too_long

    @property
    def unterminated(self) -> Unterminated | None:
        """What stood at the end without its blank line, and was never dispatched."""
        return self._parsed.unterminated

    @property
    def decoded_bytes(self) -> int:
        """How many bytes came after content decoding."""
        return self._parsed.decoded_bytes

    @property
    def coding_problem(self) -> str:
        """Why the body could not be decoded to its end, or ""."""
        return self._parsed.coding_problem

    @property
    def bad_utf8_n(self) -> int | None:
        """The entry of the read in which the body was no longer UTF-8."""
        return self._parsed.bad_utf8_n

    @property
    def nul_id_n(self) -> int | None:
        """The entry of the read with an id that clients ignore, for the NUL in it."""
        return self._parsed.nul_id_n

    @cached_property
    def is_clipped(self) -> bool:
        """Whether payload bytes are missing, so that the items are not all there."""
        return any(it.payload.sha256 is not None for it in self._entries)

    @cached_property
    def last_id(self) -> str | None:
        """The last id a block of this stream set; None: none did."""
        blocks: Iterable[Seen[Event] | Seen[Empty]] = [*self.events, *self.empties]
        ids = [(it.n, it.item.end, it.item.id_field) for it in blocks]
        with_ids = [it for it in ids if it[2] is not None]
        return max(with_ids, key=lambda it: it[:2])[2] if with_ids else None

    @cached_property
    def _parsed(self) -> _Parsed:
        out = _Parsed()
        reads: list[bytes] = []
        for it in self._entries:
            data = it.payload.content()
            if data is None:
                break
            reads.append(data)
        is_small = sum(map(len, reads)) <= _KNOWN_BYTES
        body = (_known_body if is_small else _body)(self.codings, tuple(reads))
        out.coding_problem, out.unterminated = body.coding_problem, body.unterminated
        pieces = iter(body.pieces)
        for it in self._entries:
            piece = next(pieces, None)
            if piece is None:
                break
            out.decoded_bytes += piece.size
            if piece.has_nul_id and out.nul_id_n is None:
                out.nul_id_n = it.n
            if piece.is_bad_utf8:
                out.bad_utf8_n = it.n
            end = it.offset + it.size if self.codings else 0
            self._sort(piece.items, it.t_s, it.n, end, out)
        return out

    @staticmethod
    def _sort(
        items: Iterable[Event | Comment | Retry | Empty | TooLong | Unterminated],
        t_s: float,
        n: int,
        end: int,
        out: _Parsed,
    ) -> None:
        for item in items:
            match item:
                case Event():
                    out.events.append(Seen(item, t_s, n, end or item.end))
                case Comment():
                    out.comments.append(Seen(item, t_s, n, end or item.end))
                case Retry():
                    out.retries.append(Seen(item, t_s, n, end or item.end))
                case Empty():
                    out.empties.append(Seen(item, t_s, n, end or item.end))
                case TooLong():
                    out.too_long = Seen(item, t_s, n, end)
                case Unterminated():
                    out.unterminated = item


class _Piece(NamedTuple):
    """What one read adds to a body.

    Attributes:
        size: In bytes, decoded.
        is_bad_utf8: Whether it is the first with what is no UTF-8.
    """

    size: int
    items: tuple[Item, ...]
    has_nul_id: bool
    is_bad_utf8: bool


class _Body(NamedTuple):
    """A body, parsed, whenever its reads came; what could not be decoded is missing."""

    pieces: tuple[_Piece, ...]
    coding_problem: str
    unterminated: Unterminated | None


def _body(codings: tuple[str, ...], reads: tuple[bytes, ...]) -> _Body:
    parser = Parser()
    utf8 = codecs.getincrementaldecoder("utf-8")()
    unpack: Decoder | None = None
    problem, is_utf8 = "", True
    pieces: list[_Piece] = []
    for read in reads:
        data = read
        if codings:
            try:
                unpack = unpack or decoder(", ".join(codings))
                data = unpack.decompress(data)
            except CodingError as error:
                problem = str(error)
                break
        has_nul_id = b"\0" in data and _NUL_ID.search(data) is not None
        is_bad_utf8 = False
        # ASCII is UTF-8, unless the read before it ended inside a character.
        if is_utf8 and (not data.isascii() or utf8.getstate()[0]):
            try:
                utf8.decode(data)
            except UnicodeDecodeError:
                is_bad_utf8, is_utf8 = True, False
        pieces.append(_Piece(len(data), tuple(parser.feed(data)), has_nul_id, is_bad_utf8))
    rest = [it for it in parser.close() if isinstance(it, Unterminated)]
    return _Body(tuple(pieces), problem, rest[-1] if rest else None)


# The same body is judged again and again: at both ends of a chain, and of every chain of a check.
_known_body = lru_cache(maxsize=16)(_body)


def longest(points: Sequence[tuple[float, int]]) -> Gap | None:
    """The longest stretch between neighbours in a list of (time, entry); None below two points."""
    best: Gap | None = None
    for (from_s, from_n), (to_s, to_n) in pairwise(points):
        if best is None or to_s - from_s > best.length_s:
            best = Gap(from_s, to_s, from_n, to_n)
    return best
