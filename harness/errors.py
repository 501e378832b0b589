"""One exception tree, and the words its messages share.

    Exception
    └── HarnessError              4  caught once, at the edge of the command line
        ├── UsageError            2  the command line cannot be obeyed
        ├── ScenarioError         2  the user's YAML is wrong; says where
        ├── TargetError           4  the server under test refuses or never answers
        ├── HopError              4  an intermediary of ours, or the user's script in it, broke
        ├── StageError            4  the run itself failed, such as an exceeded budget
        └── LocalEnvironmentError 4  this machine: unwritable reports, full disk
            └── MissingExtraError 4  an optional dependency is not installed

The number is `exit_code`, the status the process ends with. A bug of ours is none of these but an
AssertionError: it must never be taken for the fault of the user, the target or the machine.

Messages read `expected X, got Y; did you mean Z?`: one line, lower case, no full stop, names as the
user typed them. `shown` writes the Y, `did_you_mean` the Z.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

    from harness.yamlio import Document

type YamlPath = tuple[str | int, ...]
"""Where a value stands in a document: keys, and indices counted from 0."""

_SHOWN_CHARS = 60
_COMPARED_CHARS = 100  # difflib takes quadratic time, and a key of a hostile file may be long


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a text the user wrote.

    Args:
        file: The name as the user gave it: a path, or an option such as `--through`.
        line: 1 is the first line.
        col: 1 is the first character of the line; counts characters, not bytes.
    """

    file: str
    line: int
    col: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.col}"


class HarnessError(Exception):
    """A failure with a known owner: everything this package raises on purpose."""

    exit_code: ClassVar[int] = 4


class UsageError(HarnessError):
    """The command line cannot be obeyed: an unknown verb, flag, file or scenario name."""

    exit_code = 2


class ScenarioError(HarnessError):
    """What the user wrote in YAML is wrong.

    Args:
        message: One line, such as `expected a string, got 30`.
        place: Where it stands; None when the scenario was made in Python.
        path: What it is, as in `through[0].buffer.block`; empty for the document as a whole.
        also: Further problems of the same document, in the order they stand there. Not in str().
    """

    exit_code = 2

    # Positional arguments all handed to Exception: that is what lets an exception be pickled.
    def __init__(
        self,
        message: str,
        place: Place | None = None,
        path: str = "",
        also: tuple[ScenarioError, ...] = (),
    ) -> None:
        super().__init__(message, place, path, also)
        self.message = message
        self.place = place
        self.path = path
        self.also = also

    def __str__(self) -> str:
        parts = (str(self.place) if self.place else "", self.path, self.message)
        return ": ".join(part for part in parts if part)


class TargetError(HarnessError):
    """The server under test could not be tested: it refuses, never answers, or is not SSE.

    Args:
        message: One line.
        reason: A stable slug for reports and scripts, such as `connection-refused`.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message, reason)
        self.message = message
        self.reason = reason

    def __str__(self) -> str:
        return self.message


class HopError(HarnessError):
    """An intermediary of ours, or the user's script running in it, broke.

    Args:
        message: One line.
        hop: Its number in the chain; 1 is nearest the client.
    """

    def __init__(self, message: str, hop: int) -> None:
        super().__init__(message, hop)
        self.message = message
        self.hop = hop

    def __str__(self) -> str:
        return f"hop {self.hop}: {self.message}"


class StageError(HarnessError):
    """The run itself failed, through no fault of target or hops, such as an exceeded budget."""


class LocalEnvironmentError(HarnessError):
    """The machine does not allow what was asked: an unwritable report directory, a full disk."""


class MissingExtraError(LocalEnvironmentError):
    """An optional dependency is not installed.

    Args:
        extra: Its name in this package's metadata, such as `mitmproxy`.
        needed_for: What asked for it, to open the message with.
    """

    def __init__(self, extra: str, needed_for: str) -> None:
        super().__init__(extra, needed_for)
        self.extra = extra
        self.needed_for = needed_for

    @property
    def install_command(self) -> str:
        """What the user types to have it."""
        # Quoted: in zsh a bare [ opens a glob.
        return f"pip install 'sse-harness[{self.extra}]'"

    def __str__(self) -> str:
        return f"{self.needed_for} needs the extra {self.extra}: {self.install_command}"


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Find the candidate a mistyped name was probably meant to be.

    Case, and the difference between `-` and `_`, count for nothing.

    Returns:
        The candidate as it is spelt, or None when nothing resembles the name.
    """
    if len(name) > _COMPARED_CHARS:
        return None
    spelt = {_folded(candidate): candidate for candidate in candidates}
    matches = difflib.get_close_matches(_folded(name), spelt, n=1)
    return spelt[matches[0]] if matches else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """End a message about an unknown name: `; did you mean X?`, or nothing when X is not known."""
    suggestion = nearest(name, candidates)
    return f"; did you mean {suggestion}?" if suggestion is not None else ""


