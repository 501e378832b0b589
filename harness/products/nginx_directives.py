"""One directive of an nginx configuration, and the line it stands on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from harness.errors import ScenarioError
from harness.model import redaction

# Directives of a field's name and its value.
_FIELDS: Final = frozenset(("add_header", "add_trailer", "proxy_set_header"))


@dataclass(frozen=True, slots=True)
class Line:
    """Where a directive begins.

    Args:
        file: The main file as its caller names it, others as includes or a dump name them.
        line: 1 is the first.
    """

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    def error(self, message: str) -> ScenarioError:
        """Make the error that says `message` of this line."""
        return ScenarioError(f"{self}: {message}")


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive.

    Args:
        name: Such as proxy_read_timeout.
        args: What follows, without quotes and with escapes resolved.
        line: Where it begins.
        block: What stands between its braces, includes replaced; None: it ends in a semicolon.
    """

    name: str
    args: tuple[str, ...]
    line: Line
    block: tuple[Directive, ...] | None = None

    def __str__(self) -> str:
        return " ".join((self.name, *(arg or '""' for arg in self.args)))

    def without_secrets(self) -> str:
        """The directive as a report may keep it: the values of secret header fields struck out."""
        match self.args:
            case (field, value, *rest) if self.name in _FIELDS:
                ((_, value),) = redaction.headers(((field, value),))
                return str(Directive(self.name, (field, value, *rest), self.line))
            case _:
                return str(self)

    def having(self, *names: str) -> Iterator[Directive]:
        """The directives of these names in its block."""
        return (it for it in self.block or () if it.name in names)
