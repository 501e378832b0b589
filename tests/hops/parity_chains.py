"""Chains for both drivers, before the reference server: events each second for half a minute."""

from __future__ import annotations

from typing import Any

from tests.testkit.stage import Yaml

QUIET = {
    "traffic": {"every": "1s", "silence": [{"from": "10s", "to": "20s"}], "end_after": "30s"},
    "server": {"heartbeat": None},
}
TEXT = {"traffic": {"every": "1s", "text": "multibyte", "end_after": "20s"}}
PATIENT = {"client": {"eventsource": {"retry_5xx": True}}}
CODED = {"flush": True, "honours_no_transform": False}

WHOLE = {"until_end": True, "hold_head": True, "content_length": True}
CUT_AFTER_7S: Yaml = {"max_duration": {"after": "7s"}}

# A shared cache, before a server that says no-cache: what it would share, it is told to.
KEPT = {"ignore": ["Cache-Control"], "default_ttl": "20500ms"}
SHARED = {
    "traffic": {"every": "1s", "recycle_after": "8s", "end_after": "50s"},
    "watch": "40500ms",
    "client": [
        {"eventsource": {}},
        {"eventsource": {"start": "1300ms", "leave": {"at": "6600ms", "by": "rst"}}},
        # Who ends together asks again together, and who is first then is a tie.
        {"eventsource": {"start": "3450ms", "reconnect": False}},
        {"eventsource": {"start": "5600ms", "reconnect": False}},
        {"eventsource": {"start": "12600ms", "reconnect": False}},
    ],
}
LEFT = {
    "traffic": {"every": "1s", "end_after": "30s"},
    "client": [
        {"eventsource": {"leave": {"at": "4500ms"}}},
        {"eventsource": {"start": "1300ms", "reconnect": False}},
        {"eventsource": {"start": "2600ms", "leave": {"at": "12600ms"}}},
    ],
}

