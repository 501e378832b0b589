"""HTTP content codings, incremental and bounded: gzip, deflate, br, zstd.

An encoder may hold what it is given as long as it likes; `flush` makes everything so far decodable.
That is the whole difference between a compressing intermediary a stream survives and one that
keeps events until kilobytes have gathered. A decoder returns everything that is decodable at once.

Sources: RFC 9110 section 8.4 (codings; in a list, the first was applied first), RFC 1950 to 1952
(zlib, deflate, gzip), RFC 7932 (br), RFC 8878 and 9659 (zstd, with a window of 8 MiB at most).
"""

import sys
import zlib
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

import brotli  # type: ignore[import-untyped]  # it ships no types

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Most bytes one read may decode to: far above what a stream sends at once, far below the memory of
# a small machine. 317 bytes of br unfold to 200 MiB of zeros.
MAX_OUTPUT_BYTES: Final = 64 * 1024 * 1024

# As many as curl takes (MAX_ENCODE_STACK, lib/content_encoding.c): a bomb may be nested.
MAX_CODINGS: Final = 5

# One input gives one output: the gzip header has no time in it. The levels are those of zlib.h,
# brotli/encode.h and zstd.h.
_ZLIB_LEVELS: Final = range(1, 10)
_ZLIB_LEVEL: Final = 6  # zlib's own default
_BROTLI_LEVELS: Final = range(12)
_BROTLI_LEVEL: Final = 5  # the library's own, 11, takes thirty times as long on small events
_ZSTD_LEVELS: Final = range(1, 20)  # above, the window is larger than RFC 9659 allows
_ZSTD_LEVEL: Final = 3  # zstd's own default

_GZIP_WBITS: Final = 31
_ZLIB_WBITS: Final = 15
_RAW_WBITS: Final = -15
_ZSTD_WINDOW_LOG_MAX: Final = 23

# gzip and zstd allow several streams in a row. What is behind the end of one is copied for the
# next; in slices, a read made of thousands of empty ones does not take quadratic time.
_SLICE_BYTES: Final = 16 * 1024


class CodingError(ValueError):
    """A coding is not known, or the bytes are not what it says."""


class BombError(CodingError):
    """One read decodes to more than the limit."""


class Encoder(Protocol):
    """One content coding, applied to one body."""

    def compress(self, data: bytes) -> bytes:
        """Take `data`; return what is ready, often nothing."""
        ...

    def flush(self) -> bytes:
        """Return what makes everything taken so far decodable; the body goes on."""
        ...

    def finish(self) -> bytes:
        """Return the rest and the end of the body; nothing may be called after it."""
        ...


class Decoder(Protocol):
    """The codings of one body, undone."""

    def decompress(self, data: bytes) -> bytes:
        """Take one read; return all that it makes decodable.

        Raises:
            BombError: That is more than the limit.
            CodingError: The bytes are not of this coding. What this read held before the fault is
                lost with it, and every later read raises the same.
        """
        ...

    def finish(self) -> bool:
        """Tell whether the body may end here; False is a truncation, or follows an error.

        An empty body is whole: where no coding has begun, nothing is missing.
        """
        ...


def encoder(coding: str, level: int | None = None) -> Encoder:
    """Make an encoder for one body.

    Args:
        coding: A name as in Accept-Encoding, in any case: gzip, x-gzip, deflate (with the zlib
            wrapper, as the RFC has it), br, zstd, identity.
        level: How hard it tries, one of its `levels`. None: 6 for zlib's codings, 5 for br, 3 for
            zstd.

    Raises:
        CodingError: The coding is not known, or has no such level.
    """
    known = _known(coding)
    level = known.level if level is None else level
    if level not in known.levels:
        low, high = known.levels[0], known.levels[-1]
        raise CodingError(f"expected a level of {coding}, {low} to {high}, got {level}")
    return known.encode(level)


def levels(coding: str) -> range:
    """The levels of a coding, from fast to small.

    Raises:
        CodingError: The coding is not known.
    """
    return _known(coding).levels


