"""How much room a response's head takes in a hop's first buffer."""

from __future__ import annotations

from harness.faults.base import ResponseHead
from harness.faults.limit import phrase


def size_on_wire(head: ResponseHead) -> int:
    """How long upstream's head was, as far as what is left of it tells.

    The hop has taken off the fields of the connection: those the framing implies count again.
    """
    fields = [f"{name}: {val}" for name, val in head.headers]
    if head.framing == "chunked":
        fields.append("Transfer-Encoding: chunked")
    elif head.framing == "close" and head.version == "HTTP/1.1":
        fields.append("Connection: close")
    lines = [f"{head.version} {head.status} {phrase(head.status)}", *fields, ""]
    return sum(len(line) + 2 for line in lines)
