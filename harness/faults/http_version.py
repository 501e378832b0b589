"""See `HttpVersion`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import ClassVar, Literal

from harness.faults.base import (
    Action,
    CaseOver,
    ClientGone,
    Conserves,
    Data,
    Event,
    ForwardHead,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    SendRequest,
    SimpleFault,
    UpstreamEnd,
    Wake,
    passed,
)
from harness.faults.standing import Standing


class HttpVersion(SimpleFault):
    """Speak another version upstream, and delimit bodies by the connection's end.

    A server that is asked in HTTP/1.0 answers without chunks, and the end of its connection is the
    end of the body: whoever reads it cannot tell a truncation from a clean end. A hop that passes
    such a body on as it came keeps its clients from telling, too. Over HTTP/2, and to a client of
    HTTP/1.0, nothing of that changes.

    Models: nginx before 1.29.7, which asks in HTTP/1.0 with `Connection: close` (measured on 1.22),
    and its chunked_transfer_encoding — nginx.org, ngx_http_proxy_module (proxy_http_version),
    ngx_http_core_module; HAProxy, nghttpx and Varnish's pipe, which pass on a body that ends with
    the connection as one that does (measured on HAProxy 2.6, nghttpx 1.52, Varnish 7.1).
    Conserves: bytes and order.

    Args:
        upstream: The version of requests; 1.0 has `Connection: close`.
        close_delimited: What becomes of a body that upstream delimits by the connection's end:
            chunk it anew, or pass it on as it is.
        chunked: Whether bodies without a length are chunked at all towards a client of HTTP/1.1.

    Journal: fired (the version, or how the body is delimited), not_reached.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    is_aside: ClassVar[bool] = True
    arms: ClassVar[Literal["always", "acting"]] = "acting"
    held_bytes: ClassVar[int] = 0

    upstream: Literal["1.0", "1.1"] = "1.1"
    close_delimited: Literal["chunk", "pass"] = "chunk"
    chunked: bool = True

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)


class _State:
    def __init__(self, config: HttpVersion) -> None:
        self._config = config
        self._standing = Standing()
        self._has_chunks = True  # the client would get its body in chunks

    def step(self, now_s: float, event: Event) -> Iterable[Action]:  # noqa: ARG002 - no time in it
        self._standing.see(event)
        match event:
            case RequestHead():
                self._has_chunks = event.client_version == "HTTP/1.1"
                if self._config.upstream == "1.0":
                    yield from self._standing.fired("asked upstream in HTTP/1.0")
                yield SendRequest(replace(event, version=f"HTTP/{self._config.upstream}"))
            case ResponseHead():
                yield from self._forward(event)
            case UpstreamEnd() | ClientGone():
                yield from self._standing.not_reached("nothing to say in another version")
                yield passed(event)
            case RequestData() | RequestEnd() | Data():
                yield passed(event)
            case Wake():
                pass
            case CaseOver():
                yield from self._standing.not_reached("nothing to say in another version")

    def _forward(self, head: ResponseHead) -> Iterator[Action]:
        is_passed = head.framing == "close" and self._config.close_delimited == "pass"
        if self._config.chunked and not is_passed:
            yield ForwardHead(head)
            return
        if self._has_chunks and head.framing in {"chunked", "close"}:
            yield from self._standing.fired("the end of the connection delimits the body")
        # Of a body with a length too: the hop minds this only where it would send chunks.
        yield ForwardHead(head, "close")
