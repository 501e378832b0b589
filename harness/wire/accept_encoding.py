"""Which content coding a client takes (RFC 9110 §12.5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from harness.wire.headers import Headers, tokens


def _weight(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, number = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(number)
            except ValueError:
                return 0.0  # a weight nobody can read prefers nothing
    return 1.0


def preferred[Coding: str](
    request: Headers, codings: Sequence[Coding], ties: Literal["server", "client"] = "server"
) -> Coding | None:
    """The one of `codings` the client likes best.

    Args:
        request: Header fields of the request. Without Accept-Encoding no coding is acceptable:
            the RFC would allow any, but no product codes a response nobody asked to be coded.
        codings: What is on offer, by preference, lower case.
        ties: Whose order decides between equals: that of `codings`, or that in which the client
            names them.

    Returns:
        None where the client takes none of them, by leaving it out or by `q=0`.
    """
    weights: dict[str, float] = {}
    for member in tokens(request, "accept-encoding"):
        name, *parameters = member.split(";")
        weights[name.strip().removeprefix("x-")] = _weight(parameters)
    others = weights.get("*", 0.0)
    if ties == "client":
        named = list(weights)
        codings = sorted(codings, key=lambda it: named.index(it) if it in named else len(named))
    best = max(codings, key=lambda coding: weights.get(coding, others), default=None)
    return best if best is not None and weights.get(best, others) > 0 else None
