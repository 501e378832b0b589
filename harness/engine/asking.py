"""Ask a target as often as the chains need it, on the real clock, and keep what it said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx

from harness.ends.asker import Asking, request_of
from harness.ends.crowd import Crowding
from harness.ends.target import origin
from harness.engine.case import perform
from harness.engine.stage import Props
from harness.errors import TargetError, UsageError
from harness.hops.observed import Asked
from harness.model import journal, secret_values
from harness.model.ask import Ask
from harness.model.journal import Journal
from harness.model.scenario import Case, EventSource, Scenario, Target
from harness.model.target import PORT
from harness.model.verdict import Finding
from harness.survey import together
from harness.survey.cadence import LEAST_S, Watching
from harness.survey.cells import Cell
from harness.survey.needs import cutting, described, unasked, versions_wanted
from harness.survey.observation import LEAVING_S, Observation, observation
from harness.survey.play import Observed
from harness.survey.resuming import resume_ask
from harness.units import show_seconds
from harness.wire.headers import value

# After what a stream is left for, the tap sees the target's last words.
_SETTLE_S = 0.2
# Several clients at once are let in and listened to within their time, or the case is over.
_PATIENCE_S = 30.0
# A silence as long as the limit that most products share, and a second for it to fire.
_SILENCE_S = 61.0
# An endless response is watched for a silence and a little; an answer that is computed, to its end,
# which may take minutes.
_ENDLESS_S = 65.0
_COMPUTED_S = 180.0
# What was seen to come in one version of the protocol has to be seen to come in another.
_READS_AGAIN = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

OBSERVED = "observed"
TOGETHER = "together"
PLACE = "place"
JOURNAL = "journal.jsonl"


@dataclass(frozen=True, slots=True)
class Limits:
    """How often and how long a target may be asked.

    Args:
        requests: How often at most.
        time_s: How long a response is watched at most, in seconds; None: as is usual for its like.
        least_s: And at least.
        is_load_allowed: Whether more than one stream at once may be opened on another machine.
    """

    requests: int
    time_s: float | None = None
    least_s: float = LEAST_S
    is_load_allowed: bool = False


class Interview:
    """The requests of one check, one after the other.

    Args:
        target: Whom to ask.
        limits: How often and how long.
        seed: The check's.
        path: The directory in which the journal of each request is kept.
        say: Told in a line what is going to be asked.

    Attributes:
        was_interrupted: Whether Ctrl-C ended it before all was asked.
    """

    def __init__(
        self, target: Target, limits: Limits, seed: int, path: Path, say: Callable[[str], None]
    ) -> None:
        self._target = target
        self._limits = limits
        self._seed = seed
        self._path = path
        self._say = say
        self._asked = 0
        self.was_interrupted = False

    @property
    def left(self) -> int:
        """How often the target may still be asked."""
        return max(0, self._limits.requests - self._asked)

    def hold(self, cells: Sequence[Cell], *, for_replays: bool = True) -> Observed:
        """All that the target says, as far as these chains need it.

        Args:
            cells: The chains.
            for_replays: Whether they are replayed, rather than put on the wire themselves.

        Raises:
            TargetError: It cannot be reached, does not answer, or says too much.
        """
        # Which port a command is given is not known yet, and makes no difference.
        url = (self._target.url or "").replace(PORT, "1")
        sent = request_of(Ask(), self._target, url)
        request = Asked(1, 1, 0.0, sent.method, sent.target, sent.headers, version=sent.version)
        self._announce(cells if for_replays else (), request)
        first = self.ask(Ask.of(request.version, request.headers))
        alone = Observed(first)
        others: list[Observation] = []
        together: list[Finding] = []
        try:
            if first.is_stream and self._target.promises.broadcast:
                together += self._together(first)
            if first.is_stream:
                for it in self._asked_again(cells, alone, for_replays=for_replays):
                    others.append(it)  # noqa: PERF402 - what was heard before an interrupt is kept
        except KeyboardInterrupt:
            self.was_interrupted = True
        return alone.and_also(others, together)

    def _asked_again(
        self, cells: Sequence[Cell], alone: Observed, *, for_replays: bool
    ) -> Iterator[Observation]:
        """What is said to whoever asks otherwise than a client, as far as that is needed."""
        first = alone.first
        is_forgetful = self._target.promises.resume_window_s is not None
        if is_forgetful:  # before it has forgotten
            yield from self._resumed(cells, first)
        missing = unasked(cells if for_replays else (), alone, self._seed)
        for ask, needy in missing.items():
            if not self._may_ask:
                break
            names = ", ".join(it.title for it in needy[:3]) + ", …" * (len(needy) > 3)
            self._say(f"asking again for {names}: {described(ask)}")
            yield self._once(ask, first)
        if not is_forgetful:
            yield from self._resumed(cells, first)

    def _together(self, first: Observation) -> list[Finding]:
        """What is said to several clients at once, if all of them are to be told the same."""
        most = together.how_many(self.left)
        url = self._target.url or ""
        is_here = self._target.is_inside or self._target.command is not None
        if not (is_here or origin(url).is_local or self._limits.is_load_allowed):
            return [together.not_asked("several streams at another machine need --allow-load")]
        if not most:
            return [together.not_asked(f"asked {self._limits.requests} times (--max-requests)")]
        listen_s = together.listen_s(first)
        self._say(f"up to {most} streams at once, {show_seconds(listen_s)}: broadcast")
        patience_s = together.patience_s(first)
        crowding = Crowding(most, patience_s, listen_s)
        scenario = Scenario(
            id=TOGETHER,
            why="what the target says to several clients at once",
            client=(EventSource(reconnect=False),),
            watch_s=most * patience_s + listen_s + _PATIENCE_S,
        )
        folder = self._path / TOGETHER
        props = Props(programs=folder, settle_s=_SETTLE_S, crowding=crowding)
        entries = self._performed(scenario, props, folder)
        self._asked += sum(isinstance(it, journal.TapRequest) for it in entries)
        _check(entries)
        return list(together.together(entries))

    def ask(self, ask: Ask, like: Observation | None = None) -> Observation:
        """What the target says to one request, and where that leads to on the same server.

        Args:
            ask: How to ask.
            like: What it said to another way of asking; None: nothing is known of it yet.

        Raises:
            TargetError: See `hold`.
        """
        seen = self._once(ask, like)
        while seen.said.status in _REDIRECTS and self._may_ask:
            seen = self._redirected(seen)
        return seen

    def _resumed(self, cells: Sequence[Cell], first: Observation) -> list[Observation]:
        """What is said to a client that comes back, if any chain makes it come back."""
        ask = resume_ask(first)
        needy = cutting(cells, first)
        if ask is None or not needy or not self._may_ask:
            return []
        names = ", ".join(it.title for it in needy[:3]) + ", …" * (len(needy) > 3)
        self._say(f"asking again for {names}: {described(ask)}")
        return [self._once(ask, first)]

    @property
    def _clock(self) -> Literal["real", "virtual"]:
        return "virtual" if self._target.is_inside else "real"

    @property
    def _may_ask(self) -> bool:
        return self.left > 0

    @property
    def _is_computed(self) -> bool:
        """Whether the answer is made for this one request, and ends once it is told."""
        if self._target.promises.end_marker is not None:
            return True
        return self._target.method != "GET" or self._target.body is not None

    @property
    def _most_s(self) -> float:
        if self._limits.time_s is not None:
            return self._limits.time_s
        return _COMPUTED_S if self._is_computed else _ENDLESS_S

    def _announce(self, cells: Sequence[Cell], request: Asked) -> None:
        count = min(len(versions_wanted(cells, request, self._seed)), self._limits.requests)
        requests = "1 request" if count == 1 else f"{count} requests"
        each = "" if count == 1 else " each"
        most = f"up to {show_seconds(self._most_s)}{each}"
        self._say(f"{requests}, {most}; at most {self._limits.requests} if the answers need it")

    def _once(self, ask: Ask, like: Observation | None = None) -> Observation:
        self._asked += 1
        is_resumed = ask.last_event_id is not None and like is not None
        has_end = not is_resumed and (self._is_computed or (like is not None and like.has_all))
        watching = Watching(
            has_end=has_end,
            longest_s=_SILENCE_S,
            least_s=self._limits.least_s,
            least_reads=None if like is None else 1 if is_resumed else _READS_AGAIN,
            free_s=self._most_s if like is None and self._clock == "virtual" else 0.0,
            is_last=self._target.promises.is_last,
        )
        scenario = Scenario(
            id=f"observed/{self._asked}",
            why="what the target says, to be replayed",
            watch_s=self._most_s if like is None else like.watched_s * (2 if has_end else 1),
        )
        folder = self._path / f"{OBSERVED}-{self._asked}"
        props = Props(
            programs=folder,
            settle_s=_SETTLE_S,
            watch=watching.see,
            asking=Asking(
                ask,
                watching.is_over,
                watching.is_enough,
                leaving_s=LEAVING_S + _SETTLE_S if like is None else 0.0,
            ),
        )
        entries = self._performed(scenario, props, folder)
        return self._heard(ask, entries)

    def _performed(self, scenario: Scenario, props: Props, folder: Path) -> Journal:
        """The journal of a scenario at the target, which is kept in a folder of its own."""
        case = Case(
            id=scenario.id,
            scenario=scenario,
            target=self._target,
            clock=self._clock,
            seed=self._seed,
        )
        entries, _ = perform(case, props, folder / JOURNAL)
        return entries

    def _heard(self, ask: Ask, entries: Journal) -> Observation:
        """What the target said, if it said anything.

        Raises:
            TargetError: It did not, or more than is kept.
        """
        _check(entries)
        where = secret_values.of(self._target).text(self._target.url or "")
        try:
            seen = observation(ask, entries)
        except ValueError as error:
            wanted = "listen for less, with a shorter --max-time"
            raise TargetError(
                f"{where}: it says more than can be kept: {wanted}", "clipped"
            ) from error
        if seen is None or seen.said.status == 0:
            how = "" if seen is None or seen.said.end is None else f": {seen.said.end}"
            waited = show_seconds(0.0 if seen is None else seen.watched_s)
            raise TargetError(f"{where}: no response in {waited}{how}", "no-response")
        return seen

    def _redirected(self, seen: Observation) -> Observation:
        """Ask where a redirect leads, if that is the same server.

        Raises:
            TargetError: It is another one.
        """
        url = httpx.URL(self._target.url or "")
        there = url.join(value(seen.said.headers, "location") or "")
        shown = secret_values.of(self._target).text(str(there))
        if str(origin(str(there))) != str(origin(str(url))):
            raise TargetError(f"redirected to another server: check {shown}", "redirected")
        self._say(f"redirected to {shown}")
        self._target = self._target.model_copy(update={"url": str(there)})
        return self._once(seen.ask)


def _check(entries: Journal) -> None:
    """See that a request was asked.

    Raises:
        TargetError: The target could not be reached, or broke.
    """
    for entry in entries:
        if isinstance(entry, journal.StageProblem):
            raise TargetError(entry.message, entry.source)


def heard_before(run: Path) -> tuple[Target, Observed]:
    """What a finished check observed.

    Args:
        run: Its directory.

    Raises:
        UsageError: It observed nothing, or nothing that can be read.
    """
    found: list[Observation] = []
    target = Target(url="")
    for file in sorted(run.glob(f"{OBSERVED}-*/{JOURNAL}"), key=_number):
        try:
            entries = Journal.read(file.read_bytes().splitlines())
            target = Case.model_validate(entries.case.case).target
            asked = [it for it in entries if isinstance(it, journal.TapRequest)]
            seen = (
                observation(Ask.of(asked[0].version, asked[0].headers), entries) if asked else None
            )
        except (OSError, ValueError) as error:
            raise UsageError(f"{file} is not what a check observed: {error}") from error
        if seen is not None:
            found.append(seen)
    streams = [it for it in found if it.said.status not in _REDIRECTS]
    if not streams:
        raise UsageError(f"{run} holds nothing that a check observed")
    return target, Observed(streams[0], streams[1:], _heard_together(run))


def _heard_together(run: Path) -> list[Finding]:
    """What several streams at once showed in a finished check, if they were opened."""
    file = run / TOGETHER / JOURNAL
    try:
        entries = Journal.read(file.read_bytes().splitlines())
        is_whole = any(isinstance(it, journal.StageOver) for it in entries)
        has_failed = any(isinstance(it, journal.StageProblem) for it in entries)
        return list(together.together(entries)) if is_whole and not has_failed else []
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} is not what a check observed: {error}") from error


def _number(file: Path) -> int:
    return int(file.parent.name.rpartition("-")[2])
