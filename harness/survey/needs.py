"""How a target has to be asked for its stream to be replayed through some chains."""

from __future__ import annotations

from collections.abc import Iterable

from harness.hops.observed import Asked
from harness.model.ask import Ask
from harness.model.scenario import Target
from harness.scenario.chain import configs
from harness.survey.cells import Cell
from harness.survey.observation import Observation
from harness.survey.play import NotAskedError, Observed, asks_of, play


def versions_wanted(cells: Iterable[Cell], request: Asked, seed: int) -> list[Ask]:
    """How the target is going to be asked, as far as that is known before it is.

    A client's own request comes first. Which content codings make a difference is known only once
    the target has answered.
    """
    own = Ask.of(request.version, request.headers)
    found = {own.version: own}
    for cell in cells:
        for ask in asks_of(cell.hops, request, seed):
            found.setdefault(ask.version, ask)
    return list(found.values())


def unasked(cells: Iterable[Cell], observed: Observed, seed: int) -> dict[Ask, list[Cell]]:
    """The ways of asking that some chains need and that are not known yet, and which chains."""
    out: dict[Ask, list[Cell]] = {}
    for cell in cells:
        try:
            play(cell, observed, Target(url=""), {}, seed)
        except NotAskedError as error:
            out.setdefault(error.ask, []).append(cell)
    return out


def cutting(cells: Iterable[Cell], seen: Observation) -> list[Cell]:
    """The chains that end such a stream whatever it says, so that clients have to resume."""
    long_s = seen.long_s if seen.has_all else float("inf")
    return [
        cell
        for cell in cells
        if any(
            config.always_ends and config.limit_s() < long_s
            for hop in cell.hops
            for _, config in configs(hop)
        )
    ]


def described(ask: Ask) -> str:
    """A way of asking, for a person: `HTTP/1.0`, `Accept-Encoding: gzip`."""
    words = [ask.version] if ask.version != "HTTP/1.1" else []
    if ask.last_event_id is not None:
        words.append("Last-Event-ID")
    if not words:
        words.append(f"Accept-Encoding: {ask.accept_encoding or 'none'}")
    return ", ".join(words)