def decoder(codings: str, *, max_output_bytes: int = MAX_OUTPUT_BYTES) -> Decoder:
    """Make a decoder for one body.

    Args:
        codings: The value of Content-Encoding, "" where there is none; several are undone from the
            last to the first. deflate is taken with or without the zlib wrapper.
        max_output_bytes: Most bytes that one read may decode to, and each coding on the way. It
            bounds memory, not the body: a stream may go on for ever.

    Raises:
        CodingError: A coding is not known, or there are more than `MAX_CODINGS`.
        ValueError: `max_output_bytes` is negative.
    """
    if max_output_bytes < 0:
        raise ValueError(f"max_output_bytes: expected 0 or more, got {max_output_bytes}")
    names = [name for part in codings.split(",") if (name := part.strip())]
    if len(names) > MAX_CODINGS:
        raise CodingError(f"expected {MAX_CODINGS} content codings at most, got {len(names)}")
    stages = [(name, _known(name).decode()) for name in reversed(names)]
    return _Chain(stages, max_output_bytes)


def fault(coding: str) -> bytes:
    """Bytes that no decoder of this coding takes, after a flush or after the end.

    Raises:
        CodingError: The coding is not known.
    """
    return _known(coding).fault


class _Identity:
    """No coding, in both directions."""

    def compress(self, data: bytes) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""

    def finish(self) -> bytes:
        return b""

    def decompress(self, data: bytes, max_bytes: int) -> bytes:
        if len(data) > max_bytes:
            raise BombError(f"more than {max_bytes} bytes in one read")
        return data

    def is_whole(self) -> bool:
        return True


class _ZlibEncoder:
    def __init__(self, wbits: int, level: int) -> None:
        self._stream = zlib.compressobj(level, zlib.DEFLATED, wbits)

    def compress(self, data: bytes) -> bytes:
        return self._stream.compress(data)

    def flush(self) -> bytes:
        return self._stream.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._stream.flush(zlib.Z_FINISH)


class _BrotliEncoder:
    def __init__(self, level: int) -> None:
        stream = brotli.Compressor(quality=level)
        self._process: Callable[[bytes], bytes] = stream.process
        self._flush: Callable[[], bytes] = stream.flush
        self._finish: Callable[[], bytes] = stream.finish

    def compress(self, data: bytes) -> bytes:
        return self._process(data)

    def flush(self) -> bytes:
        return self._flush()

    def finish(self) -> bytes:
        return self._finish()


class _ZstdEncoder:
    def __init__(self, level: int) -> None:
        self._stream = zstd.ZstdCompressor(level=level)

    def compress(self, data: bytes) -> bytes:
        return self._stream.compress(data)

    def flush(self) -> bytes:
        return self._stream.flush(zstd.ZstdCompressor.FLUSH_BLOCK)

    def finish(self) -> bytes:
        return self._stream.flush(zstd.ZstdCompressor.FLUSH_FRAME)


class _Stage(Protocol):
    """One coding undone; raises CodingError, BombError, or an error of its library."""

    def decompress(self, data: bytes, max_bytes: int) -> bytes: ...

    def is_whole(self) -> bool: ...


