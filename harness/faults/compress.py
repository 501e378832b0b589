"""See `Compress`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from harness.faults.base import (
    HELD_BYTES,
    Action,
    CaseOver,
    ClientGone,
    Conserves,
    Data,
    Event,
    Forward,
    ForwardHead,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    SimpleFault,
    UpstreamEnd,
    Wake,
    passed,
)
from harness.faults.coded_head import Etag, coded_head
from harness.faults.standing import Standing
from harness.units import Size, format_size
from harness.wire.accept_encoding import preferred
from harness.wire.coding import Encoder, encoder, levels
from harness.wire.headers import Headers, media_type, tokens, value


def _as_tuple(setting: object) -> object:
    return (setting,) if isinstance(setting, str) else setting


type Coding = Literal["gzip", "deflate", "br", "zstd"]


class Compress(SimpleFault):
    """Code the response body with gzip, deflate, br or zstd, flushed or not.

    Without a flush an encoder keeps small events until kilobytes have gathered, or to the end;
    with one every read can be decoded as it comes. A response is left alone when its status or
    type is none of these, it is too short, or the client takes none of the codings; and it defeats
    the fault by a Content-Encoding of its own (even `identity`) or by `no-transform`. What a
    truncated or reset response still has in the encoder is flushed, without the coding's end.

    Without a flush gzip gives what it has when it has gathered 16,384 literals and matches: of text
    with nothing to find in it, some 17 kB.

    Models: nginx gzip, level 1, which flushes only where buffering is off, sends full buffers of 4
    KiB else and the head with the first of them, ignores no-transform, weakens an ETag and drops
    Accept-Ranges — nginx.org, ngx_http_gzip_module; the npm package compression, which holds until
    `res.flush()` and honours no-transform — its README, "Server-Sent Events"; Envoy's compressor
    filter, flushed, text/event-stream only when configured — envoyproxy.io, "Compressor"; Apache
    mod_deflate, which gives an ETag the end -gzip and codes what is said to be `identity` —
    httpd.apache.org, mod_deflate; Caddy encode, which leaves a response alone whose first write is
    short — caddyserver.com, "encode"; Traefik's compress, which takes what the client names first —
    doc.traefik.io, "Compress"; all measured.
    Conserves: bytes and order, once decoded.

    Args:
        coding: Codings on offer, by preference; the weights of Accept-Encoding come first.
        flush: Whether the encoder is flushed after every read.
        block_bytes: Size of the blocks in which coded bytes go out, and the head with the first of
            them; None: all bytes go as the encoder gives them. Goes without `flush`.
        level: How hard the encoder tries: 1 to 9 for gzip and deflate, 0 to 11 for br, 1 to 19 for
            zstd. None: 6 for gzip and deflate, 5 for br, 3 for zstd.
        prefer: Whose order decides where the client likes several codings equally.
        types: Media types to code; `*/*` is all, `text/*` all of text.
        min_length_bytes: A known Content-Length below this is left alone.
        min_first_bytes: A body whose first read is shorter than this is left alone; the head waits
            for it. 0: no matter.
        honours_no_transform: Whether Cache-Control: no-transform is obeyed (RFC 9111 §5.2.2.6).
        recodes_identity: Whether Content-Encoding: identity counts as none.
        vary: Whether the response then varies by Accept-Encoding.
        etag: What becomes of an entity tag: weak (a strong one is weakened), drop (a strong one is
            removed), keep, or a suffix.
        drop_accept_ranges: Whether Accept-Ranges is removed.

    Journal: fired (coding and flush), defeated (the header field seen), not_reached (what did not
    suit).
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    looks_at: ClassVar[frozenset[str]] = frozenset(
        {
            "accept-ranges", "cache-control", "content-encoding", "content-length", "content-type",
            "etag", "vary",
        }
    )  # fmt: skip

    coding: Annotated[tuple[Coding, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
    flush: bool = False
    block_bytes: Annotated[Size, Field(gt=0, le=HELD_BYTES)] | None = None
    level: int | None = None
    prefer: Literal["server", "client"] = "server"
    types: tuple[str, ...] = ("text/event-stream",)
    min_length_bytes: Size = 0
    # Named in full: `min_first` would be the first of what.
    min_first_bytes: Size = Field(default=0, alias="min_first_bytes")
    honours_no_transform: bool = True
    recodes_identity: bool = False
    vary: bool = True
    etag: Etag = "weak"
    drop_accept_ranges: bool = False

    @model_validator(mode="after")
    def _has_the_level(self) -> Self:
        for coding in self.coding:
            known = levels(coding)
            if self.level is not None and self.level not in known:
                raise ValueError(
                    f"expected a level of {coding}, {known[0]} to {known[-1]}, got {self.level}"
                )
        return self

    @model_validator(mode="after")
    def _has_one_way_out(self) -> Self:
        if self.flush and self.block_bytes is not None:
            raise ValueError("what is flushed goes out at once: expected flush or block, not both")
        return self

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)

    def covers(self, media: str | None) -> bool:
        """Whether a response of this media type is coded."""
        main = (media or "").split("/", 1)[0]
        return any(it.lower() in {"*/*", f"{main}/*", media} for it in self.types)


class _State:
    def __init__(self, config: Compress) -> None:
        self._config = config
        self._standing = Standing()
        self._method = ""
        self._request: Headers = ()
        self._waiting: tuple[ResponseHead, Coding] | None = None
        self._encoder: Encoder | None = None
        self._head: ResponseHead | None = None  # while it waits for a block
        self._held = bytearray()  # coded bytes that fill no block

    def step(self, now_s: float, event: Event) -> Iterable[Action]:  # noqa: ARG002 - no time in it
        self._standing.see(event)
        match event:
            case RequestHead(method=method, headers=headers):
                self._method, self._request = method.upper(), headers
                yield passed(event)
            case ResponseHead():
                yield from self._take_head(event)
            case Data(data):
                yield from self._first(len(data))
                yield from self._coded(data) if self._encoder is not None else (passed(event),)
            case UpstreamEnd(how):
                yield from self._first(0)
                yield from self._end(is_whole=how == "end", is_dropping=event.is_dropping)
                yield from self._standing.not_reached(self._margin())
                yield passed(event)
            case RequestData() | RequestEnd():
                yield passed(event)
            case ClientGone():
                yield from self._standing.not_reached(self._margin())
                yield passed(event)
            case Wake():
                pass
            case CaseOver():
                yield from self._standing.not_reached(self._margin())

    def _take_head(self, head: ResponseHead) -> Iterator[Action]:
        config = self._config
        coding = preferred(self._request, config.coding, config.prefer)
        length = value(head.headers, "content-length") or ""
        coded = value(head.headers, "content-encoding")
        if self._method == "HEAD" or head.status in {204, 206, 304}:
            yield from self._standing.not_reached(f"{self._method} with status {head.status}")
        elif not config.covers(media_type(head.headers)):
            media = media_type(head.headers) or "no content type"
            yield from self._standing.not_reached(f"{media} is not among {', '.join(config.types)}")
        elif length.isdecimal() and int(length) < config.min_length_bytes:
            yield from self._standing.not_reached(
                f"content-length {length} of {config.min_length_bytes}"
            )
        elif coding is None:
            accepted = value(self._request, "accept-encoding") or "nothing"
            yield from self._standing.not_reached(f"the client accepts {accepted}")
        elif coded is not None and not (config.recodes_identity and coded.lower() == "identity"):
            yield from self._standing.defeated(f"Content-Encoding: {coded} in the response")
        elif config.honours_no_transform and "no-transform" in tokens(
            head.headers, "cache-control"
        ):
            yield from self._standing.defeated("Cache-Control: no-transform in the response")
        else:
            self._waiting = head, coding
            if not config.min_first_bytes:
                yield from self._first(0)
            return
        yield ForwardHead(head)

    def _first(self, size: int) -> Iterator[Action]:
        """Decide about a head that waits, now that the first read is so long; 0: there is none."""
        if self._waiting is None:
            return
        (head, coding), self._waiting = self._waiting, None
        config = self._config
        if size < config.min_first_bytes:
            least = format_size(config.min_first_bytes)
            said = f"first read of {format_size(size)} of {least}"
            standing = self._standing
            yield from standing.defeated(said) if size else standing.not_reached(said)
            yield ForwardHead(head)
            return
        self._encoder = encoder(coding, config.level)
        how = "flushed after every read" if config.flush else "never flushed"
        yield from self._standing.fired(f"{coding}, {how}")
        self._head = coded_head(
            head,
            coding,
            etag=config.etag,
            has_vary=config.vary,
            has_ranges=not config.drop_accept_ranges,
        )
        if config.block_bytes is None:
            yield from self._release_head()

    def _margin(self) -> str:
        what = "response head" if self._waiting is None else "body byte"
        return f"no {what} came"

    def _coded(self, data: bytes) -> Iterator[Action]:
        assert self._encoder is not None
        self._held += self._encoder.compress(data)
        if self._config.flush:
            self._held += self._encoder.flush()
        block_bytes = self._config.block_bytes
        if block_bytes is None:
            yield from self._forward(len(self._held))
            return
        while len(self._held) >= block_bytes:
            yield from self._forward(block_bytes)

    def _end(self, *, is_whole: bool, is_dropping: bool) -> Iterator[Action]:
        if self._encoder is not None and not is_dropping:
            self._held += self._encoder.finish() if is_whole else self._encoder.flush()
            yield from self._forward(len(self._held))
        yield from self._release_head()

    def _forward(self, size: int) -> Iterator[Action]:
        if size:
            yield from self._release_head()
            yield Forward(bytes(self._held[:size]))
            del self._held[:size]

    def _release_head(self) -> Iterator[Action]:
        if self._head is not None:
            head, self._head = self._head, None
            yield ForwardHead(head)
