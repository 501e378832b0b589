"""How far a simulation may be from a measurement, and why."""

from __future__ import annotations

from typing import Final

# Two shared cores under load: most instants were within 50 ms of the origin's, some 200 ms late.
CLOCK_S: Final = 0.25

# A long limit is late by more: 60.0 s were seen at 61.3 s (varnish), 300 s at 301.2 s (envoy).
LONG_SHARE: Final = 0.02

# What the measurements call immediate: every event less than this late.
IMMEDIATE_S: Final = 0.08

# Some 40 probes began at once, on programs just started: the first event was up to so late, 100 to
# 124 ms at Node.js, and where the origin was never asked its clock does not take that out.
START_S: Final = 0.13

# Programs that look at their limits once in so many seconds act that much later at most. A limit
# of 2 s was seen at 2.9 and 3.9 s (lighttpd), at 2.8 s (trafficserver), at 1.8 to 1.9 s (squid,
# whose idea of now is up to a tick old), at 2.7 s (gunicorn, which looks once a second).
TIMER_TICK_S: Final = {"lighttpd": 2.0, "trafficserver": 1.0, "gunicorn": 1.0, "squid": 0.5}

# Squid counts from an instant that may be as old as its tick: of a limit of 2 s, the silence that
# began at 0.2 s was over at 1.8 s.
EARLY_S: Final = {"squid": 0.5}

# Block sizes: where text is compressed, they depend on how well, to a tenth.
BLOCK_SHARE: Final = 0.15

# Delays and latencies: a burst's time was logged in steps of 10 ms.
DELAY_S: Final = 0.08


def early_s(product: str) -> float:
    """How much earlier than its limit a program may act."""
    return EARLY_S.get(product, 0.0)


def timer_tick_s(product: str) -> float:
    """How much later than its limit a program may act."""
    return TIMER_TICK_S.get(product, 0.0)
