"""See `HeadersFit`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from harness.checks.advice import curl
from harness.checks.base import RFC9110, RFC9111, RFC9112, RFC9113, WHATWG, CheckConfig, Level
from harness.checks.evidence import Evidence
from harness.checks.places import EVENT_STREAM, Attempt, Exchange
from harness.model.verdict import Finding
from harness.wire.headers import media_type, tokens, value

_FETCH = "https://fetch.spec.whatwg.org/#cors-check"
_NGINX = "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering"
# RFC 9113 §8.2.2: a message with one of these is malformed over HTTP/2.
_NOT_OVER_H2 = ("connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade")
# A coder that is flushed for each event keeps none of them longer than it takes to send.
_FLUSH_S = 0.5


class _Rule(NamedTuple):
    level: Level
    expected: str
    observed: str
    fix: str
    source: str
    hop: int | None = None


class HeadersFit(CheckConfig):
    """The target's response headers are those of an event stream that has to cross a path.

    Judged at the tap, on every response that is 200; the content type at the client too, where a
    hop that changed it is to blame. MUST: the content type; a Cache-Control that
    keeps caches out; no Content-Length; nothing hop-by-hop over HTTP/2; a content coding only if it
    is flushed for every event. SHOULD: no-transform and X-Accel-Buffering, which defeat compression
    and buffering on the way; no parameter but charset=utf-8.

    Args:
        strict: Whether what only should be is asked as a must.
    """

    name: ClassVar[str] = "headers_fit"
    summary: ClassVar[str] = "the response headers keep caches, coders and buffers off the stream"
    source: ClassVar[str] = f"{WHATWG}#text/event-stream"
    short: ClassVar[str | None] = None

    strict: bool = False

    def examine(self, evidence: Evidence) -> Iterator[Finding]:
        """See `CheckConfig.examine`."""
        answers = [it for it in evidence.exchanges if it.head and it.head.status == 200]
        if not answers:
            seen = sorted({it.head.status for it in evidence.exchanges if it.head})
            said = f"status {', '.join(map(str, seen))}" if seen else "no response head"
            yield self.inconclusive("an event stream", f"{said} from the target")
            return
        broken: dict[_Rule, list[int]] = {}
        for exchange in answers:
            for rule in _broken(evidence, exchange):
                broken.setdefault(rule, []).append(exchange.head.n if exchange.head else -1)
        for attempt in evidence.attempts:
            for rule, entries in _changed(evidence, attempt):
                broken.setdefault(rule, []).extend(entries)
        for rule, at in broken.items():
            at_server = "" if rule.hop is None else f"  # through hop {rule.hop}, then without it"
            yield self.failed(
                rule.expected,
                rule.observed,
                fix=rule.fix,
                confirm=curl(evidence, "-i") + at_server,
                hop=rule.hop,
                at=at,
                level="MUST" if self.strict else rule.level,
                source=rule.source,
            )
        if not broken:
            heads = [it.head.n for it in answers if it.head]
            yield self.passed("headers of an event stream", f"{len(heads)} heads", at=heads)


def _broken(evidence: Evidence, exchange: Exchange) -> Iterator[_Rule]:
    assert exchange.head is not None
    headers = exchange.head.headers
    yield from _content_type(value(headers, "content-type"), media_type(headers))
    caching = tokens(headers, "cache-control")
    shown = f"Cache-Control: {', '.join(caching)}" if caching else "no Cache-Control"
    if not {"no-cache", "no-store"} & {it.partition("=")[0] for it in caching}:
        yield _Rule(
            "MUST",
            "Cache-Control with no-cache or no-store",
            shown,
            'send "Cache-Control: no-cache, no-transform"',
            f"{RFC9111}#name-no-store-2",
        )
    elif "no-transform" not in caching:  # which the other advice has in it
        yield _Rule(
            "SHOULD",
            "Cache-Control with no-transform",
            shown,
            'send "Cache-Control: no-cache, no-transform": it keeps compression on the way off',
            f"{RFC9110}#name-message-transformations",
        )
    if (value(headers, "x-accel-buffering") or "").lower() != "no":
        yield _Rule(
            "SHOULD",
            "X-Accel-Buffering: no",
            f"X-Accel-Buffering: {value(headers, 'x-accel-buffering')}"
            if value(headers, "x-accel-buffering") is not None
            else "no X-Accel-Buffering",
            'send "X-Accel-Buffering: no": nginx and its kin hold events without it',
            _NGINX,
        )
    length = value(headers, "content-length")
    if length is not None:
        yield _Rule(
            "MUST",
            "no Content-Length",
            f"Content-Length: {length}",
            "write the body as it comes: a length is known only when the stream is over",
            f"{RFC9112}#name-content-length-2",
        )
    if exchange.head.version.startswith("HTTP/2"):
        hop_by_hop = [it for it in _NOT_OVER_H2 if value(headers, it) is not None]
        if hop_by_hop:
            yield _Rule(
                "MUST",
                "nothing hop-by-hop over HTTP/2",
                ", ".join(hop_by_hop),
                f"drop {', '.join(hop_by_hop)} where the stream may be sent over HTTP/2",
                f"{RFC9113}#name-connection-specific-header-",
            )
    if value(headers, "access-control-allow-origin") == "*" and (
        (value(headers, "access-control-allow-credentials") or "").lower() == "true"
    ):
        yield _Rule(
            "SHOULD",
            "an origin, where credentials are allowed",
            "Access-Control-Allow-Credentials with Access-Control-Allow-Origin: *",
            "name the origin: browsers refuse credentials for *",
            _FETCH,
        )
    yield from _coding(evidence, exchange)


def _changed(evidence: Evidence, attempt: Attempt) -> Iterator[tuple[_Rule, tuple[int, ...]]]:
    """What is wrong with the content type at the client, and was not at the target."""
    change = evidence.retyped(attempt) if attempt.status == 200 else None
    if change is None or attempt.head is None:
        return
    for rule in _content_type(change.got, media_type(attempt.head.headers)):
        seen = rule._replace(observed=change.observed, fix=change.fix, hop=change.hop)
        yield seen, change.entries


def _content_type(full: str | None, media: str | None) -> Iterator[_Rule]:
    fix = f'send "Content-Type: {EVENT_STREAM}"'
    if media != EVENT_STREAM:
        shown = full or "no Content-Type"
        yield _Rule("MUST", EVENT_STREAM, shown, fix, f"{WHATWG}#the-eventsource-interface")
        return
    parameters = (full or "").partition(";")[2].strip().lower().replace(" ", "").replace('"', "")
    if parameters not in {"", "charset=utf-8"}:
        yield _Rule(
            "SHOULD",
            f"{EVENT_STREAM}, with charset=utf-8 at most",
            full or "",
            fix,
            f"{WHATWG}#text/event-stream",
        )


def _coding(evidence: Evidence, exchange: Exchange) -> Iterator[_Rule]:
    stream = exchange.stream
    if not stream.codings:
        return
    name = ", ".join(stream.codings)
    rule = _Rule(
        "MUST",
        "no Content-Encoding unless every event is flushed",
        f"Content-Encoding: {name}, {len(stream.events)} events in {len(stream.reads)} reads",
        f"flush the {name} coder after every event, or do not compress event streams",
        f"{RFC9110}#name-content-encoding",
    )
    held_s = _held_s(evidence, exchange)
    if stream.coding_problem:
        yield rule._replace(observed=f"Content-Encoding: {name}, but {stream.coding_problem}")
    elif held_s is not None and held_s > _FLUSH_S:
        yield rule._replace(observed=f"{rule.observed}; held for {held_s:.1f} s")
    elif held_s is None and len(stream.events) > 2 * len(stream.reads):
        # Somebody else's server may have said them all at once: it is a hint, no proof.
        yield rule._replace(level="SHOULD")


def _held_s(evidence: Evidence, exchange: Exchange) -> float | None:
    """How long the reference server's coder held an event at most; None: nobody knows."""
    if evidence.served_at(exchange) is None:
        return None
    seen = exchange.stream.events
    waits_s = [
        (exchange.ended_s if it.place is None else seen[it.place].t_s) - it.sent.t_s
        for it in evidence.handed(exchange)
    ]
    return max(waits_s, default=0.0)
