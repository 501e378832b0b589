"""Every check there is: an explicit table, in the order reports and docs show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from harness.checks.base import CheckConfig, Level
from harness.checks.delivered_within import DeliveredWithin
from harness.checks.disconnect_noticed import DisconnectNoticed
from harness.checks.events_parse import EventsParse
from harness.checks.first_byte_within import FirstByteWithin
from harness.checks.headers_fit import HeadersFit
from harness.checks.heartbeat_within import HeartbeatWithin
from harness.checks.ids_advance import IdsAdvance
from harness.checks.makes_progress import MakesProgress
from harness.checks.no_event_duplicated import NoEventDuplicated
from harness.checks.no_event_lost import NoEventLost
from harness.checks.order_kept import OrderKept
from harness.checks.resumes import Resumes
from harness.checks.stays_open import StaysOpen
from harness.errors import did_you_mean
from harness.units import YAML_CONTEXT

CHECKS: Mapping[str, type[CheckConfig]] = MappingProxyType(
    {
        check.name: check
        for check in (
            HeadersFit,
            EventsParse,
            FirstByteWithin,
            DeliveredWithin,
            HeartbeatWithin,
            StaysOpen,
            NoEventLost,
            NoEventDuplicated,
            OrderKept,
            IdsAdvance,
            Resumes,
            MakesProgress,
            DisconnectNoticed,
        )
    }
)


class UnknownCheckError(LookupError):
    """No check has this name.

    Args:
        name: The name, as the user typed it.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    @property
    def candidates(self) -> tuple[str, ...]:
        """The names there are."""
        return tuple(CHECKS)

    def __str__(self) -> str:
        return f"unknown check {self.name!r}{did_you_mean(self.name, self.candidates)}"


def check_class(name: str) -> type[CheckConfig]:
    """The check of this name.

    Raises:
        UnknownCheckError: There is none.
    """
    try:
        return CHECKS[name]
    except KeyError:
        raise UnknownCheckError(name) from None


def build(name: str, value: object) -> CheckConfig | None:
    """Make a check from what YAML writes under its name.

    Args:
        name: Its key in `expect:`.
        value: A bare value, true, a mapping; false when it is not asked.

    Returns:
        The check; None for false.

    Raises:
        UnknownCheckError: There is no such check.
        pydantic.ValidationError: The value is not one of its bounds.
    """
    kind = check_class(name)
    return None if value is False else kind.model_validate(value, context=YAML_CONTEXT)


def build_all(expect: Mapping[str, object]) -> tuple[CheckConfig, ...]:
    """Make every check that `expect:` asks for; see `build`."""
    made = (build(name, value) for name, value in expect.items())
    return tuple(check for check in made if check is not None)


def ad_hoc(watch_s: float, limits: Sequence[str]) -> tuple[CheckConfig, ...]:
    """Every check, as it is asked when no scenario says how; see `CheckConfig.ad_hoc`."""
    return tuple(check.ad_hoc(watch_s, limits) for check in CHECKS.values())


class Row(NamedTuple):
    """A line of the catalogue.

    Attributes:
        form: What to write in YAML, with the default bound: `within: 5s`, or "" for none.
    """

    name: str
    level: Level
    form: str
    summary: str
    source: str


def catalogue() -> tuple[Row, ...]:
    """Every check on a line, for generated docs."""
    return tuple(
        Row(check.name, check.level, _form(check), check.summary, check.source)
        for check in CHECKS.values()
    )


def _form(check: type[CheckConfig]) -> str:
    written = check().model_dump(mode="json", by_alias=True)
    return ", ".join(
        f"{key}: {str(value).lower() if isinstance(value, bool) else value}"
        for key, value in written.items()
        if value is not None
    )
