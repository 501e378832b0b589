"""A product file as it is written; `nginx.yaml` shows all its parts."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from harness.model.base import Strict
from harness.model.scenario import Arms, EvidenceGrade

type SettingType = Literal[
    "duration", "times", "size", "buffers", "flag", "choice", "words", "count", "text", "fields"
]  # fmt: skip
type Unit = Literal["us", "ms", "s", "m", "h", "d", "B"]

ANY_VALUE: Final = "…"

# Keys of an entry under `faults:` that are not the fault.
BESIDE_FAULT: Final = ("setting", "evidence", "source", "rescue", "if", "arms")


class Setting(Strict):
    """One directive of a product.

    Args:
        type_: What its values are. Of `times`, durations by status, expressions have that of a 200,
            and of `buffers`, their number and their size, the size.
        syntax: How a duration is written where it is not as the product's others; see `SYNTAXES`.
        unit: Of a bare number, where it is not that of the syntax.
        choices: What a choice may be.
        default: What holds where it is not written, as the product would write it; None: it is
            not set.
        zero: What a duration of 0 means: `never`, or zero.
        least: The smallest value the product takes, as it would write it.
        most: The largest.
        evidence: How the default is known.
        source: Where it is written, an address.
        says: What it does to a stream, in a line.
        no_effect: Why it does nothing for a stream; goes without `says`.
    """

    type_: SettingType
    syntax: str | None = None
    unit: Unit | None = None
    choices: tuple[str, ...] = ()
    default: Any = None
    zero: Literal["never"] | None = None
    least: Any = None
    most: Any = None
    evidence: EvidenceGrade | None = None
    source: str = ""
    says: str = ""
    no_effect: str = ""

    @property
    def meaning(self) -> str:
        """What it does to a stream, or that it does nothing."""
        return self.says or (f"nothing for a stream: {self.no_effect}" if self.no_effect else "")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.default is not None and not (self.evidence and self.source):
            raise ValueError("a default needs evidence and source")
        if (self.type_ == "choice") is not bool(self.choices):
            raise ValueError("choices go with the type choice")
        if self.no_effect and (self.says or not self.source):
            raise ValueError("no_effect goes with a source, and without says")
        return self


class Step(Strict):
    """One entry under `faults:`.

    Args:
        fault: The fault's name.
        settings: Its settings, with `$name` and `${expression}` in place of values.
        setting: The directive to name in reports, and to change.
        evidence: How this behaviour is known; None: as that setting.
        source: Where it is written; "": where that setting is.
        rescue: What rescues a stream from it.
        if_: An expression; the entry is left out where it is false.
        arms: When it counts; None: as the fault says.
    """

    fault: str
    settings: Any = None
    setting: str = ""
    evidence: EvidenceGrade | None = None
    source: str = ""
    rescue: str = ""
    if_: str = ""
    arms: Arms | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_entry(cls, entry: object) -> object:
        if not isinstance(entry, dict) or "fault" in entry:
            return entry
        faults = [key for key in entry if key not in BESIDE_FAULT]
        if len(faults) != 1:
            raise ValueError(f"expected one fault, got {', '.join(faults) or 'none'}")
        beside = {key: it for key, it in entry.items() if key in BESIDE_FAULT}
        return {"fault": faults[0], "settings": entry[faults[0]], **beside}


class NoEffect(Strict):
    """A line that is widely copied and does nothing for a stream.

    Args:
        line: As the product has it; `…` at its end is any value.
        why: What it does instead, or what is missing.
        source: Where that is written.
        if_: An expression; the line does something where it is false.
    """

    line: str
    why: str
    source: str
    if_: str = ""


class Shown(Strict):
    """Where a comparison with the program shows a deviation; globs.

    Args:
        row: The configuration (`harness/fidelity/rows`).
        probe: The probe (`harness/fidelity/battery.py`).
        fact: The fact.
        racy: Whether the program does so in some runs only.
    """

    row: str = "*"
    probe: str = "*"
    fact: str = "*"
    racy: bool = False


class Deviation(Strict):
    """Something in which the product differs from this description of it.

    Args:
        what: In what.
        source: Where that is written, or how it was measured.
        seen: Where `sse-harness fidelity` shows it.
    """

    what: str
    source: str
    seen: tuple[Shown, ...] = ()


class Product(Strict):
    """One intermediary.

    Args:
        product: Its name, which is that of the file.
        title: What it is, for a reader.
        measured: The version of the program that measurements were made with; "": not measured.
        version: What a bare name means; "": it has no versions.
        versions: From which version on which settings have another default; ascending, each holds
            until the next.
        syntax: How it writes durations; see `SYNTAXES`.
        settings: Its directives, by the names it gives them.
        no_effect: Lines that do nothing, beside the settings that say so of themselves.
        faults: What it does, in the order bytes from upstream meet it.
        deviations: What is known to be otherwise.
    """

    product: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")]
    title: str
    measured: str = ""
    version: str = ""
    versions: dict[str, dict[str, Any]] = Field(default_factory=dict)
    syntax: str = "plain"
    settings: dict[str, Setting] = Field(default_factory=dict)
    no_effect: tuple[NoEffect, ...] = ()
    faults: tuple[Step, ...] = ()
    deviations: tuple[Deviation, ...] = ()

    @property
    def idle_lines(self) -> tuple[NoEffect, ...]:
        """Every line that does nothing for a stream."""
        of_settings = (
            NoEffect(line=f"{name} {ANY_VALUE}", why=it.no_effect, source=it.source)
            for name, it in self.settings.items()
            if it.no_effect
        )
        return (*of_settings, *self.no_effect)
