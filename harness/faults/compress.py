"""See `Compress`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from harness.faults.base import (
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
from harness.faults.standing import Standing
from harness.units import Size
from harness.wire.accept_encoding import preferred
from harness.wire.coding import Encoder, encoder
from harness.wire.headers import Headers, media_type, replaced, tokens, value, without


def _as_tuple(setting: object) -> object:
    return (setting,) if isinstance(setting, str) else setting


type Coding = Literal["gzip", "br", "zstd"]


class Compress(SimpleFault):
    """Code the response body with gzip, br or zstd, flushed or not.

    Without a flush an encoder keeps small events until kilobytes have gathered, or to the end;
    with one every read can be decoded as it comes. A response is left alone when its status or
    type is none of these, it is too short, or the client takes none of the codings; and it defeats
    the fault by a Content-Encoding of its own (even `identity`) or by `no-transform`. What a
    truncated or reset response still has in the encoder is flushed, without the coding's end.

    Models: nginx gzip, which flushes only where buffering is off and ignores no-transform —
    nginx.org, ngx_http_gzip_module; both measured on 1.22; the npm package compression, which
    holds until `res.flush()` and honours no-transform — its README, "Server-Sent Events"; Envoy's
    compressor filter, flushed, text/event-stream only when configured — envoyproxy.io,
    "Compressor".
    Conserves: bytes and order, once decoded.

    Args:
        coding: Codings on offer, by preference; the weights of Accept-Encoding come first.
        flush: Whether the encoder is flushed after every read.
        types: Media types to code; `*/*` is all, `text/*` all of text.
        min_length_bytes: A known Content-Length below this is left alone.
        honours_no_transform: Whether Cache-Control: no-transform is obeyed (RFC 9111 §5.2.2.6).

    Journal: fired (coding and flush), defeated (the header field seen), not_reached (what did not
    suit).
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER

    coding: Annotated[tuple[Coding, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
    flush: bool = False
    types: tuple[str, ...] = ("text/event-stream",)
    min_length_bytes: Size = 0
    honours_no_transform: bool = True

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
        self._encoder: Encoder | None = None

    def step(self, now_s: float, event: Event) -> Iterable[Action]:  # noqa: ARG002 - no time in it
        self._standing.see(event)
        match event:
            case RequestHead(method=method, headers=headers):
                self._method, self._request = method.upper(), headers
                yield passed(event)
            case ResponseHead():
                yield from self._take_head(event)
            case Data(data) if self._encoder is not None:
                coded = self._encoder.compress(data)
                yield from _forward(coded + (self._encoder.flush() if self._config.flush else b""))
            case UpstreamEnd(how):
                if self._encoder is not None and not event.is_dropping:
                    is_whole = how == "end"
                    coded = self._encoder.finish() if is_whole else self._encoder.flush()
                    yield from _forward(coded)
                yield from self._standing.not_reached("no response head came")
                yield passed(event)
            case RequestData() | RequestEnd() | Data():
                yield passed(event)
            case ClientGone():
                yield from self._standing.not_reached("no response head came")
                yield passed(event)
            case Wake():
                pass
            case CaseOver():
                yield from self._standing.not_reached("no response head came")

    def _take_head(self, head: ResponseHead) -> Iterator[Action]:
        config = self._config
        coding = preferred(self._request, config.coding)
        length = value(head.headers, "content-length") or ""
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
        elif (coded := value(head.headers, "content-encoding")) is not None:
            yield from self._standing.defeated(f"Content-Encoding: {coded} in the response")
        elif config.honours_no_transform and "no-transform" in tokens(
            head.headers, "cache-control"
        ):
            yield from self._standing.defeated("Cache-Control: no-transform in the response")
        else:
            self._encoder = encoder(coding)
            how = "flushed after every read" if config.flush else "never flushed"
            yield from self._standing.fired(f"{coding}, {how}")
            head = _coded(head, coding)
        yield ForwardHead(head)


def _coded(head: ResponseHead, coding: Coding) -> ResponseHead:
    """The head of the coded response."""
    headers = replaced(without(head.headers, ["content-length"]), "Content-Encoding", coding)
    if not {"accept-encoding", "*"} & set(tokens(headers, "vary")):
        vary = value(headers, "vary")
        headers = replaced(
            headers, "Vary", f"{vary}, Accept-Encoding" if vary else "Accept-Encoding"
        )
    etag = value(headers, "etag")
    if etag is not None and not etag.startswith("W/"):
        headers = replaced(headers, "ETag", f"W/{etag}")
    framing = "chunked" if head.framing == "length" else head.framing
    return replace(head, headers=headers, framing=framing)


def _forward(coded: bytes) -> Iterator[Action]:
    if coded:
        yield Forward(coded)
