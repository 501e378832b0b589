"""Every fault in representative settings, for the conformance kit; times are those of `plans`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from harness.faults.answer import Answer
from harness.faults.bandwidth import Bandwidth
from harness.faults.base import TIE_S, Conserves, FaultConfig
from harness.faults.buffer import Buffer
from harness.faults.cache import Cache
from harness.faults.client_gone import ClientGone, Kind
from harness.faults.coded_head import Suffix
from harness.faults.compress import Compress
from harness.faults.connection_limit import ConnectionLimit, TooMany
from harness.faults.cut import Cut
from harness.faults.deferred_flush import DeferredFlush
from harness.faults.delayed_close import DelayedClose
from harness.faults.drain import Drain
from harness.faults.drop_held import DropHeld
from harness.faults.first_byte_timeout import FirstByteTimeout
from harness.faults.h2_end import ResetCode
from harness.faults.http2 import Http2
from harness.faults.http_version import HttpVersion
from harness.faults.idle_timeout import IdleTimeout
from harness.faults.lag_one_event import LagOneEvent
from harness.faults.late_headers import LateHeaders
from harness.faults.latency import Latency
from harness.faults.limit import BeforeHead
from harness.faults.max_duration import MaxDuration
from harness.faults.pipeline import Pipeline
from harness.faults.queue import Queue
from harness.faults.redirect import Redirect
from harness.faults.refuse import Refuse
from harness.faults.resend import Resend
from harness.faults.rewrite_headers import RewriteHeaders, Rules
from harness.faults.slice import Slice
from harness.faults.upstream_death import NoHead, Refused, UpstreamDeath
from harness.faults.when import Matches, When
from tests.faults.small import (
    SmallBandwidth,
    SmallBuffer,
    SmallCache,
    SmallDeferredFlush,
    SmallLatency,
    SmallQueue,
    SmallSlice,
)
from tests.testkit.driver import Subject, subject


def _at_once(config: FaultConfig) -> Subject:
    return subject(config, holds_bytes=0)


def _shares(config: FaultConfig) -> Subject:
    """One client is given what another one got, or waits for it."""
    return replace(
        _at_once(config), invents_heads=True, ignores_leaving=True, may_wait=True, shares=True
    )


NO_BUFFERING = {"X-Accel-Buffering": "no"}

BY_FAULT: Mapping[str, Mapping[str, Subject]] = {
    "answer": {
        "all": _at_once(Answer(status=503, headers={"Retry-After": "1"})),
        "second": _at_once(Answer(status=204, on=(2,))),
    },
    "bandwidth": {
        "slow": replace(subject(Bandwidth(bytes_per_s=7)), limit_s=60.0),
        "after a burst": replace(subject(Bandwidth(bytes_per_s=50, burst_bytes=16)), limit_s=60.0),
        "full": replace(subject(SmallBandwidth(bytes_per_s=50, burst_bytes=2)), limit_s=60.0),
        "fast": _at_once(Bandwidth(bytes_per_s=1_000_000_000)),
    },
    "buffer": {
        "answers for what broke": subject(Buffer(until_end=True, hold_head=True, if_broken=503)),
        "when closed": subject(Buffer(block_bytes=8, when=When(framing=("close",)))),
        "when chunked": subject(
            Buffer(until_end=True, when=When(not_=Matches(framing=("close",))))
        ),
        "block": replace(
            # A read of exactly a block is no reason to speak of holding.
            subject(Buffer(block_bytes=8), holds_bytes=7),
            outcomes_alike=False,
        ),
        "until end": subject(Buffer(until_end=True, hold_head=True)),
        "first block": replace(
            subject(Buffer(block_bytes=8, first_block_bytes=3), holds_bytes=7),
            outcomes_alike=False,
        ),
        "head counts": replace(
            subject(Buffer(block_bytes=100, head_counts=True), holds_bytes=99),
            outcomes_alike=False,
        ),
        "lighttpd": subject(Buffer(until_end=True, hold_head=True, content_length=True)),
        "traefik": subject(
            Buffer(
                until_end=True,
                hold_head=True,
                content_length=20,
                limit_bytes=40,
                over_limit=500,
            )
        ),
        "caddy": subject(Buffer(until_end=True, hold_head=True, limit_bytes=16, over_limit="pass")),
        "until full": subject(SmallBuffer(until_end=True)),
        "full and flushed": replace(
            # What waits for the flush of what came before it waits for its own, too.
            subject(SmallBuffer(flush_after_s=0.5)),
            limit_s=60.0,
            splits_alike=False,
        ),
        "flushed": subject(Buffer(flush_after_s=0.5), holds_s=0.5 + TIE_S),
        "nginx": subject(
            Buffer(block_bytes=8, hold_head=True, unless_response_header=NO_BUFFERING),
            holds_bytes=7,
        ),
        "block or flushed": replace(
            subject(Buffer(block_bytes=8, flush_after_s=1.0), holds_bytes=7, holds_s=1.0 + TIE_S),
            outcomes_alike=False,
        ),
    },
    "cache": {
        "copies": _shares(Cache(default_ttl_s=9.0)),
        "nginx": _shares(
            Cache(
                default_ttl_s=9.0,
                ignore=("Cache-Control",),
                meanwhile="wait",
                lock_timeout_s=3.0,
                lock_age_s=2.0,
                poll_s=0.5,
                abandoned="finish",
                unless_response_header={"X-Accel-Buffering": "no"},
            )
        ),
        "varnish": _shares(Cache(default_ttl_s=9.0, meanwhile="join", on_uncacheable="serialise")),
        "squid": _shares(Cache(default_ttl_s=1.0, meanwhile="join", before_head="own")),
        "full": _shares(SmallCache(default_ttl_s=9.0, meanwhile="join")),
    },
    "client_gone": {
        "at once": _at_once(ClientGone(upstream="rst")),
        "haproxy": replace(
            _at_once(ClientGone(notices="next_write", writes=2)), ignores_leaving=True
        ),
        "never": replace(
            _at_once(ClientGone(notices="never", cancel=Kind(upstream="leave_open"))),
            ignores_leaving=True,
        ),
        "before the head": replace(
            _at_once(ClientGone(before_head="never", rst=Kind(notices="next_write"))),
            ignores_leaving=True,
        ),
    },
    "compress": {
        "gzip flushed": _at_once(Compress(coding=("gzip",), flush=True, types=("*/*",))),
        "nginx": subject(
            Compress(coding=("gzip",), level=1, block_bytes=16, vary=False, drop_accept_ranges=True)
        ),
        "apache": _at_once(
            Compress(
                coding=("gzip",),
                flush=True,
                types=("*/*",),
                honours_no_transform=False,
                recodes_identity=True,
                etag=Suffix(suffix="-gzip"),
            )
        ),
        "traefik": _at_once(
            Compress(coding=("zstd", "br", "gzip"), flush=True, prefer="client", etag="keep")
        ),
        "caddy": replace(
            # Whether it is coded at all depends on the first read.
            subject(Compress(coding=("zstd", "gzip"), min_first_bytes=9, etag="drop")),
            splits_alike=False,
            outcomes_alike=False,
        ),
        "br held": subject(Compress(coding=("br",))),
        "zstd or gzip": _at_once(
            Compress(coding=("zstd", "gzip"), flush=True, honours_no_transform=False)
        ),
    },
    "connection_limit": {
        "one": _at_once(ConnectionLimit(max=1)),
        "none": _at_once(ConnectionLimit(max=0, over=TooMany(how="reset"))),
    },
    "cut": {
        "head": _at_once(Cut(after_bytes=0)),
        "bytes": _at_once(Cut(after_bytes=5, how="reset", times=2)),
        "events": _at_once(Cut(after_events=2, how="end")),
        "time": _at_once(Cut(after_s=3.0, how="stall", upstream="leave_open", times=3)),
        "mid_field": subject(Cut(place="mid_field", event=1)),
        "after_id": subject(Cut(place="after_id", event=1, times=3)),
        "mid_char": subject(Cut(place="mid_char", event=1, times=3)),
        "before_blank_line": subject(Cut(place="before_blank_line", times=3)),
        "after_blank_line": _at_once(Cut(place="after_blank_line", event=1)),
    },
    "deferred_flush": {
        "haproxy": subject(DeferredFlush(after_s=0.5, hold_head=True), holds_s=0.5 + TIE_S),
        "apache": subject(DeferredFlush(after_s=0.5, joins=False), holds_s=2 * (0.5 + TIE_S)),
        "apache, its head too": subject(
            DeferredFlush(after_s=1.0, joins=False, hold_head=True), holds_s=2 * (1.0 + TIE_S)
        ),
        "full": replace(
            # What waits for the flush of what came before it waits for its own, too.
            subject(SmallDeferredFlush(after_s=0.5)),
            limit_s=60.0,
            splits_alike=False,
        ),
    },
    "delayed_close": {
        "a second": _at_once(DelayedClose(after_s=1.0)),
        "at a tie": _at_once(DelayedClose(after_s=3.0)),
    },
    "drain": {
        "envoy": _at_once(Drain(after_s=2.0)),
        "cut": _at_once(Drain(after_s=1.0, grace_s=1.0, how="reset", upstream="rst")),
        "case": _at_once(
            Drain(after_s=2.0, since="case", grace_s=1.0, how="end", refuse_new=TooMany())
        ),
    },
    "drop_held": {
        "both": _at_once(DropHeld()),
        "resets": _at_once(DropHeld(on=("reset",))),
    },
    "first_byte_timeout": {
        "varnish": _at_once(FirstByteTimeout(after_s=3.0, before_head=BeforeHead(status=503))),
        "body": _at_once(FirstByteTimeout(after_s=1.0, until="body", mid_stream="reset")),
        "late head": _at_once(FirstByteTimeout(after_s=1.0, until="body", before_head=None)),
    },
    "http2": {
        "clean": _at_once(Http2(truncation="end", reset="end")),
        "code": _at_once(Http2(reset=ResetCode(code="NO_ERROR"))),
    },
    "http_version": {
        "nginx": _at_once(HttpVersion(upstream="1.0")),
        "haproxy": _at_once(HttpVersion(close_delimited="pass")),
        "no chunks": _at_once(HttpVersion(chunked=False)),
    },
    "idle_timeout": {
        "when GET": subject(IdleTimeout(after_s=3.0, when=When(method=("GET",)))),
        "when text": subject(IdleTimeout(after_s=3.0, when=When(media_type=("text/plain",)))),
        "nginx": _at_once(IdleTimeout(after_s=3.0)),
        "reset": _at_once(IdleTimeout(after_s=3.0, before_head=None, mid_stream="reset")),
        "end": _at_once(
            IdleTimeout(
                after_s=0.5, before_head=BeforeHead(how="reset"), mid_stream="end", upstream="rst"
            )
        ),
        "envoy": replace(
            # What comes while the client's end is waited with is not passed on.
            subject(IdleTimeout(after_s=3.0)),
        ),
        "stall": _at_once(
            IdleTimeout(
                after_s=0.5,
                before_head=BeforeHead(how="stall"),
                mid_stream="stall",
                upstream="leave_open",
            )
        ),
    },
    "lag_one_event": {
        # Without an end, the last read is kept for good, however long it is.
        "read": replace(subject(LagOneEvent()), splits_alike=False),
        "tail": replace(subject(LagOneEvent(keep_bytes=3), holds_bytes=3), splits_alike=False),
        **{
            name: replace(
                subject(config, holds_bytes=held), splits_alike=False, outcomes_alike=False
            )
            for name, held, config in (
                ("beyond a block", 16, LagOneEvent(block_bytes=16)),
                ("with the head in it", 512, LagOneEvent(block_bytes=512, head_counts=True)),
            )
        },
        "not for long": subject(LagOneEvent(flush_after_s=0.5), holds_s=0.5 + TIE_S),
    },
    "late_headers": {"node": _at_once(LateHeaders())},
    "latency": {
        "down": subject(Latency(delay_s=0.5), holds_s=0.5),
        "up": _at_once(Latency(delay_s=0.5, direction="up")),
        "jitter": replace(
            subject(Latency(delay_s=0.25, jitter_s=2.0, direction="both"), holds_s=2.25),
            splits_alike=False,
            outcomes_alike=False,
        ),
        "full": replace(
            subject(SmallLatency(delay_s=0.5)),
            limit_s=60.0,
        ),
        "none": _at_once(Latency(delay_s=0.0)),
    },
    "max_duration": {
        "envoy": _at_once(MaxDuration(after_s=3.0)),
        "late head": _at_once(MaxDuration(after_s=1.0, before_head=None, mid_stream="reset")),
        "squid": _at_once(
            MaxDuration(after_s=3.0, before_head=BeforeHead(how="truncation"), mid_stream="end")
        ),
        "stall": _at_once(MaxDuration(after_s=3.0, mid_stream="stall", upstream="leave_open")),
        "since the head": subject(MaxDuration(after_s=3.0, since="head")),
        "caddy": _at_once(
            MaxDuration(after_s=1.0, fires="next_write", before_head=BeforeHead(how="truncation"))
        ),
        "late write": _at_once(MaxDuration(after_s=1.0, fires="next_write", before_head=None)),
    },
    "queue": {
        "one": replace(_at_once(Queue(max=1)), may_wait=True),
        "two": replace(_at_once(Queue(max=2, timeout_s=3.0, timed_out=TooMany(how="truncation")))),
        "full": replace(_at_once(SmallQueue(max=1)), may_wait=True),
    },
    "redirect": {"first": _at_once(Redirect(location="/elsewhere"))},
    "refuse": {
        "all": _at_once(Refuse()),
        "second": _at_once(Refuse(on=(2,), how="truncation")),
    },
    "resend": {
        "once": _at_once(Resend()),
        "envoy": _at_once(Resend(times=2, on=("5xx", "refused"), methods=("GET", "POST"))),
        "slow": _at_once(
            Resend(on=("timeout", "refused"), timeout_s=3.0, delay_s=1.0, methods=("GET", "POST"))
        ),
    },
    "rewrite_headers": {
        "both": _at_once(
            RewriteHeaders(
                request=Rules(set_={"Accept-Encoding": "gzip"}),
                response=Rules(remove=("ETag",), add={"Via": "1.1 hop"}),
            )
        ),
    },
    "slice": {
        # A read that is no longer than a piece is no reason to speak of cutting.
        "at once": replace(_at_once(Slice(size_bytes=2)), outcomes_alike=False),
        "with pauses": replace(
            subject(Slice(size_bytes=3, pause_s=0.25)), limit_s=60.0, outcomes_alike=False
        ),
        "full": replace(
            subject(SmallSlice(size_bytes=2, pause_s=0.25)), limit_s=60.0, outcomes_alike=False
        ),
    },
    "upstream_death": {
        "envoy": _at_once(
            UpstreamDeath(
                reset="truncation",
                close_reset="end",
                before_head=NoHead(status=503),
            )
        ),
        "haproxy": _at_once(UpstreamDeath(refused=Refused(status=503, after_s=3.0))),
        "caddy": _at_once(UpstreamDeath(truncation="end", reset="end")),
        "silent": _at_once(UpstreamDeath(truncation="stall", before_head=NoHead(how="truncation"))),
    },
}


def _pipeline(*configs: FaultConfig) -> Subject:
    return Subject(
        lambda draw: Pipeline([config.start(draw) for config in configs]),
        Conserves.BYTES_AND_ORDER,
        sum(config.limit_s() for config in configs),
        invents_heads=True,
    )


PIPELINES: Mapping[str, Subject] = {
    "empty": replace(_pipeline(), holds_bytes=0),
    "one": replace(_pipeline(Buffer(block_bytes=8)), holds_bytes=7, outcomes_alike=False),
    "nginx": _pipeline(
        IdleTimeout(after_s=3.0), Buffer(block_bytes=8), Compress(coding=("gzip",), flush=True)
    ),
    "buffers": _pipeline(
        Buffer(flush_after_s=0.5), Latency(delay_s=0.5, direction="both"), Buffer(block_bytes=3)
    ),
    "stall before": replace(
        _pipeline(
            Cut(after_bytes=4, how="stall", upstream="leave_open"),
            IdleTimeout(after_s=3.0, mid_stream="end"),
            MaxDuration(after_s=9.0, mid_stream="reset"),
        ),
        stalls_inside=True,
    ),
    "resends": _pipeline(
        Resend(on=("refused", "5xx")),
        UpstreamDeath(refused=Refused(status=503)),
        Buffer(block_bytes=3),
    ),
    "answers": _pipeline(
        Answer(status=500, on=(1,)), Compress(coding=("gzip",)), Cut(after_bytes=3)
    ),
    "nested": Subject(
        lambda draw: Pipeline(
            [Pipeline([Latency(delay_s=0.5).start(draw)]), Buffer(until_end=True).start(draw)]
        ),
        limit_s=1.0,
        invents_heads=True,
    ),
}
