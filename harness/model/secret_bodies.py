"""Bodies without secrets, however their bytes came: in pieces, and in content codings.

A secret is found in what a reader of the whole body would read: across the borders of reads, and
after content decoding. Stars stand in its place, as many as it had bytes, but for its line ends;
so every event, its place and the read that completes it are what they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from harness.model.journal import (
    ClientEnd,
    ClientHead,
    ClientRead,
    Entry,
    Payload,
    TapEnd,
    TapHead,
    TapRead,
)
from harness.model.secret_values import Secrets
from harness.wire.coding import CodingError, Encoder, decoder, encoder, fault
from harness.wire.headers import Headers, tokens

type Span = tuple[int, int]
"""Where something begins and ends."""

# A client, 0 for the tap, and the number of the exchange there.
type _Key = tuple[int, int]

_LINE_ENDS = b"\r\n"
_STARS = bytes(it if it in _LINE_ENDS else ord("*") for it in range(256))


class Seeker:
    """Where secrets stand in bytes that come in pieces.

    Attributes:
        unsettled: The last bytes taken, as far as they may be the beginning of a secret.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._needles = secrets.needles
        self._beginnings = frozenset(it[:n] for it in self._needles for n in range(1, len(it)))
        self._longest = max(map(len, self._beginnings), default=0)
        self.unsettled = b""

    def take(self, data: bytes) -> list[Span]:
        """Spans of the secrets that end in `data`, from its beginning; below zero: before that."""
        before = len(self.unsettled)
        text = self.unsettled + data
        found = [
            (at - before, at - before + len(needle))
            for needle in self._needles
            for at in _places(text, needle)
        ]
        lengths = range(min(len(text), self._longest), 0, -1)
        tails = (text[-n:] for n in lengths if text[-n:] in self._beginnings)
        self.unsettled = next(tails, b"")
        return found


class Masker:
    """A body with stars in it; what may be the beginning of a secret waits for what follows."""

    def __init__(self, secrets: Secrets) -> None:
        self._seeker = Seeker(secrets)
        self._waiting = b""

    @property
    def waiting(self) -> int:
        """How many bytes wait."""
        return len(self._waiting)

    def take(self, data: bytes) -> bytes:
        """What is ready: no line end ever waits for bytes of another line."""
        spans = self._seeker.take(data)
        before = len(self._waiting)
        text = starred(self._waiting + data, ((a + before, b + before) for a, b in spans))
        settled = len(text) - len(self._seeker.unsettled)
        self._waiting = text[settled:]
        return text[:settled]

    def rest(self) -> bytes:
        """What still waits, as nothing follows."""
        waiting, self._waiting = self._waiting, b""
        self._seeker.unsettled = b""
        return waiting


def _places(text: bytes, needle: bytes) -> Iterator[int]:
    at = text.find(needle)
    while at >= 0:
        yield at
        at = text.find(needle, at + 1)


def starred(data: bytes, spans: Iterable[Span]) -> bytes:
    """`data` with stars in these places, as far as it has them."""
    out: bytearray | None = None
    for begin, end in spans:
        begin, end = max(0, begin), max(0, end)  # noqa: PLW2901 - cut to what there is
        out = bytearray(data) if out is None else out
        out[begin:end] = out[begin:end].translate(_STARS)
    return data if out is None else bytes(out)