CHAINS: dict[str, tuple[list[Yaml], dict[str, Any]]] = {
    "nothing": ([{}], {}),
    "idle": ([{"idle_timeout": {"after": "5s"}}], QUIET),
    "idle, stall": ([{"idle_timeout": {"after": "5s", "mid_stream": "stall"}}], QUIET),
    "idle, equal": ([{"idle_timeout": {"after": "5s"}}] * 3, QUIET),
    "before the head": (
        [{"idle_timeout": {"after": "5s"}}],
        {"traffic": {"head_after": "9s", "end_after": "30s"}, **PATIENT},
    ),
    "first byte": (
        [{"first_byte_timeout": {"after": "5s", "before_head": {"status": 503}}}],
        {"traffic": {"head_after": "9s", "end_after": "30s"}, **PATIENT},
    ),
    "client after": (
        [{}, {"idle_timeout": {"after": "5s"}, "delayed_close": {"after": "1s"}}],
        QUIET,
    ),
    "client after, leaves": (
        [{"max_duration": {"after": "7s"}, "delayed_close": {"after": "1s"}}, {}],
        {"client": {"eventsource": {"leave": {"at": "7500ms"}}}},
    ),
    "duration, next write": ([{"max_duration": {"after": "12s", "fires": "next_write"}}], QUIET),
    "duration, reconnects": ([{"max_duration": {"after": "7s"}}], {}),
    "duration, clean": ([{"max_duration": {"after": "7s", "mid_stream": "end"}}], {}),
    "duration, reset": (
        [{"max_duration": {"after": "7s", "mid_stream": "reset", "upstream": "rst"}}],
        {},
    ),
    "bandwidth": (
        [{"bandwidth": {"rate": "500B/s", "burst": "200B"}}, {}],
        {"traffic": {"every": "1s", "size": "400B", "end_after": "20s"}},
    ),
    "slice": ([{"slice": {"size": "2B"}}, {}], TEXT),
    "slice, pauses": ([{}, {"slice": {"size": "7B", "pause": "30ms"}}], TEXT),
    "buffer, block": ([{"buffer": {"block": "256B"}}], {}),
    "buffer, first block": (
        [{"buffer": {"block": "512B", "head_counts": True, "hold_head": True}}, {}],
        {},
    ),
    "buffer, length": ([{}, {"buffer": WHOLE}], {}),
    "buffer, length, cut": ([{"buffer": WHOLE}, CUT_AFTER_7S], {}),
    "buffer, pass": ([{"buffer": {**WHOLE, "limit": "200B", "over_limit": "pass"}}, {}], {}),
    "buffer, answer": (
        [{"buffer": {**WHOLE, "limit": "200B", "over_limit": 500}}, {}],
        {"client": {"eventsource": {"retry_5xx": True, "max_attempts": 3}}},
    ),
    "buffer, timer": ([{"buffer": {"flush_after": "2500ms"}}], {}),
    "buffer, end": ([{"buffer": {"until_end": True, "hold_head": True}}], {}),
    "compress, flushed": ([{"compress": {"coding": "gzip", **CODED}}], {}),
    "compress, apache": (
        [{"compress": {"coding": "gzip", **CODED, "etag": {"suffix": "-gzip"}}}, {}],
        {},
    ),
    "compress, first read": (
        [{}, {"compress": {"coding": "br", **CODED, "min_first_bytes": "10B"}}],
        {},
    ),
    "compress, held": ([{"compress": {"coding": "zstd", **CODED, "flush": False}}], {}),
    "late headers": ([{"late_headers": {}}, {}], {}),
    "deferred": ([{"deferred_flush": {"after": "200ms", "hold_head": True}}, {}], {}),
    "deferred, asleep": (
        [{"deferred_flush": {"after": "200ms", "joins": False}}],
        {"traffic": {"every": "70ms", "end_after": "5s"}},
    ),
    "lag": ([{"lag_one_event": {"flush_after": "7s"}}], QUIET),
    "lag, tail": (
        [{"compress": {"coding": "gzip", **CODED}, "lag_one_event": {"keep": "20B"}}],
        {},
    ),
    "latency": ([{"latency": {"delay": "200ms", "jitter": "700ms", "direction": "both"}}], {}),
    "latency twice": (
        [
            {"latency": {"delay": "200ms", "jitter": "3s"}},
            {"latency": {"delay": "100ms", "jitter": "3s", "direction": "both"}},
        ],
        {},
    ),
    "cut, mid_field": ([{"cut": {"place": "mid_field", "event": 4}}], TEXT),
    "cut, after_id": ([{"cut": {"place": "after_id", "event": 4}}], TEXT),
    "cut, mid_char": ([{"cut": {"place": "mid_char", "event": 4}}], TEXT),
    "cut, before_blank_line": ([{"cut": {"place": "before_blank_line", "event": 4}}], TEXT),
    "cut, after_blank_line": ([{"cut": {"place": "after_blank_line", "event": 4}}], TEXT),
    "cut, three resets": ([{"cut": {"after_bytes": "99B", "how": "reset", "times": 3}}], {}),
    "cut, stall": ([{"cut": {"after": "3s", "how": "stall"}}], {}),
    "answer": (
        [{"answer": {"status": 503, "on": [1, 3]}}, {"max_duration": {"after": "7s"}}],
        PATIENT,
    ),
    "refuse": (
        [{"refuse": {"on": 2}}, {"refuse": {"on": 2, "how": "truncation"}}, CUT_AFTER_7S],
        {},
    ),
    "refuse, http/2": (
        [{"refuse": {"on": [1, 3]}}, CUT_AFTER_7S],
        {"client": {"eventsource": {"http": "2"}}},
    ),
    "redirect": ([{"redirect": {"location": "?again", "on": [1, 3]}}, CUT_AFTER_7S], {}),
    "rewrite": (
        [
            {
                "rewrite_headers": {
                    "request": {"remove": ["Last-Event-ID"]},
                    "response": {"set": {"X-A": "1"}},
                }
            },
            {"max_duration": {"after": "7s"}},
        ],
        {},
    ),
    "buffer, idle": ([{"buffer": {"block": "200B"}}, {"idle_timeout": {"after": "5s"}}], QUIET),
    "three hops": (
        [
            {"latency": {"delay": "50ms", "jitter": "80ms", "direction": "both"}},
            {"compress": {"coding": "br", **CODED}, "buffer": {"flush_after": "1500ms"}},
            {"max_duration": {"after": "9s"}},
        ],
        {},
    ),
    "bursts": (
        [{"buffer": {"block": "1KiB"}}, {}],
        {"traffic": {"every": "5s", "burst": 20, "end_after": "20s"}},
    ),
    "large": (
        [{"buffer": {"block": "16KiB"}}, {"latency": {"delay": "10ms"}}],
        {"traffic": {"every": "5s", "size": "256KiB", "end_after": "20s"}},
    ),
    "leaves": ([{}, {}], {"client": {"eventsource": {"leave": {"at": "5500ms"}}}}),
    "leaves, rst": (
        [{}, {}],
        {"client": {"eventsource": {"leave": {"at": "5500ms", "by": "rst"}}}},
    ),
    "leaves, half": (
        [{}, {}],
        {"client": {"eventsource": {"leave": {"at": "5500ms", "by": "half-close"}}}},
    ),
    "upstream dies": (
        [
            {"upstream_death": {"truncation": "reset"}, "delayed_close": {"after": "1500ms"}},
            {"cut": {"after": "7s", "times": 2}},
        ],
        {},
    ),
    "upstream dies before the head": (
        [
            {"upstream_death": {"before_head": {"status": 503}}},
            {"latency": {"delay": "2s"}, "cut": {"after": "1s", "how": "reset", "times": 2}},
        ],
        PATIENT,
    ),
    "leaves, noticed late": (
        [{"client_gone": {"notices": "next_write", "writes": 3, "upstream": "rst"}}, {}],
        {"client": {"eventsource": {"leave": {"at": "5500ms"}}}},
    ),
    "leaves, never noticed": (
        [{}, {"client_gone": {"notices": "never"}}],
        {"client": {"eventsource": {"leave": {"at": "5500ms"}}}},
    ),
    "leaves, rst, noticed late": (
        [{"client_gone": {"notices": "next_write", "writes": 2}}, {"latency": {"delay": "300ms"}}],
        {"client": {"eventsource": {"leave": {"at": "5500ms", "by": "rst"}}}},
    ),
    "told to stop": (
        [{"client_gone": {"notices": "next_write"}}, {"client_gone": {}}],
        {"traffic": {"every": "1s", "end_after": "3s"}},
    ),
    "leaves, half, unnoticed": (
        [{"client_gone": {"notices": "next_write"}}, {"client_gone": {"notices": "never"}}],
        {"client": {"eventsource": {"leave": {"at": "5500ms", "by": "half-close"}}}},
    ),
    "resends": (
        [
            {"resend": {"times": 2, "on": ["5xx", "truncation"], "delay": "400ms"}},
            {"answer": {"status": 503, "on": [1, 3]}, "cut": {"after": "9s"}},
        ],
        {},
    ),
    "resends in time": (
        [{"resend": {"on": ["timeout"], "timeout": "2s"}}, {"max_duration": {"after": "12s"}}],
        {"traffic": {"head_after": "3s", "end_after": "30s"}, **PATIENT},
    ),
    "queue": (
        [{"queue": {"max": 2, "timeout": "9s"}}, {}],
        {
            "traffic": {"every": "1s", "recycle_after": "5s", "end_after": "30s"},
            "client": [
                {"eventsource": {}},
                {"eventsource": {"start": "1s", "leave": {"at": "12s", "by": "rst"}}},
                {"eventsource": {"start": "2s"}},
                {"eventsource": {"start": "3s", "leave": {"at": "4s"}}},
                {"eventsource": {"start": "4s", "http": "1.1"}},
            ],
        },
    ),
    "queue, http/2": (
        [{"queue": {"max": 1, "timeout": "4s"}}],
        {
            "traffic": {"every": "1s", "recycle_after": "3s", "end_after": "20s"},
            "client": [
                {"eventsource": {"http": "2", "retry_5xx": True}},
                {"eventsource": {"http": "2", "retry_5xx": True, "start": "1s"}},
                {"eventsource": {"http": "2", "retry_5xx": True, "start": "2s"}},
            ],
        },
    ),
    "connection limit": (
        [{}, {"connection_limit": {"max": 1, "over": {"status": 503}}}],
        {
            "client": [
                {"eventsource": {"leave": {"at": "9s"}}},
                {"eventsource": {"start": "1s", "retry_5xx": True}},
            ],
        },
    ),
    "drained": (
        [
            {"drain": {"after": "8s", "since": "case", "grace": "3s", "refuse_new": "reset"}},
            {"cut": {"after": "9s"}},
        ],
        {
            "client": [
                {"eventsource": {"http": "2"}},
                {"eventsource": {"start": "500ms", "tls": True}},
                {"eventsource": {"start": "9s", "tls": True}},
            ]
        },
    ),
    "drained, each for itself": (
        [{"drain": {"after": "5s"}}, {"drain": {"after": "7s", "grace": "1s", "how": "end"}}],
        {"client": {"eventsource": {"http": "2"}}},
    ),
    "cache, told not to": ([{"cache": {"meanwhile": "join"}}], SHARED),
    "cache, copies": ([{}, {"cache": {**KEPT}}], SHARED),
    "cache, joined": ([{"cache": {**KEPT, "meanwhile": "join"}}, {}], SHARED),
    "cache, joined and left": ([{"cache": {**KEPT, "meanwhile": "join"}}], LEFT),
    "cache, waited for": (
        [{"cache": {**KEPT, "meanwhile": "wait", "poll": "500ms", "lock_timeout": "4s"}}],
        SHARED,
    ),
    "cache, waited for and left": (
        [{"cache": {**KEPT, "meanwhile": "wait", "lock_age": "9s", "abandoned": "finish"}}, {}],
        LEFT,
    ),
    "cache, waited for in vain": (
        [
            {"cache": {"meanwhile": "join", "on_uncacheable": "serialise"}},
            {"latency": {"delay": "3070ms"}},
        ],
        SHARED,
    ),
    "cache, cut": (
        [{"cache": {**KEPT, "meanwhile": "join"}}, {"cut": {"after": "6s", "how": "reset"}}],
        SHARED,
    ),
    "http/1.0 upstream": (
        [
            {"http_version": {"upstream": "1.0", "close_delimited": "pass"}},
            {"cut": {"after": "7s"}},
        ],
        {},
    ),
    "no chunks": ([{"http_version": {"chunked": False}}, {"cut": {"after": "7s"}}], {}),
    "held and lost": (
        [
            {"drop_held": {"on": ["reset"]}, "buffer": {"block": "256B"}},
            {"cut": {"after": "7500ms", "how": "reset", "times": 2}},
        ],
        {},
    ),
    "http/2, looks whole": (
        [
            {"http2": {"truncation": "end", "reset": {"code": "NO_ERROR"}}},
            {"cut": {"after": "7s"}},
        ],
        {"client": {"eventsource": {"http": "2"}}},
    ),
    "http/2, a code": (
        [{"http2": {"reset": {"code": "NO_ERROR"}}}, {"cut": {"after": "7s", "how": "reset"}}],
        {"client": {"eventsource": {"http": "2"}}},
    ),
    "http/2": ([{"max_duration": {"after": "7s"}}, {}], {"client": {"eventsource": {"http": "2"}}}),
}