def shown(value: object) -> str:
    """Write a value the user gave on one short line, as they would have typed it in YAML."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case "":
            return "an empty string"
        case str():
            plain = value.isprintable() and value == value.strip()
            return _clipped(value if plain else repr(value[: _SHOWN_CHARS + 1]))
        case int() | float():
            return _clipped(repr(value).removesuffix(".0"))
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case _:
            return f"a value of type {type(value).__name__}"


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_")


def _clipped(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"


def format_path(path: YamlPath) -> str:
    """Write a path the way scenarios and messages do: `through[0].buffer.block`."""
    return "".join(_step(part) for part in path).removeprefix(".")


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if re.fullmatch(r"[\w$/@-]{1,60}", part) else f"[{_clipped(repr(part))}]"


# -- what pydantic found wrong ---------------------------------------------------------------------

_MISSING: Final = "missing"
_UNKNOWN: Final = frozenset(("extra_forbidden", "unexpected_keyword_argument"))
# Kinds of https://docs.pydantic.dev/latest/errors/validation_errors/ in the words of YAML. Most
# others say "Input should be X", which is as good.
_EXPECTED: Final = {
    "string_type": "a string",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "an integer"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "dataclass_type"), "a mapping"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "a list"),
}
_NUMERAL: Final = r"[-+.\d]{1,60}"
_INPUT: Final = "Input should be "
_MOST_PROBLEMS: Final = 100


def explain_validation(
    error: ValidationError,
    document: Document,
    model: type[BaseModel] | None = None,
    root_path: YamlPath = (),
) -> ScenarioError:
    """Say in the user's terms what pydantic found wrong with a loaded document.

    Args:
        error: From validating the value of `document` at `root_path`.
        document: What was validated.
        model: What it was validated against; an unknown key is compared with its fields.
        root_path: Where the validated value stands.

    Returns:
        The problem that stands first in the document; the others are its `also`, and of more than
        a hundred only a hundred count.
    """
    groups: dict[YamlPath, list[ErrorDetails]] = {}
    for details in error.errors(include_url=False)[:_MOST_PROBLEMS]:
        path = _located(details, (*root_path, *details["loc"]), document.value)
        groups.setdefault(path, []).append(details)
    inner = {path[:n] for path in groups for n in range(len(path))}
    schema = _schema(model) if model else {}
    meant: set[YamlPath] = set()
    found: list[tuple[Place, YamlPath, str]] = []
    for path, group in sorted(groups.items(), key=lambda item: item[1][0]["type"] == _MISSING):
        kinds = {details["type"] for details in group}
        if kinds <= _UNKNOWN | {_MISSING} and kinds != {_MISSING}:
            key = str(path[-1])
            # Without itself: another member of a union may have the very key.
            name = nearest(key, _fields(schema, path[len(root_path) : -1]) - {key})
            hint = f"; did you mean {name}?" if name else ""
            found.append((document.key_place(path), path, f"unknown key{hint}"))
            meant |= {(*path[:-1], name)} if name else set()
        elif kinds == {_MISSING}:
            if path not in meant:  # a mistyped key is one mistake, not two
                found.append((document.key_place(path[:-1]), path, "required, but missing"))
        else:
            # A mapping with a mistake in it need not be told that it is not a string either, nor a
            # key which one member of a union knows that another does not.
            said = [d for d in group if not (path in inner and d["type"].endswith("_type"))]
            said = [d for d in said if d["type"] not in _UNKNOWN]
            is_key = group[0]["loc"][-1:] == ("[key]",)
            place = document.key_place(path) if is_key else document.place(path)
            found += [(place, path, text) for text in _messages(said, document.texts.get(path))]
    found.sort(key=lambda problem: (problem[0].line, problem[0].col))
    first, *rest = [ScenarioError(text, place, format_path(path)) for place, path, text in found]
    return ScenarioError(first.message, first.place, first.path, tuple(rest))


def _located(details: ErrorDetails, location: YamlPath, value: object) -> YamlPath:
    """The path of a problem: its location without the names of union members between the keys."""
    path: list[str | int] = []
    for left, part in enumerate(location, start=1 - len(location)):
        match value:
            case dict() if part in value:
                value = value[part]
            case list() if isinstance(part, int) and part < len(value):
                value = value[part]
            case _ if left or details["type"] not in _UNKNOWN | {_MISSING}:
                continue
        path.append(part)
    return tuple(path)


def _messages(group: list[ErrorDetails], typed: str | None) -> list[str]:
    """What is wrong at one path; what members of a union want of the same value makes one line."""
    wanted: list[str] = []
    choices: list[str] = []
    lines: list[str] = []
    got = ""
    for details in group:
        kind, text, context = details["type"], details["msg"], details.get("ctx", {})
        value = details["input"]
        if typed is not None and isinstance(value, int | float):
            got = typed  # 1.30, not 1.3
        elif isinstance(value, str) and re.fullmatch(_NUMERAL, value):
            got = repr(value)  # without quotes it would be taken for the number that is missed
        else:
            got = shown(value)
        if kind in _EXPECTED:
            wanted.append(_EXPECTED[kind])
        elif text.startswith(_INPUT):
            choices += re.findall("'([^']*)'", text)  # of a literal or an enum
            wanted.append(text.removeprefix(_INPUT).replace("'", ""))
        elif kind == "union_tag_invalid":
            tags = re.findall("'([^']*)'", context["expected_tags"])
            hint = did_you_mean(context["tag"], tags)
            lines.append(f"expected {_either(tags)}, got {shown(context['tag'])}{hint}")
        elif "error" in context:  # raised in a validator of ours; pydantic's text has a prefix
            lines.append(str(context["error"]))
        else:
            lines.append(text[:1].lower() + text[1:])
    if wanted:
        lines.append(f"expected {_either(wanted)}, got {got}{did_you_mean(got, choices)}")
    return [" ".join(line.splitlines()) for line in dict.fromkeys(lines)]


def _either(words: list[str]) -> str:
    *others, last = dict.fromkeys(words)
    return f"{', '.join(others)} or {last}" if others else last


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a model: the one form in which fields of every kind can be walked."""
    from pydantic.errors import PydanticInvalidForJsonSchema  # noqa: PLC0415 - only after a mistake

    try:
        return model.model_json_schema()
    except PydanticInvalidForJsonSchema:
        return {}  # a field that has no JSON form costs the suggestions, not the message


def _fields(schema: dict[str, Any], path: YamlPath) -> set[str]:
    """The keys that a mapping at `path` may have, whichever members of unions apply."""
    nodes = _members([schema], schema)
    for part in path:
        nodes = _members([child for node in nodes if (child := _child(node, part))], schema)
    return {key for node in nodes for key in node.get("properties", ())}


def _members(nodes: list[dict[str, Any]], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes of a schema with references followed and unions taken apart."""
    members: list[dict[str, Any]] = []
    while nodes:
        node = nodes.pop()
        if node not in members:
            members.append(node)
            if name := node.get("$ref", "").rpartition("/")[2]:
                nodes.append(schema["$defs"][name])
            for union in ("anyOf", "oneOf", "allOf"):
                nodes += node.get(union, ())
    return members


def _child(node: dict[str, Any], part: str | int) -> dict[str, Any] | None:
    if isinstance(part, int):
        first = node.get("prefixItems", ())
        child = first[part] if part < len(first) else node.get("items")
    else:
        child = node.get("properties", {}).get(part, node.get("additionalProperties"))
    return child if isinstance(child, dict) else None  # True and False are schemas too
