"""See `ClientGone`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from harness.faults.base import (
    Action,
    CaseOver,
    CloseUpstream,
    Conserves,
    Data,
    Event,
    GoneHow,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    SimpleFault,
    UpstreamClose,
    UpstreamEnd,
    Wake,
    passed,
)
from harness.faults.base import ClientGone as Left
from harness.faults.standing import Standing
from harness.model.base import Strict

type Notices = Literal["at_once", "next_write", "never"]
type Writes = Annotated[int, Field(ge=1)]


class Kind(Strict):
    """What one kind of leaving comes to.

    Args:
        notices: at_once, next_write (with a write to the client), or never.
        writes: After how many writes it is noticed.
        upstream: How the connection to upstream is closed then.
    """

    notices: Notices = "at_once"
    writes: Writes = 1
    upstream: UpstreamClose = "fin"


def _as_kind(setting: object) -> object:
    return {"notices": setting} if isinstance(setting, str) else setting


type KindField = Annotated[Kind | None, BeforeValidator(_as_kind)]


class ClientGone(SimpleFault):
    """Say how soon it is noticed that the client has left, and what becomes of upstream then.

    A hop that does not read from its client notices with the writes: the first one to a client that
    has closed is answered with a reset, the next one fails. So a quiet stream lives on, a heartbeat
    ends it, and a client that closed only its sending side goes on reading. It stands last in its
    hop, where what comes to it is what the hop writes.

    Models: nginx proxy_ignore_client_abort, HAProxy without abortonclose, Apache mod_proxy and
    Apache Traffic Server, two writes (measured on nginx 1.22, HAProxy 2.6, Apache 2.4, Traffic
    Server 9.2); Varnish, three, Caddy with flush_interval -1, four, lighttpd, one, and nothing for
    a reset (7.1, 2.6, 1.4.69); http-proxy, never (1.18); HAProxy, which resets upstream —
    docs.haproxy.org, "option abortonclose"; nginx.org, ngx_http_proxy_module.
    Conserves: bytes and order until the client leaves.

    Args:
        notices: at_once, next_write (with a write to the client), or never.
        writes: After how many writes, response head included, a client that has closed is noticed.
            The first one may be the write that it answers with a reset; one that aborted has done
            so, and is noticed a write earlier: with 1, at once.
        upstream: How the connection to upstream is closed then.
        rst: The same three for a client that aborts, or one word for `notices`; None: as above.
        cancel: The same for RST_STREAM over HTTP/2.
        before_head: at_once or never, for a client that leaves before the response head; None: no
            difference.

    Journal: fired (how the client left, and when that is noticed), not_reached.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    arms: ClassVar[Literal["always", "acting"]] = "acting"
    held_bytes: ClassVar[int] = 0

    notices: Notices = "at_once"
    writes: Writes = 1
    upstream: UpstreamClose = "fin"
    rst: KindField = None
    cancel: KindField = None
    before_head: Literal["at_once", "never"] | None = None

    def kind(self, how: GoneHow, *, has_head: bool) -> Kind:
        """What a client's leaving comes to."""
        plain = Kind(notices=self.notices, writes=self.writes, upstream=self.upstream)
        kind = {"fin": None, "rst": self.rst, "cancel": self.cancel}[how] or plain
        if has_head or self.before_head is None:
            return kind
        return kind.model_copy(update={"notices": self.before_head})

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)


class _State:
    def __init__(self, config: ClientGone) -> None:
        self._config = config
        self._standing = Standing()
        self._has_head = False
        self._is_h2 = False
        self._kind: Kind | None = None  # since the client left
        self._is_reset = False
        self._writes = 0  # since then
        self._is_noticed = False

    def step(self, now_s: float, event: Event) -> Iterable[Action]:  # noqa: ARG002 - no time in it
        self._standing.see(event)
        match event:
            case RequestHead():
                self._is_h2 = event.client_version == "HTTP/2"
                yield passed(event)
            case RequestData() | RequestEnd():
                yield passed(event)
            case ResponseHead() | Data():
                self._has_head = True
                yield passed(event)
                self._writes += 1
                yield from self._look()
            case Left(how) if self._kind is None:
                self._kind = self._config.kind(how, has_head=self._has_head)
                # A stream has no half of its own: with its connection it is gone for good.
                self._is_reset = how != "fin" or self._is_h2
                self._writes = 1 if self._is_reset else 0
                yield from self._standing.fired(f"client left ({how}): {_when(self._kind)}")
                yield from self._look()
            case Left():
                self._is_reset = True
                yield from self._look()
            case UpstreamEnd():
                yield from self._standing.not_reached("no client left before the end")
                yield passed(event)
            case Wake():
                pass
            case CaseOver():
                yield from self._standing.not_reached("no client left")

    def _look(self) -> Iterator[Action]:
        """Close upstream if the client has left and that is noticed by now."""
        kind = self._kind
        if kind is None or self._is_noticed or kind.notices == "never":
            return
        has_met_it = self._is_reset and self._writes >= kind.writes
        if kind.notices == "at_once" or has_met_it:
            self._is_noticed = True
            yield CloseUpstream(kind.upstream)


def _when(kind: Kind) -> str:
    match kind.notices:
        case "at_once":
            return "noticed at once"
        case "never":
            return "not noticed"
        case "next_write":
            return f"noticed with write {kind.writes}"
