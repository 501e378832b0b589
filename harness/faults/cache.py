"""See `Cache`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from harness.faults.base import Conserves, Fault, FaultConfig
from harness.faults.cache_running import CacheRunning
from harness.units import Duration


class Cache(FaultConfig):
    """Answer one client with what another one got.

    The key is method and target alone, so that neither Last-Event-ID nor Vary makes a difference:
    a client that resumes gets the stream from its start. Only GET, and only whole responses of
    status 200 are stored. `Cache-Control: no-cache`, `no-store` or `private` keeps a response out.
    Held at most: 64 MiB of all responses; a response for which there is no room is not shared.

    Models: nginx proxy_cache with proxy_cache_lock, where the second client waits for the first
    one's whole stream (lock_age 5 s, poll 500 ms) — nginx.org, ngx_http_proxy_module; Varnish and
    Squid, where it gets the live stream from its start; Envoy, HAProxy and Apache mod_cache, where
    only who comes later gets a copy — all measured: nginx 1.22, Varnish 7.1, Squid 5.7, Envoy 1.40,
    HAProxy 2.6, Apache 2.4; what may be stored: RFC 9111 §3.
    Conserves: bytes and order of what a client is given.

    Args:
        default_ttl_s: How long a response is fresh that does not say, in seconds; 0: not at all.
        ignore: Fields that count for nothing: Cache-Control, Set-Cookie, Authorization.
        unless_response_header: Name and value of header fields that keep a response out; both are
            compared without case.
        honours_request: Whether a request with Cache-Control: no-cache or no-store, which browsers
            send for an EventSource, goes past the cache.
        age: Whether what is shared has an Age.
        meanwhile: What becomes of a request while another one for the same is under way: its own
            fetch (own), the live response from its start (join), or nothing until that one is
            whole (wait).
        before_head: With `join`, what becomes of it while there is no head: wait, or own.
        lock_timeout_s: Longest wait, in seconds, then its own fetch, which is not stored. None: for
            ever.
        lock_age_s: With `wait`, after how long a fetch is too old to wait for, in seconds: the next
            request is sent as well. None: never.
        poll_s: How often who waits looks whether it may go on, in seconds; None: at once.
        on_uncacheable: Whether those who waited for what then may not be shared fetch it all at
            once (pass), or each waits for the head of the one before (serialise).
        abandoned: What becomes of a fetch that nobody wants any more but the cache: close, or
            finish.

    Journal: fired (a copy, a join, a wait), defeated (the field that forbids it), not_reached.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    arms: ClassVar[Literal["always", "acting"]] = "acting"
    limit_decides: ClassVar[bool] = False
    looks_at: ClassVar[frozenset[str]] = frozenset({"age", "cache-control", "set-cookie"})

    default_ttl_s: Duration = 0.0
    ignore: tuple[Literal["Cache-Control", "Set-Cookie", "Authorization"], ...] = ()
    unless_response_header: dict[str, str] = Field(default_factory=dict)
    honours_request: bool = False
    age: bool = True
    meanwhile: Literal["own", "join", "wait"] = "own"
    before_head: Literal["wait", "own"] = "wait"
    lock_timeout_s: Annotated[Duration, Field(gt=0)] | None = None
    lock_age_s: Annotated[Duration, Field(gt=0)] | None = None
    poll_s: Annotated[Duration, Field(gt=0)] | None = None
    on_uncacheable: Literal["pass", "serialise"] = "pass"
    abandoned: Literal["close", "finish"] = "close"

    def limit_s(self) -> float:
        """See `FaultConfig.limit_s`."""
        return max(self.lock_timeout_s or 0.0, self.lock_age_s or 0.0) + (self.poll_s or 0.0)

    def running(self, draw: Callable[[], float]) -> Fault:  # noqa: ARG002 - the contract's
        """See `FaultConfig.running`."""
        return CacheRunning(self, self.held_bytes)
