"""See `Http2`."""

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
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    SimpleFault,
    UpstreamEnd,
    Wake,
    passed,
)
from harness.faults.h2_end import H2Setting, h2_end, h2_words
from harness.faults.standing import Standing


class Http2(SimpleFault):
    """Choose what an HTTP/2 client gets for a response that broke off.

    It marks the ends of what stands before it in its hop, upstream's own and those of limits and
    cuts, so it stands last. An END_STREAM makes a broken response look whole. Before the response
    head it changes nothing, and nothing for clients of HTTP/1.

    Models: HAProxy, Caddy, Varnish and lighttpd, which end the stream with END_STREAM, and Apache
    Traffic Server, which resets it with NO_ERROR, where nginx, Envoy, Apache, Traefik and nghttpx
    reset it with INTERNAL_ERROR — all measured: HAProxy 2.6, Caddy 2.6, Varnish 7.1, lighttpd
    1.4.69, Traffic Server 9.2; codes: RFC 9113 §7.
    Conserves: bytes and order.

    Args:
        truncation: For a response that was closed too early: `reset` (INTERNAL_ERROR), `end`
            (END_STREAM), or the code of a RST_STREAM: {code: NO_ERROR}.
        reset: The same for one that was aborted.

    Journal: fired (the frame), not_reached.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    arms: ClassVar[Literal["always", "acting"]] = "acting"
    held_bytes: ClassVar[int] = 0

    truncation: H2Setting = "reset"
    reset: H2Setting = "reset"

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)


class _State:
    def __init__(self, config: Http2) -> None:
        self._config = config
        self._standing = Standing()
        self._is_h2 = False
        self._has_head = False

    def step(self, now_s: float, event: Event) -> Iterable[Action]:  # noqa: ARG002 - no time in it
        self._standing.see(event)
        match event:
            case RequestHead():
                self._is_h2 = event.client_version == "HTTP/2"
                yield passed(event)
            case ResponseHead():
                self._has_head = True
                yield passed(event)
            case UpstreamEnd("truncation") if self._is_h2 and self._has_head:
                yield from self._mark(event, self._config.truncation)
            case UpstreamEnd("reset") if self._is_h2 and self._has_head:
                yield from self._mark(event, self._config.reset)
            case UpstreamEnd() | ClientGone():
                yield from self._standing.not_reached(self._why())
                yield passed(event)
            case RequestData() | RequestEnd() | Data():
                yield passed(event)
            case Wake():
                pass
            case CaseOver():
                yield from self._standing.not_reached(self._why())

    def _mark(self, end: UpstreamEnd, setting: H2Setting) -> Iterator[Action]:
        h2 = h2_end(setting)
        yield from self._standing.fired(f"{end.how}: {h2_words(h2)}")
        yield passed(replace(end, h2=h2))

    def _why(self) -> str:
        return "no response broke off" if self._is_h2 else "the client does not speak HTTP/2"