class _Stream(Protocol):
    """What the decompressors of zlib and zstd have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _StreamsDecoder:
    """One stream or, as gzip has members and zstd frames, several in a row."""

    def __init__(self, new_stream: Callable[[], _Stream], *, may_repeat: bool) -> None:
        self._new_stream = new_stream
        self._may_repeat = may_repeat
        self._stream: _Stream | None = None

    def decompress(self, data: bytes, max_bytes: int) -> bytes:
        output = bytearray()
        for offset in range(0, len(data), _SLICE_BYTES):
            rest = data[offset : offset + _SLICE_BYTES]
            while rest:
                if self._stream is None:
                    self._stream = self._new_stream()
                elif self._stream.eof:
                    if not self._may_repeat:
                        raise CodingError("bytes after the end")
                    self._stream = self._new_stream()
                # One byte over the limit is asked for: where it comes, there is too much; where it
                # does not, nothing was left behind.
                output += self._stream.decompress(rest, max_bytes + 1 - len(output))
                if len(output) > max_bytes:
                    raise BombError(f"more than {max_bytes} bytes in one read")
                rest = self._stream.unused_data
        return bytes(output)

    def is_whole(self) -> bool:
        return self._stream is None or self._stream.eof


class _DeflateDecoder:
    """The zlib format, or bare deflate as some servers send it (RFC 9110 section 8.4.1.2)."""

    def __init__(self) -> None:
        self._head = b""
        self._stream: _StreamsDecoder | None = None

    def decompress(self, data: bytes, max_bytes: int) -> bytes:
        if self._stream is None:
            data = self._head = self._head + data
            if len(data) < 2:
                return b""
            # RFC 1950: method 8, and both bytes as one number are a multiple of 31. A bare stream
            # would need a stored block with a padding bit set to begin so.
            is_wrapped = data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0
            wbits = _ZLIB_WBITS if is_wrapped else _RAW_WBITS
            self._stream = _StreamsDecoder(lambda: zlib.decompressobj(wbits), may_repeat=False)
        return self._stream.decompress(data, max_bytes)

    def is_whole(self) -> bool:
        return self._stream.is_whole() if self._stream else not self._head


class _BrotliDecoder:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()
        self._has_begun = False

    def decompress(self, data: bytes, max_bytes: int) -> bytes:
        self._has_begun |= bool(data)
        # The buffer stops growing once it has reached this size: below it, nothing was left behind.
        output: bytes = self._stream.process(data, output_buffer_limit=max_bytes + 1)
        if len(output) > max_bytes:
            raise BombError(f"more than {max_bytes} bytes in one read")
        return output

    def is_whole(self) -> bool:
        return not self._has_begun or bool(self._stream.is_finished())


class _Chain:
    """Codings undone one after another; the Decoder handed out."""

    def __init__(self, stages: list[tuple[str, _Stage]], max_bytes: int) -> None:
        self._stages = stages
        self._max_bytes = max_bytes
        self._failure: CodingError | None = None

    def decompress(self, data: bytes) -> bytes:
        if self._failure:
            raise self._failure
        for name, stage in self._stages:
            try:
                data = stage.decompress(data, self._max_bytes)
            except (CodingError, zlib.error, zstd.ZstdError, brotli.error) as error:
                kind = BombError if isinstance(error, BombError) else CodingError
                self._failure = kind(f"{name}: {error}")
                raise self._failure from error
        return data

    def finish(self) -> bool:
        return self._failure is None and all(stage.is_whole() for _, stage in self._stages)


def _gzip_decoder() -> _Stage:
    return _StreamsDecoder(lambda: zlib.decompressobj(_GZIP_WBITS), may_repeat=True)


def _zstd_decoder() -> _Stage:
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG_MAX}
    return _StreamsDecoder(lambda: zstd.ZstdDecompressor(options=options), may_repeat=True)


class _Coding(NamedTuple):
    levels: range
    level: int  # where none is asked for
    encode: Callable[[int], Encoder]
    decode: Callable[[], _Stage]
    fault: bytes


# A block of the reserved type, in zlib's codings and in zstd, where a stream or frame has to begin
# that begins otherwise; in br, which has no second stream, a reserved bit that is set.
_BAD_BLOCK: Final = b"\x07" * 16
_BAD_BIT: Final = b"\x0e" * 16

_CODINGS: Final[dict[str, _Coding]] = {
    "gzip": _Coding(
        _ZLIB_LEVELS,
        _ZLIB_LEVEL,
        lambda level: _ZlibEncoder(_GZIP_WBITS, level),
        _gzip_decoder,
        _BAD_BLOCK,
    ),
    "deflate": _Coding(
        _ZLIB_LEVELS,
        _ZLIB_LEVEL,
        lambda level: _ZlibEncoder(_ZLIB_WBITS, level),
        _DeflateDecoder,
        _BAD_BLOCK,
    ),
    "br": _Coding(_BROTLI_LEVELS, _BROTLI_LEVEL, _BrotliEncoder, _BrotliDecoder, _BAD_BIT),
    "zstd": _Coding(_ZSTD_LEVELS, _ZSTD_LEVEL, _ZstdEncoder, _zstd_decoder, _BAD_BLOCK),
    "identity": _Coding(range(1), 0, lambda _level: _Identity(), _Identity, b""),
}


def _known(coding: str) -> _Coding:
    # RFC 9110 section 8.4.1: names are compared without case, and x-gzip is gzip.
    name = coding.lower()
    try:
        return _CODINGS["gzip" if name == "x-gzip" else name]
    except KeyError:
        known = ", ".join(_CODINGS)
        raise CodingError(f"expected a content coding of {known}, got {coding!r}") from None
