"""What a cache keeps, and for how long it may."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from harness.faults.base import RequestHead, ResponseHead
from harness.wire.headers import replaced, tokens, value, values

# RFC 9111 §5.2.2: a shared cache must not answer from what came with one of these.
_FORBIDS = ("no-store", "no-cache", "private")
# RFC 9111 §3.5: these let a response to a request with Authorization be stored.
_ALLOWS_AUTHORIZATION = frozenset({"public", "must-revalidate"})


@dataclass(frozen=True, slots=True)
class Freshness:
    """How long a response may be served to others.

    Args:
        ttl_s: Seconds from its head on; 0: not at all.
        why: What forbids it, or gives the time.
        is_told: Whether header fields forbid it: they disarm the cache.
    """

    ttl_s: float
    why: str
    is_told: bool = False


def freshness(
    request: RequestHead,
    response: ResponseHead,
    default_ttl_s: float,
    ignored: Collection[str],
    barred: Mapping[str, str],
) -> Freshness:
    """How long a response is fresh in a shared cache (RFC 9111 §3, §4.2.1).

    Args:
        request: The request it answers.
        response: Its head.
        default_ttl_s: How long, where Cache-Control does not say.
        ignored: Fields that count for nothing: Cache-Control, Set-Cookie, Authorization.
        barred: Fields of a response that is not stored, without case.
    """
    if response.status != 200:
        return Freshness(0.0, f"status {response.status}")
    for name, wanted in barred.items():
        if wanted.lower() in (it.lower() for it in values(response.headers, name)):
            return Freshness(0.0, f"{name}: {wanted} in the response", is_told=True)
    if "Set-Cookie" not in ignored and value(response.headers, "set-cookie") is not None:
        return Freshness(0.0, "Set-Cookie in the response", is_told=True)
    said = [] if "Cache-Control" in ignored else tokens(response.headers, "cache-control")
    directives = {name: val for name, _, val in (it.partition("=") for it in said)}
    for name in _FORBIDS:
        if name in directives:
            return Freshness(0.0, f"Cache-Control: {name} in the response", is_told=True)
    is_authorized = value(request.headers, "authorization") is not None
    is_shared = "s-maxage" in directives or not _ALLOWS_AUTHORIZATION.isdisjoint(directives)
    if is_authorized and not is_shared and "Authorization" not in ignored:
        return Freshness(0.0, "Authorization in the request", is_told=True)
    for name in ("s-maxage", "max-age"):
        seconds = directives.get(name, "").strip('"')
        if seconds.isdecimal():
            return Freshness(float(seconds), f"{name}={seconds}", is_told=not int(seconds))
    return Freshness(default_ttl_s, "no max-age in the response")


@dataclass(frozen=True, slots=True)
class Copy:
    """A whole response.

    Args:
        since_s: When its head came, in seconds on the run's clock.
        ttl_s: How long it is fresh from then on.
    """

    head: ResponseHead
    body: bytes
    since_s: float
    ttl_s: float


class Store:
    """Whole responses by key, and the room for those that are being recorded.

    Args:
        limit_bytes: Most body bytes, recorded ones included. The oldest copies make room.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._used_bytes = 0
        self._copies: dict[str, Copy] = {}  # the oldest first

    def take(self, size_bytes: int) -> bool:
        """Whether there is room for so many bytes more; they are taken then."""
        while self._copies and self._used_bytes + size_bytes > self._limit_bytes:
            self._forget(next(iter(self._copies)))
        if self._used_bytes + size_bytes > self._limit_bytes:
            return False
        self._used_bytes += size_bytes
        return True

    def give_back(self, size_bytes: int) -> None:
        """So many bytes are needed no longer."""
        self._used_bytes -= size_bytes

    def put(self, key: str, copy: Copy) -> None:
        """Keep a copy, whose bytes were taken; in place of an older one."""
        self._forget(key)
        self._copies[key] = copy

    def get(self, key: str, now_s: float) -> Copy | None:
        """The copy for a key, while it is fresh."""
        copy = self._copies.get(key)
        if copy is not None and now_s >= copy.since_s + copy.ttl_s:
            self._forget(key)
            return None
        return copy

    def _forget(self, key: str) -> None:
        copy = self._copies.pop(key, None)
        if copy is not None:
            self.give_back(len(copy.body))


def aged(head: ResponseHead, age_s: float) -> ResponseHead:
    """A stored head as it is served: with its age in whole seconds (RFC 9111 §5.1)."""
    # A difference of two times may be a float's error short of whole seconds.
    return replace(head, headers=replaced(head.headers, "Age", str(int(age_s + 1e-9))))
