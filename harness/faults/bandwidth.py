"""See `Bandwidth`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Annotated, ClassVar

from pydantic import Field

from harness.faults.base import Action, Conserves, Data, SimpleFault, WakeAt
from harness.faults.paced import PacedBody
from harness.units import Rate, Size, format_rate, format_size

# What waits goes out in pieces worth this much of the rate, rather than byte by byte.
_PIECE_S = 0.05
# A float's error must not leave the last byte of a piece behind.
_SLACK_BYTES = 1e-6


class Bandwidth(SimpleFault):
    """Pass the body on at a limited rate.

    A bucket fills at the rate and is full at first; what comes takes its bytes from it or waits,
    and an end waits behind it. The head does not count. Held at most: 64 MiB and one read; then
    upstream is read no further until less than half is left, and the target feels it.

    Models: nginx limit_rate and limit_rate_after — nginx.org, ngx_http_core_module; Amazon API
    Gateway's response streaming, 2 MB/s after the first 10 MB — docs.aws.amazon.com, "Stream the
    integration response"; a slow link, as Linux tc-tbf(8).
    Conserves: bytes and order.

    Args:
        bytes_per_s: The rate, more than 0.
        burst_bytes: Size of the bucket: most bytes that go out at once. None: what the rate gives
            in 50 ms.

    Journal: fired (what was held first), not_reached.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER

    bytes_per_s: Annotated[Rate, Field(gt=0, alias="rate")]
    burst_bytes: Annotated[Size, Field(gt=0)] | None = None

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)


class _State(PacedBody):
    def __init__(self, config: Bandwidth) -> None:
        rate = format_rate(config.bytes_per_s)
        super().__init__(config.held_bytes, f"no more came than {rate} let pass")
        self._config = config
        self._piece_bytes = max(1, math.floor(config.bytes_per_s * _PIECE_S))
        self._bucket_bytes = config.burst_bytes or self._piece_bytes
        self._credit_bytes = float(self._bucket_bytes)
        self._since_s = 0.0  # when the credit was counted

    def came(self, read: Data) -> Iterable[Action]:  # noqa: ARG002 - every byte counts alike
        return ()

    def send(self, now_s: float) -> Iterable[Action]:
        """Send what the bucket has, and come back when it has a piece more."""
        rate, waited_s = self._config.bytes_per_s, now_s - self._since_s
        self._credit_bytes = min(self._bucket_bytes, self._credit_bytes + waited_s * rate)
        self._since_s = now_s
        size = min(len(self.held), math.floor(self._credit_bytes + _SLACK_BYTES))
        self._credit_bytes = max(0.0, self._credit_bytes - size)
        yield from self.held.send(size)
        if self.held:
            yield from self.standing.fired(
                f"{format_size(len(self.held))} held, {format_rate(rate)} pass"
            )
            wanted = min(len(self.held), self._piece_bytes, self._bucket_bytes)
            yield WakeAt(now_s + (wanted - self._credit_bytes) / rate)