class Recoder:
    """A coded body with stars in it, coded anew: each read makes as much decodable as it did.

    Where the coding breaks it breaks here, too, and what follows that is gone.

    Args:
        secrets: What is masked.
        codings: As in Content-Encoding.

    Raises:
        CodingError: One is not known.
    """

    def __init__(self, secrets: Secrets, codings: str) -> None:
        self._names = [name for part in codings.split(",") if (name := part.strip())]
        self._decoder = decoder(codings)
        self._masker = Masker(secrets)
        self._encoders: list[Encoder] = []

    def take(self, data: bytes) -> bytes | None:
        """The read to keep in place of one; None: the coding breaks in it."""
        try:
            text = self._decoder.decompress(data)
        except CodingError:
            return None
        return self._coded(self._masker.take(text), is_over=self._is_over)

    def broken(self, text: bytes = b"") -> tuple[bytes, bytes]:
        """What is to be put behind the last read, and to be kept in place of a broken one.

        Args:
            text: What could be decoded of that.
        """
        waiting = self._masker.waiting
        text = self._masker.take(text) + self._masker.rest()
        parts = [text[:waiting], text[waiting:]]
        more, own = (self._coded(it, is_over=False) if it else b"" for it in parts)
        return more, own + fault(self._names[-1])

    def rest(self) -> bytes:
        """What is to be put behind the last read, as nothing follows."""
        text = self._masker.rest()
        return self._coded(text, is_over=self._decoder.finish()) if text else b""

    @property
    def _is_over(self) -> bool:
        """Whether the body may end here, with all that it said."""
        return self._decoder.finish() and not self._masker.waiting

    def _coded(self, text: bytes, *, is_over: bool) -> bytes:
        if is_over and not text and not self._encoders:
            return b""
        self._encoders = self._encoders or [encoder(name) for name in self._names]
        for it in self._encoders:
            text = it.compress(text) + (it.finish() if is_over else it.flush())
        if is_over:
            self._encoders = []  # the next member of gzip, or frame of zstd
        return text


class Bodies:
    """The bodies of a journal: says what its reads are to be kept as.

    What is kept holds no secret in any of its forms: neither in one read, nor across reads of one
    body, nor, where a body is in content codings that are known, in what it decodes to. A body
    without any is kept as it came. A coded one with a secret in it is coded anew, from its first
    read on. Not found is what is no secret before somebody puts it together: one told in several
    events, within a read that decodes to more than `MAX_OUTPUT_BYTES`, or behind the place where a
    coding breaks.

    Args:
        secrets: What is masked.
        entries: The journal's own list of its entries so far.

    Attributes:
        has_recoded: Whether any body was coded anew.
    """

    def __init__(self, secrets: Secrets, entries: Sequence[Entry]) -> None:
        self._secrets = secrets
        self._entries = entries
        self._bodies: dict[_Key, _Plain | _Coded] = {}
        self.has_recoded = False

    def take(self, entry: Entry) -> dict[int, bytes]:
        """Take what is going to be the next entry of the journal.

        Returns:
            What payloads have to be, by the numbers of their entries; the next entry's own, too.
        """
        match entry:
            case TapHead(is_interim=False):
                return self._begin((0, entry.x), entry.headers)
            case ClientHead():
                return self._begin((entry.client, entry.x), entry.headers)
            case TapRead():
                return self._read((0, entry.x), entry.payload)
            case ClientRead():
                return self._read((entry.client, entry.x), entry.payload)
            case TapEnd(by="target"):
                return self._rest((0, entry.x))
            case ClientEnd():
                return self._rest((entry.client, entry.x))
            case _:
                return {}

    def rest(self) -> dict[int, bytes]:
        """What payloads have to be, as far as nothing follows."""
        changes: dict[int, bytes] = {}
        for key in list(self._bodies):
            changes |= self._rest(key)
        return changes

    def unsettled(self) -> Iterator[int]:
        """The reads that may hold the beginning of a secret, by the numbers of their entries."""
        for body in self._bodies.values():
            yield from body.unsettled()

    def _begin(self, key: _Key, headers: Headers) -> dict[int, bytes]:
        changes = self._rest(key)
        names = [it for it in tokens(headers, "content-encoding") if it != "identity"]
        self._bodies[key] = self._body(", ".join(names))
        return changes

    def _body(self, codings: str) -> _Plain | _Coded:
        if codings:
            with suppress(CodingError):  # nobody here can read it
                return _Coded(self._secrets, codings, self._content)
        return _Plain(self._secrets, self._content)

    def _read(self, key: _Key, payload: Payload) -> dict[int, bytes]:
        body = self._bodies.get(key)
        if body is None:
            body = self._bodies[key] = self._body("")
        changes = body.take(len(self._entries), payload.content() or b"")
        self.has_recoded |= isinstance(body, _Coded) and body.is_recoded
        return changes

    def _rest(self, key: _Key) -> dict[int, bytes]:
        body = self._bodies.get(key)
        return body.rest() if isinstance(body, _Coded) else {}

    def _content(self, number: int) -> bytes:
        entry = self._entries[number]
        assert isinstance(entry, ClientRead | TapRead)
        return entry.payload.content() or b""


