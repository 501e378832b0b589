"""The fault contract: what a fault file is made of.

One fault instance stands at one hop for one case. It is told what arrived and when, and answers
with actions. It never reads a clock, opens a socket, sleeps, or draws randomness it was not given:
that is what lets the same fault run inside mitmproxy, over a recorded stream, and in a unit test
that covers an hour of stream in a millisecond.

What it may see and ask for is in `actions.py`, and named here too, so that a fault file imports one
module. It holds two things: the configuration (a `FaultConfig`, what YAML writes) and the state of
one exchange (an `Exchange` with one `step`). docs/adding-a-fault.md says how to write one.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import ClassVar, Literal, Protocol

from harness.faults.actions import (
    TIE_S,
    Action,
    Answer,
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    EndHow,
    Event,
    Fault,
    Forward,
    ForwardHead,
    Framing,
    GoAway,
    GoneHow,
    Note,
    PauseDownstream,
    PauseUpstream,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    ResumeDownstream,
    ResumeUpstream,
    SendData,
    SendEnd,
    SendRequest,
    UpstreamClose,
    UpstreamEnd,
    UpstreamEndHow,
    Wake,
    WakeAt,
    passed,
)
from harness.faults.conditional import Conditional
from harness.faults.when import When
from harness.model.base import Strict

__all__ = [
    "HELD_BYTES",
    "TIE_S",
    "Action",
    "Answer",
    "CaseOver",
    "ClientGone",
    "CloseUpstream",
    "Conserves",
    "Data",
    "End",
    "EndHow",
    "Event",
    "Exchange",
    "Fault",
    "FaultConfig",
    "Forward",
    "ForwardHead",
    "Framing",
    "GoAway",
    "GoneHow",
    "Note",
    "PauseDownstream",
    "PauseUpstream",
    "PerExchange",
    "RequestData",
    "RequestEnd",
    "RequestHead",
    "ResponseHead",
    "ResumeDownstream",
    "ResumeUpstream",
    "SendData",
    "SendEnd",
    "SendRequest",
    "SimpleFault",
    "UpstreamClose",
    "UpstreamEnd",
    "UpstreamEndHow",
    "Wake",
    "WakeAt",
    "passed",
]

# Body bytes a fault holds back of one exchange at most: the harness's own bound, so that a flood
# cannot take this machine's memory. Real ones spill to disk: nginx holds 1 GiB in a file
# (proxy_max_temp_file_size 1024m — nginx.org, ngx_http_proxy_module).
HELD_BYTES = 64 * 1024 * 1024


class Exchange(Protocol):
    """The state of a simple fault within one exchange; see `PerExchange`."""

    def step(self, now_s: float, event: Event) -> Iterable[Action]:
        """React to one event of this exchange."""
        ...


class Conserves(enum.Enum):
    """What a fault leaves intact until it ends a response; the contract kit holds it to that."""

    BYTES_AND_ORDER = "bytes and order"
    ORDER = "order"
    NOTHING = "nothing"


class FaultConfig(Strict, ABC):
    """What YAML writes under a fault's name; the running fault is made by `start`.

    Class attributes:
        conserves: What is left of the response as it was.
        arms: How a product's fault counts: `always`, wherever its `when` holds, or `acting`, only
            in a case in which it acted. One written in a scenario always counts.
        always_ends: Whether it ends every response that lasts, whatever the target says.
        is_aside: Whether it changes words only, and neither bytes, times nor ends: a product that
            holds a stream is not blamed for these.
        limit_decides: Whether it matters what comes first, traffic or `limit_s`; not so for a
            delay, which does nothing else when it is over.
        stands_first: Whether it has to stand first in its hop, as it makes attempts of its own.
        held_bytes: Body bytes held back of one exchange at most, and one read on top.
        looks_at: Response fields, lower case, that it looks at whatever its settings name.

    Args:
        when: In which exchanges the fault stands at all; None: in every one.
    """

    conserves: ClassVar[Conserves]
    arms: ClassVar[Literal["always", "acting"]] = "always"
    always_ends: ClassVar[bool] = False
    is_aside: ClassVar[bool] = False
    limit_decides: ClassVar[bool] = True
    stands_first: ClassVar[bool] = False
    held_bytes: ClassVar[int] = HELD_BYTES
    looks_at: ClassVar[frozenset[str]] = frozenset()

    when: When | None = None

    @abstractmethod
    def running(self, draw: Callable[[], float]) -> Fault:
        """What `start` gives, whatever `when` says."""

    def start(self, draw: Callable[[], float]) -> Fault:
        """The fault for one hop and one case; `draw` gives uniform numbers in [0, 1)."""
        fault = self.running(draw)
        return fault if self.when is None else Conditional(self.when, fault)

    def heeds(self, field: str) -> bool:
        """Whether what it does may depend on a response field.

        Else it does the same whether or not the response has the field, which it passes on.

        Args:
            field: The field's name, lower case.
        """
        return field in self.looks_at or field in repr(self).lower()

    def limit_s(self) -> float:
        """The longest time this fault may take to act, in seconds; 0 when it has no limit."""
        return 0.0


class SimpleFault(FaultConfig):
    """A fault that looks at one exchange at a time. Most do."""

    @abstractmethod
    def exchange(self, x: int, draw: Callable[[], float]) -> Exchange:
        """The state of exchange `x`, numbered from 1 at this hop."""

    def running(self, draw: Callable[[], float]) -> Fault:
        """See `FaultConfig.running`."""
        return PerExchange(lambda x: self.exchange(x, draw))


class PerExchange:
    """Lift a simple fault to the contract.

    Once it has ended the response (`End` or `Answer`) the fault is asked nothing more: what
    upstream still sends is dropped, and a client that leaves closes upstream unless that is done.
    After `CaseOver` it keeps nothing of the exchange.

    Args:
        make: Gives the state of an exchange, by its number.
    """

    def __init__(self, make: Callable[[int], Exchange]) -> None:
        self._make = make
        self._states: dict[int, Exchange] = {}
        self._ended: set[int] = set()

    def step(self, now_s: float, x: int, event: Event) -> list[tuple[int, Action]]:
        """See `Fault.step`."""
        if x in self._ended and not isinstance(event, CaseOver):
            return [(x, passed(event))] if isinstance(event, ClientGone) else []
        out: list[tuple[int, Action]] = []
        state = self._states.get(x)
        if state is None:
            state = self._states[x] = self._make(x)
            out.append((x, Note("armed", f"exchange {x}")))
        if isinstance(event, CaseOver):
            del self._states[x]
            self._ended.discard(x)
        for action in state.step(now_s, event):
            if type(action) is not Forward and isinstance(action, End | Answer):
                self._ended.add(x)
            out.append((x, action))
        return out
