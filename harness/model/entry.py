"""What every entry of a journal has, and the payload some of them carry."""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

import msgspec

# Shorter payloads do not shrink enough to be worth the time.
PACK_FROM_BYTES = 512

type Json = bool | int | float | str | list[Any] | dict[str, Any] | None


class Base(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="kind",
):
    """What every entry has: its number (the line, from 0) and its time in seconds."""

    n: int = -1
    t_s: float = 0.0


class Payload(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Body bytes of one read: as they are, deflated (`packed`), or clipped to their hash."""

    data: bytes | None = None
    packed: bytes | None = None
    sha256: str | None = None

    @classmethod
    def of(cls, data: bytes) -> Payload:
        """Keep `data`, deflated where that pays."""
        if len(data) >= PACK_FROM_BYTES:
            packed = zlib.compress(data, 1)
            if len(packed) < len(data):
                return cls(packed=packed)
        return cls(data=data)

    @classmethod
    def clipped(cls, data: bytes) -> Payload:
        """Keep the hash of `data` only."""
        return cls(sha256=hashlib.sha256(data).hexdigest())

    @property
    def stored_bytes(self) -> int:
        """What this payload takes of the case's limit."""
        return len(self.data or self.packed or b"")

    def content(self) -> bytes | None:
        """The bytes, or None when they were clipped."""
        return self.data if self.packed is None else zlib.decompress(self.packed)