class _Plain:
    """A body in no content coding that is known."""

    def __init__(self, secrets: Secrets, content: Callable[[int], bytes]) -> None:
        self._seeker = Seeker(secrets)
        self._content = content
        self._end = 0
        # Reads that may hold the beginning of a secret: entry, and where it begins and ends.
        self._open: list[tuple[int, int, int]] = []

    def take(self, number: int, data: bytes) -> dict[int, bytes]:
        """See `Bodies.take`."""
        at = self._end
        self._end += len(data)
        self._open.append((number, at, self._end))
        spans = [(at + begin, at + end) for begin, end in self._seeker.take(data)]
        changes = {}
        for n, begin, end in self._open if spans else ():
            mine = [(a - begin, b - begin) for a, b in spans if a < end and b > begin]
            if mine:
                changes[n] = starred(data if n == number else self._content(n), mine)
        settled = self._end - len(self._seeker.unsettled)
        self._open = [it for it in self._open if it[2] > settled]
        return changes

    def unsettled(self) -> Iterator[int]:
        """See `Bodies.unsettled`."""
        return (number for number, _, _ in self._open)


class _Coded:
    """A body in content codings: as it came, until there is a secret in it."""

    def __init__(self, secrets: Secrets, codings: str, content: Callable[[int], bytes]) -> None:
        self._secrets = secrets
        self._codings = codings
        self._content = content
        self._decoder = decoder(codings)
        self._seeker = Seeker(secrets)
        self._numbers: list[int] = []
        self._end = 0
        # As of a plain one, in what it decodes to; none once it is coded anew.
        self._open: list[tuple[int, int]] = []
        self._recoder: Recoder | None = None
        self._undecodable: _Plain | None = None

    @property
    def is_recoded(self) -> bool:
        """Whether it is coded anew."""
        return self._recoder is not None

    def take(self, number: int, data: bytes) -> dict[int, bytes]:
        """See `Bodies.take`."""
        if self._recoder is not None:
            return self._taken(self._recoder, number, data)
        if self._undecodable is not None:
            return self._undecodable.take(number, data)
        try:
            text = self._decoder.decompress(data)
        except CodingError:
            return self._broken(number, data)
        if self._seeker.take(text):
            self._recoder, changes = self._recoded()
            return changes | self._taken(self._recoder, number, data)
        self._numbers.append(number)
        self._end += len(text)
        settled = self._end - len(self._seeker.unsettled)
        self._open = [it for it in (*self._open, (number, self._end)) if it[1] > settled]
        return {}

    def unsettled(self) -> Iterator[int]:
        """See `Bodies.unsettled`."""
        if self._undecodable is not None:
            return self._undecodable.unsettled()
        return (number for number, _ in self._open)

    def _taken(self, recoder: Recoder, number: int, data: bytes) -> dict[int, bytes]:
        kept = recoder.take(data)
        last, self._numbers = self._numbers[-1:], [number]
        if kept is not None:
            return {number: kept}
        more, own = recoder.broken()
        return {n: self._content(n) + more for n in last if more} | {number: own}

    def rest(self) -> dict[int, bytes]:
        """See `Bodies.rest`."""
        more = b"" if self._recoder is None else self._recoder.rest()
        return {n: self._content(n) + more for n in self._numbers[-1:]} if more else {}

    def _recoded(self) -> tuple[Recoder, dict[int, bytes]]:
        """The reads so far, coded anew."""
        self._open = []
        recoder = Recoder(self._secrets, self._codings)
        return recoder, {n: recoder.take(self._content(n)) or b"" for n in self._numbers}

    def _broken(self, number: int, data: bytes) -> dict[int, bytes]:
        """The coding breaks in this read, which may hold a secret before that."""
        text = self._up_to_the_fault(data)
        if not self._seeker.take(text):
            self._undecodable = _Plain(self._secrets, self._content)
            return self._undecodable.take(number, data)
        self._recoder, changes = self._recoded()
        more, own = self._recoder.broken(text)
        last = self._numbers[-1:]
        self._numbers = [number]
        return changes | {n: changes[n] + more for n in last} | {number: own}

    def _up_to_the_fault(self, data: bytes) -> bytes:
        again = decoder(self._codings)
        for n in self._numbers:
            again.decompress(self._content(n))
        text = bytearray()
        with suppress(CodingError):
            for at in range(len(data)):
                text += again.decompress(data[at : at + 1])
        return bytes(text)
