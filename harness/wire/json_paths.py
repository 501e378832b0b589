"""What stands at a path in the JSON of an event's data.

Paths are those of RFC 9535, JSONPath: `$.choices[0].finish_reason`.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jsonpath import JSONPath


class JsonPathError(ValueError):
    """A path is not one of RFC 9535; the message says where."""


def check_path(path: str) -> str:
    """The same path, if it is one.

    Raises:
        JsonPathError: It is not.
    """
    _compiled(path)
    return path


def found_at(path: str, text: str) -> list[object]:
    """The values that stand at a path; none where the text is no JSON.

    Raises:
        JsonPathError: It is not a path.
    """
    compiled = _compiled(path)
    # Tokens by the thousand are told apart from JSON by their first character.
    if text.lstrip()[:1] not in {"{", "["}:
        return []
    try:
        return list(compiled.findall(json.loads(text)))
    except (ValueError, RecursionError):  # no JSON, or deeper than anybody's
        return []


@lru_cache(maxsize=64)
def _compiled(path: str) -> JSONPath:
    from jsonpath import (  # noqa: PLC0415 - few files have a path in them
        JSONPath,
        JSONPathEnvironment,
        JSONPathError,
    )

    try:
        compiled = JSONPathEnvironment(strict=True).compile(path)
    except JSONPathError as error:
        # Its own text draws a picture over several lines.
        raise JsonPathError(f"{path} is no JSON path: {error.args[0]}") from error
    assert isinstance(compiled, JSONPath), path  # RFC 9535 has no unions of paths
    return compiled
