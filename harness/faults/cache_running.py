"""How a cache runs: who asks upstream, who shares, who waits.

Of each key there is one fetch that others may share. A request that finds it either has its own,
joins it, or waits; whenever there is news of the key, who waits is served as if it came only now.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from harness.faults.base import (
    TIE_S,
    Action,
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    Event,
    Forward,
    ForwardHead,
    Note,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    UpstreamEnd,
    Wake,
    WakeAt,
    passed,
)
from harness.faults.cache_store import Copy, Store, aged, freshness
from harness.faults.held import HeldRequest
from harness.faults.standing import Standing
from harness.units import show_seconds
from harness.wire.headers import tokens

if TYPE_CHECKING:
    from harness.faults.cache import Cache

type Said = Iterator[tuple[int, Action]]

_GOES_PAST = frozenset({"no-cache", "no-store"})
# A wake may come a float's error early.
_SLACK_S = 1e-6


@dataclass(slots=True)
class _Fetch:
    """A response under way that others may come to share."""

    leader: int
    request: RequestHead
    since_s: float
    head: ResponseHead | None = None
    head_s: float = 0.0
    ttl_s: float = 0.0
    body: bytearray = field(default_factory=bytearray)
    is_recorded: bool = True
    joined: list[int] = field(default_factory=list)
    is_left: bool = False  # by the client that began it

    @property
    def key(self) -> str:
        """What it is an answer to."""
        return self.request.target


@dataclass(slots=True)
class _Waiting:
    """A request that waits for a fetch of the same."""

    head: RequestHead
    request: HeldRequest
    since_s: float
    may_go_s: float = math.inf  # when it looks again: there is news
    is_free: bool = False  # the news is that there is nothing to share
    wake_s: float = math.inf


class CacheRunning:
    """The running fault.

    Args:
        config: Its settings.
        held_bytes: Most body bytes to keep, of all responses, and of a request that waits.
    """

    def __init__(self, config: Cache, held_bytes: int) -> None:
        self._config = config
        self._held_bytes = held_bytes
        self._store = Store(held_bytes)
        self._standings: dict[int, Standing] = {}
        self._shared: dict[str, _Fetch] = {}  # by key
        self._led: dict[int, _Fetch] = {}  # by leader
        self._joined: dict[int, _Fetch] = {}  # by follower
        self._waiting: dict[int, _Waiting] = {}  # in the order they came
        self._served: set[int] = set()  # they need nothing from upstream

    def step(self, now_s: float, x: int, event: Event) -> Iterable[tuple[int, Action]]:
        """See `Fault.step`."""
        if x not in self._standings:
            self._standings[x] = Standing()
            yield x, Note("armed", f"exchange {x}")
        self._standings[x].see(event)
        fetch = self._led.get(x)
        match event:
            case RequestHead():
                yield from self._arrive(now_s, x, event)
            case RequestData() | RequestEnd() if x in self._waiting:
                yield from ((x, action) for action in self._waiting[x].request.add(event))
            case RequestData() | RequestEnd() if x in self._served:
                pass
            case ResponseHead() if fetch is not None:
                yield from self._begin(now_s, fetch, event)
            case Data() if fetch is not None:
                yield from self._go_on(now_s, fetch, event)
            case UpstreamEnd() if fetch is not None:
                yield from self._end(now_s, fetch, event)
            case ClientGone():
                yield from self._leave(now_s, x, event)
            case Wake():
                yield from self._wake(now_s, x)
            case CaseOver():
                yield from self._say(x, "nobody else asked for the same")
                self._forget(x)
            case RequestData() | RequestEnd() | ResponseHead() | Data() | UpstreamEnd():
                yield x, passed(event)

    # -- requests ----------------------------------------------------------------------------

    def _arrive(self, now_s: float, x: int, head: RequestHead) -> Said:
        past = _GOES_PAST.intersection(tokens(head.headers, "cache-control"))
        if head.method.upper() != "GET":
            yield from self._say(x, f"{head.method} is not shared")
            yield x, passed(head)
        elif past and self._config.honours_request:
            reason = f"Cache-Control: {min(past)} in the request"
            yield from ((x, note) for note in self._standings[x].defeated(reason))
            yield x, passed(head)
        else:
            request = HeldRequest(head, self._held_bytes)
            yield from self._serve(now_s, x, _Waiting(head, request, now_s))

    def _serve(self, now_s: float, x: int, it: _Waiting) -> Said:
        """Do what is to be done for a request now."""
        config, key = self._config, it.head.target
        copy, fetch = self._store.get(key, now_s), self._shared.get(key)
        if copy is not None:
            yield from self._stop_waiting(x)
            yield from self._copy(now_s, x, copy)
        elif fetch is None or self._is_old(now_s, fetch):
            yield from self._stop_waiting(x)
            self._shared[key] = self._led[x] = _Fetch(x, it.head, now_s)
            yield from ((x, action) for action in it.request.release())
        elif config.meanwhile == "join" and fetch.head is not None:
            yield from self._stop_waiting(x)
            yield from self._join(now_s, x, fetch, fetch.head)
        elif config.meanwhile == "own" or (
            config.meanwhile == "join" and config.before_head == "own"
        ):
            yield from ((x, action) for action in it.request.release())
        else:
            if x not in self._waiting:
                self._waiting[x] = it
                yield from self._fire(x, f"waits for request {fetch.leader}")
            yield from self._rearm(x, it)

    def _copy(self, now_s: float, x: int, copy: Copy) -> Said:
        self._served.add(x)
        yield from self._fire(x, f"a copy, {show_seconds(now_s - copy.since_s)} old")
        yield x, self._headed(now_s, copy.head, copy.since_s)
        if copy.body:
            yield x, Forward(copy.body)
        yield x, End("end")

    def _join(self, now_s: float, x: int, fetch: _Fetch, head: ResponseHead) -> Said:
        self._served.add(x)
        self._joined[x] = fetch
        fetch.joined.append(x)
        began = f"{show_seconds(now_s - fetch.head_s)} after it began"
        yield from self._fire(x, f"joined request {fetch.leader}, {began}")
        yield x, self._headed(now_s, head, fetch.head_s)
        if fetch.body:
            yield x, Forward(bytes(fetch.body))

    def _headed(self, now_s: float, head: ResponseHead, since_s: float) -> Action:
        head = replace(head, attempt=0)
        return ForwardHead(aged(head, now_s - since_s) if self._config.age else head)

    # -- the response that is shared ---------------------------------------------------------

    def _begin(self, now_s: float, fetch: _Fetch, head: ResponseHead) -> Said:
        config, x = self._config, fetch.leader
        if not fetch.is_left:
            yield x, passed(head)
        fresh = freshness(
            fetch.request,
            head,
            config.default_ttl_s,
            config.ignore,
            config.unless_response_header,
        )
        if fresh.ttl_s > 0:
            fetch.head, fetch.head_s, fetch.ttl_s = head, now_s, fresh.ttl_s
            if config.meanwhile == "join":
                yield from self._news(now_s, fetch.key)
            return
        standing = self._standings[x]
        notes = standing.defeated(fresh.why) if fresh.is_told else standing.not_reached(fresh.why)
        yield from ((x, note) for note in notes)
        if fetch.is_left:
            yield x, CloseUpstream("fin", head.attempt)
        yield from self._drop(now_s, fetch, is_free=config.on_uncacheable == "pass")

    def _go_on(self, now_s: float, fetch: _Fetch, data: Data) -> Said:
        if fetch.is_recorded and not self._store.take(len(data.data)):
            yield from self._say(fetch.leader, "no room to keep the response")
            self._unrecord(fetch)
            yield from self._unshare(now_s, fetch, is_free=True)
            if fetch.is_left and not fetch.joined:
                yield fetch.leader, CloseUpstream("fin", data.attempt)
                del self._led[fetch.leader]
                return
        if fetch.is_recorded:
            fetch.body += data.data
        if not fetch.is_left:
            yield fetch.leader, passed(data)
        yield from ((y, Forward(data.data)) for y in list(fetch.joined))

    def _end(self, now_s: float, fetch: _Fetch, end: UpstreamEnd) -> Said:
        if not fetch.is_left:
            yield fetch.leader, passed(end)
        for y in fetch.joined:
            del self._joined[y]
            how = "truncation" if end.how == "refused" else end.how
            yield y, End(how, end.is_dropping, end.h2)
        if end.how == "end" and fetch.head is not None and fetch.is_recorded:
            copy = Copy(fetch.head, bytes(fetch.body), fetch.head_s, fetch.ttl_s)
            self._store.put(fetch.key, copy)
            yield from self._say(fetch.leader, f"stored for {fetch.ttl_s:g} s")
            fetch.is_recorded = False  # its bytes are the copy's now
        yield from self._say(fetch.leader, "the response did not come whole")
        yield from self._drop(now_s, fetch)

    def _drop(self, now_s: float, fetch: _Fetch, *, is_free: bool = False) -> Said:
        """A fetch is the cache's affair no longer."""
        self._unrecord(fetch)
        self._led.pop(fetch.leader, None)
        yield from self._unshare(now_s, fetch, is_free=is_free)

    def _unrecord(self, fetch: _Fetch) -> None:
        if fetch.is_recorded:
            fetch.is_recorded = False
            self._store.give_back(len(fetch.body))
        fetch.body.clear()

    def _unshare(self, now_s: float, fetch: _Fetch, *, is_free: bool) -> Said:
        if self._shared.get(fetch.key) is fetch:
            del self._shared[fetch.key]
        yield from self._news(now_s, fetch.key, is_free=is_free)

    # -- who leaves --------------------------------------------------------------------------

    def _leave(self, now_s: float, x: int, gone: ClientGone) -> Said:
        if x in self._led:
            fetch = self._led[x]
            fetch.is_left = True
            if not self._is_wanted(fetch):
                yield x, passed(gone)
                yield from self._drop(now_s, fetch)
            return
        yield from self._stop_waiting(x)
        yield x, passed(gone)
        joined = self._joined.pop(x, None)
        if joined is not None:
            joined.joined.remove(x)
            if joined.is_left and not self._is_wanted(joined):
                attempt = 0 if joined.head is None else joined.head.attempt
                yield joined.leader, CloseUpstream("fin", attempt)
                yield from self._drop(now_s, joined)

    def _is_wanted(self, fetch: _Fetch) -> bool:
        """Whether a fetch goes on although its client has left."""
        is_finished = self._config.abandoned == "finish" and fetch.is_recorded
        return bool(fetch.joined) or is_finished

    def _forget(self, x: int) -> None:
        del self._standings[x]
        self._served.discard(x)
        self._waiting.pop(x, None)
        fetch = self._led.pop(x, None)
        if fetch is not None:
            self._unrecord(fetch)
            if self._shared.get(fetch.key) is fetch:
                del self._shared[fetch.key]

    # -- who waits ---------------------------------------------------------------------------

    def _news(self, now_s: float, key: str, *, is_free: bool = False) -> Said:
        """Who waits for this key is served anew, or goes its own way if `is_free`."""
        poll_s = self._config.poll_s
        for x, it in list(self._waiting.items()):
            if it.head.target != key:
                continue
            it.is_free = it.is_free or is_free
            if poll_s is None:
                yield from self._look(now_s, x, it)
            else:
                polls = math.floor((now_s - it.since_s) / poll_s + _SLACK_S) + 1
                it.may_go_s = it.since_s + polls * poll_s
                yield from self._rearm(x, it)

    def _look(self, now_s: float, x: int, it: _Waiting) -> Said:
        it.may_go_s = math.inf
        if it.is_free:
            yield from self._stop_waiting(x)
            yield from ((x, action) for action in it.request.release())
        else:
            yield from self._serve(now_s, x, it)

    def _wake(self, now_s: float, x: int) -> Said:
        it = self._waiting.get(x)
        if it is None:
            return
        it.wake_s = math.inf
        limit_s = self._config.lock_timeout_s
        if limit_s is not None and now_s >= it.since_s + limit_s:
            it.is_free = True
        yield from self._look(now_s, x, it)

    def _is_old(self, now_s: float, fetch: _Fetch) -> bool:
        """Whether a fetch is too old to be waited for."""
        age_s = self._config.lock_age_s
        waits = self._config.meanwhile == "wait"
        return waits and age_s is not None and now_s >= fetch.since_s + age_s

    def _rearm(self, x: int, it: _Waiting) -> Said:
        config, fetch = self._config, self._shared.get(it.head.target)
        at_s = it.may_go_s
        if config.lock_timeout_s is not None:
            at_s = min(at_s, it.since_s + config.lock_timeout_s + TIE_S)
        if config.lock_age_s is not None and config.meanwhile == "wait" and fetch is not None:
            at_s = min(at_s, fetch.since_s + config.lock_age_s + TIE_S)
        if at_s != it.wake_s:
            it.wake_s = at_s
            yield x, WakeAt(at_s)

    def _stop_waiting(self, x: int) -> Said:
        it = self._waiting.pop(x, None)
        if it is not None and it.wake_s < math.inf:
            yield x, WakeAt(math.inf)

    # -- the journal -------------------------------------------------------------------------

    def _fire(self, x: int, reason: str) -> Said:
        yield from ((x, note) for note in self._standings[x].fired(reason))

    def _say(self, x: int, reason: str) -> Said:
        """The fault did not act in this exchange."""
        yield from ((x, note) for note in self._standings[x].not_reached(reason))
