"""verdict.json: the whole verdict, for programs."""

from __future__ import annotations

from harness.errors import UsageError
from harness.model import verdict as model
from harness.model.verdict import Verdict

SCHEMA = f"{model.SCHEMA}/{model.VERSION}"


def render(verdict: Verdict) -> bytes:
    """The file's content: indented JSON, keys in a fixed order, one verdict one text."""
    return model.encode(verdict)


def read(data: bytes, name: str) -> Verdict:
    """The verdict that `render` wrote.

    Args:
        data: The file's content.
        name: The file's name, for messages.

    Raises:
        UsageError: It is not a verdict of this version.
    """
    try:
        verdict = model.decode(data)
    except ValueError as error:
        raise UsageError(f"{name} is not a verdict: {error}") from error
    if verdict.schema != SCHEMA:
        raise UsageError(f"{name}: expected schema {SCHEMA}, got {verdict.schema}")
    return verdict
