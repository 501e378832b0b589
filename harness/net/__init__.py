"""The byte network every border of a case crosses: real sockets, or in memory."""

from __future__ import annotations

from harness.net.base import (
    Address,
    ByteStream,
    Listener,
    Network,
    is_reset,
    reset_transport,
    was_reset,
)
from harness.net.memory import Memory
from harness.net.memory_transport import MemoryTransport
from harness.net.sockets import Sockets

__all__ = [
    "Address",
    "ByteStream",
    "Listener",
    "Memory",
    "MemoryTransport",
    "Network",
    "Sockets",
    "is_reset",
    "reset_transport",
    "was_reset",
]
