"""The check contract: what YAML writes under a check's name, and how it judges.

A check is configuration plus one pure function of the evidence: a class with the class attributes
below, `examine`, and a row in `registry`. docs/adding-a-check.md says how to write one.

    stays_open: 200s                   a bare value fills the field `short` names
    no_event_lost: true                every field as it is by default
    no_event_lost: {in_flight: 5s}     all of it
    no_event_lost: false               not asked
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from harness.checks.evidence import Evidence
from harness.errors import shown
from harness.model.base import Strict
from harness.model.verdict import Finding, Outcome

type Level = Literal["MUST", "SHOULD"]

# A finding is read by a person: eight entries show it, or eighty do not.
MOST_ENTRIES = 8

WHATWG = "https://html.spec.whatwg.org/multipage/server-sent-events.html"
RFC9110 = "https://www.rfc-editor.org/rfc/rfc9110.html"
RFC9111 = "https://www.rfc-editor.org/rfc/rfc9111.html"
RFC9112 = "https://www.rfc-editor.org/rfc/rfc9112.html"
RFC9113 = "https://www.rfc-editor.org/rfc/rfc9113.html"


class CheckConfig(Strict, ABC):
    """One check with its bounds.

    Class attributes:
        name: Its key in `expect:`.
        summary: One line: what holds when it passes.
        level: MUST, or SHOULD, which gives WARN at most.
        source: Where the rule comes from.
        short: The field a bare value fills; None: it takes none.
        needs_payload: Whether it looks into bodies, so that clipped ones leave it without evidence.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    level: ClassVar[Level] = "MUST"
    source: ClassVar[str]
    short: ClassVar[str | None] = None
    needs_payload: ClassVar[bool] = True

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, value: object) -> object:
        if value is True:
            return {}
        if isinstance(value, Mapping):
            return value
        if cls.short is not None and value is not None:
            return {cls.short: value}
        raise PydanticCustomError(
            "check", "{text}", {"text": f"expected true, false or a mapping, got {shown(value)}"}
        )

    @classmethod
    def ad_hoc(cls, watch_s: float, limits: Sequence[str]) -> Self:  # noqa: ARG003 - the contract's; few depend on it
        """The check as it is asked when no scenario says how.

        Args:
            watch_s: How long the stream is going to be watched, in seconds.
            limits: The faults of the chain that end responses whatever the target does, such as
                `through[0].max_duration`.
        """
        return cls()

    def settle_s(self) -> float:
        """How long it wants the stage watched after the last client is done, in seconds."""
        return 0.0

    def judge(self, evidence: Evidence) -> Iterator[Finding]:
        """Judge one case: at least one finding."""
        clipped_n = evidence.clipped_n if self.needs_payload else None
        if clipped_n is not None:
            yield self.inconclusive(
                "", "payload bytes were clipped: the case said more than is kept", at=[clipped_n]
            )
            return
        yield from self.examine(evidence)

    @abstractmethod
    def examine(self, evidence: Evidence) -> Iterable[Finding]:
        """Judge a case whose payload is there as far as this check needs it."""

    # -- findings ------------------------------------------------------------------------------

    def passed(
        self, expected: str, observed: str, *, margin: float | None = None, at: Iterable[int] = ()
    ) -> Finding:
        """It holds."""
        return self._finding("PASS", expected, observed, margin=margin, at=at)

    def failed(
        self,
        expected: str,
        observed: str,
        *,
        fix: str,
        confirm: str,
        margin: float | None = None,
        hop: int | None = None,
        at: Iterable[int] = (),
        level: Level = "MUST",
        source: str = "",
    ) -> Finding:
        """It does not hold: FAIL, or WARN where it only should."""
        outcome: Outcome = "FAIL" if self.level == level == "MUST" else "WARN"
        return self._finding(
            outcome,
            expected,
            observed,
            margin=margin,
            hop=hop,
            fix=fix,
            confirm=confirm,
            at=at,
            source=source,
        )

    def inconclusive(self, expected: str, observed: str, *, at: Iterable[int] = ()) -> Finding:
        """It was meant, and there is not enough evidence."""
        return self._finding("INCONCLUSIVE", expected, observed, at=at)

    def skipped(
        self, expected: str, observed: str, *, margin: float | None = None, at: Iterable[int] = ()
    ) -> Finding:
        """It is not meant here, for what this target's stream is."""
        return self._finding("SKIP", expected, observed, margin=margin, at=at)

    def lacking(
        self, evidence: Evidence, expected: str, observed: str, *, at: Iterable[int] = ()
    ) -> Finding:
        """There was no occasion: INCONCLUSIVE where a scenario was to give it, else SKIP.

        A foreign target says what it says, and a bare chain is asked everything; but the reference
        server of a written scenario was told to give the occasion.
        """
        was_promised = evidence.is_reference and not evidence.case.is_ad_hoc
        make = self.inconclusive if was_promised else self.skipped
        return make(expected, observed, at=at)

    def _finding(
        self,
        outcome: Outcome,
        expected: str,
        observed: str,
        *,
        margin: float | None = None,
        hop: int | None = None,
        fix: str = "",
        confirm: str = "",
        at: Iterable[int] = (),
        source: str = "",
    ) -> Finding:
        return Finding(
            check=self.name,
            outcome=outcome,
            expected=expected,
            observed=observed,
            margin=None if margin is None else round(margin, 6),
            hop=hop,
            fix=fix,
            confirm=confirm,
            evidence=bounded(at),
            source=source or self.source,
        )


def bounded(entries: Iterable[int]) -> tuple[int, ...]:
    """Entry numbers in order, each once; of too many the first and the last ones."""
    numbers = sorted({n for n in entries if n >= 0})
    if len(numbers) <= MOST_ENTRIES:
        return tuple(numbers)
    half = MOST_ENTRIES // 2
    return (*numbers[:half], *numbers[-half:])
