"""Faults that are soon full, so that the conformance kit sees them so."""

from __future__ import annotations

from typing import ClassVar

from harness.faults.bandwidth import Bandwidth
from harness.faults.buffer import Buffer
from harness.faults.cache import Cache
from harness.faults.deferred_flush import DeferredFlush
from harness.faults.latency import Latency
from harness.faults.queue import Queue
from harness.faults.slice import Slice


class SmallCache(Cache):
    """A cache that is soon full."""

    held_bytes: ClassVar[int] = 4


class SmallBuffer(Buffer):
    """A buffer that is soon full."""

    held_bytes: ClassVar[int] = 4


class SmallLatency(Latency):
    """A delay that is soon full."""

    held_bytes: ClassVar[int] = 4


class SmallDeferredFlush(DeferredFlush):
    """A deferred flush that is soon full."""

    held_bytes: ClassVar[int] = 4


class SmallBandwidth(Bandwidth):
    """A slow link that is soon full."""

    held_bytes: ClassVar[int] = 4


class SmallSlice(Slice):
    """A slicer that is soon full."""

    held_bytes: ClassVar[int] = 4


class SmallQueue(Queue):
    """A queue with room for little of a request."""

    held_bytes: ClassVar[int] = 1
