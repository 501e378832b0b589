"""YAML in and out, and every complaint about it with file, line and column.

The dialect is YAML 1.2 as people mean it. Plain scalars follow the core schema (YAML 1.2.2, section
10.3.2) with fewer numbers: decimal, without leading zeros, finite. So `on`, `no`, `1:30`,
`2024-01-01`, `0777`, `0x1F` and `.inf` are strings. Keys are strings and unique; anchors, aliases
and `<<` work within limits; tags and second documents are refused.

A value loaded here therefore has a JSON form, and every string in it can be encoded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from harness.errors import Place, ScenarioError, YamlPath, explain_validation, format_path, shown

if TYPE_CHECKING:
    import os

# With what harness.errors knows of paths and documents, so that one import is enough.
__all__ = (
    "MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "Document", "Scalar", "Value", "YamlPath", "dump",
    "explain_validation", "format_path", "load", "load_file", "parse_inline",
)  # fmt: skip

type Scalar = str | int | float | bool | None
type Value = Scalar | list[Value] | dict[str, Value]

MAX_BYTES: Final = 1024 * 1024
MAX_NODES: Final = 10_000
MAX_DEPTH: Final = 64

_MAX_NUMBER_CHARS = 64  # more than a float needs; int() raises from 4,300 digits on
_MERGE = "<<"
_SURROGATE = "[\ud800-\udfff]"  # cannot be encoded
_INT = r"[-+]?(?:0|[1-9][0-9]*)"
_FLOAT = rf"(?:{_INT}(?:\.[0-9]*)?|[-+]?\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_CONSTANTS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(frozen=True, slots=True)
class Document:
    """A loaded value, and where each part of it was written.

    Paths lead from the whole, `()`, by keys and indices counted from 0. What came through an alias
    or `<<` has the place where it was written, not where it was used.

    Args:
        file: The name the places carry.
        value: Plain Python; None when the text was empty.
        places: Where each value starts.
        key_places: Where the key of each value in a mapping starts.
        texts: Each scalar as typed, without quotes: `1.30` where the value is 1.3.
    """

    file: str
    value: Value
    places: Mapping[YamlPath, Place]
    key_places: Mapping[YamlPath, Place]
    texts: Mapping[YamlPath, str]

    def place(self, path: YamlPath) -> Place:
        """Find where a value starts, or its nearest ancestor if the document has no such value."""
        return next(
            self.places[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self.places
        )

    def key_place(self, path: YamlPath) -> Place:
        """Find where the key of a value starts; where the value does if no key leads to it."""
        return self.key_places.get(path) or self.place(path)

    def error(self, path: YamlPath, message: str) -> ScenarioError:
        """Make the error that says `message` of the value at `path`."""
        return ScenarioError(message, self.place(path), format_path(path))


def load_file(path: str | os.PathLike[str], *, is_known: bool = False) -> Document:
    """Load one YAML document from a file in UTF-8, with or without a byte order mark.

    Args:
        path: Printed in messages as given here.
        is_known: Whether the file is one of ours: it is then read by libyaml where that is there,
            in a fifth of the time. For a file of anybody else's it would not do: it takes a few
            things that the parser in Python refuses, and words its complaints otherwise.

    Raises:
        ScenarioError: The file cannot be read, or as from `load`.
    """
    file = str(path)
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = str(getattr(error, "strerror", None) or error).lower()
        raise ScenarioError(f"cannot be read: {reason}", Place(file, 1, 1)) from error
    if len(data) > MAX_BYTES:
        raise _too_long(file)
    try:
        return load(data.decode(), file, is_known=is_known)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode().removeprefix("\ufeff")
        message = f"expected UTF-8, got byte 0x{data[error.start]:02x}"
        raise ScenarioError(message, _place_after(before, file)) from error


def load(text: str, file: str, *, is_known: bool = False) -> Document:
    """Load one YAML document.

    Args:
        text: At most `MAX_BYTES` long in UTF-8. Empty gives None: whether that will do is for the
            caller to say.
        file: The name the places carry.
        is_known: See `load_file`.

    Raises:
        ScenarioError: The text is not one YAML document of the dialect above, or has more than
            `MAX_NODES` keys and values, aliases expanded, or more than `MAX_DEPTH` levels.
    """
    text = text.removeprefix("\ufeff")
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise _too_long(file)
    root = _compose_known(text, file) if is_known else _compose(text, file)
    if root is None:
        return Document(file, None, {(): Place(file, 1, 1)}, {}, {})
    expansion = _Expansion(file)
    value = expansion.expand(root, ())
    return Document(file, value, expansion.places, expansion.key_places, expansion.texts)


def parse_inline(text: str, name: str = "--through") -> Document:
    """Load YAML given on the command line; places carry the name of the option.

    Raises:
        ScenarioError: As from `load`, or there is no value in the text.
    """
    document = load(text, name)
    if document.value is None:
        raise ScenarioError("expected a value, got nothing", document.place(()))
    return document


def dump(value: object) -> str:
    """Write YAML that `load` reads as the same value: block style, mappings in the order given.

    Args:
        value: Mappings with string keys, lists, tuples (read again as lists) and scalars.

    Raises:
        TypeError: A value or a key of another type.
        ValueError: A float that is not finite, or a string that cannot be encoded.
    """
    return yaml.dump(
        _plain(value),
        Dumper=_Dumper,
        default_flow_style=False,
        sort_keys=False,
        allow_unicode=True,
        width=100,
    )


# -- reading ---------------------------------------------------------------------------------------


class _Composer(yaml.composer.Composer):
    """PyYAML's composer with bounds; its constructor, with the rules of YAML 1.1, is not used."""

    peek_event: Callable[[], Any]  # which the parser beside it has
    _file: str
    _depth = 0
    _nodes = 0

    def resolve(self, *_: object) -> str:
        """No tag at all: what a scalar is `_Expansion` says."""
        return ""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()
        place = _place(event.start_mark, self._file)
        if tag := getattr(event, "tag", None):
            short = tag.replace("tag:yaml.org,2002:", "!!")
            raise ScenarioError(f"expected no tag, got {shown(short)}", place)
        self._nodes += 1
        self._depth += 1
        # Checked here although the expansion checks again: this recurses too, and a megabyte of
        # small values takes many seconds to parse.
        _check_bounds(self._nodes, self._depth, place)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Loader(_Composer, yaml.SafeLoader):
    def __init__(self, text: str, file: str) -> None:
        self._file = file
        super().__init__(text)


if TYPE_CHECKING or not yaml.__with_libyaml__:
    _KnownLoader = _Loader
else:

    class _KnownLoader(_Composer, yaml.cyaml.CParser, yaml.resolver.Resolver):
        def __init__(self, text: str, file: str) -> None:
            self._file = file
            yaml.cyaml.CParser.__init__(self, text)
            yaml.composer.Composer.__init__(self)
            yaml.resolver.Resolver.__init__(self)


def _compose_known(text: str, file: str) -> yaml.Node | None:
    """The same of a file of ours; of one that is being written its mistakes in our own words."""
    try:
        return _compose(text, file, _KnownLoader)
    except ScenarioError:
        return _compose(text, file)


def _compose(text: str, file: str, make: type[_Loader] = _Loader) -> yaml.Node | None:
    """Parse to PyYAML's nodes, in which an alias is one node met twice."""
    loader: _Loader | None = None
    try:
        loader = make(text, file)
        return loader.get_single_node()
    except yaml.reader.ReaderError as error:
        message = f"unexpected character U+{error.character:04X}"
        raise ScenarioError(message, _place_after(text[: error.position], file)) from error
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, file) from error
    except (ValueError, OverflowError) as error:
        # Not caught by PyYAML: "\UFFFFFFFF" (chr) and a %YAML directive of 5,000 digits (int).
        place = _place(loader.get_mark(), file) if loader else Place(file, 1, 1)
        raise ScenarioError("number out of range in an escape or directive", place) from error


def _syntax_error(error: yaml.MarkedYAMLError, file: str) -> ScenarioError:
    problem = error.problem or "not YAML"
    if r"'\t' that cannot start" in problem:
        problem = "expected spaces, got a tab"
    elif problem == "but found another document":
        problem = "expected one document, got a second one"
    elif problem == "second occurrence" and error.context_mark:
        problem = f"duplicate anchor, first on line {error.context_mark.line + 1}"
    elif error.context and error.context_mark:
        problem += f" {error.context} from line {error.context_mark.line + 1}"
    mark = error.problem_mark or error.context_mark
    return ScenarioError(
        " ".join(problem.split()), _place(mark, file) if mark else Place(file, 1, 1)
    )


class _Expansion:
    """One walk over the nodes: values by the core schema, aliases expanded, places noted."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._nodes = 0
        self._open: list[yaml.Node] = []
        self.places: dict[YamlPath, Place] = {}
        self.key_places: dict[YamlPath, Place] = {}
        self.texts: dict[YamlPath, str] = {}

    def expand(self, node: yaml.Node, path: YamlPath) -> Value:
        self._enter(node)
        self.places[path] = self._place_of(node)
        value: Value
        match node:
            case yaml.ScalarNode():
                self.texts[path] = node.value
                value = self._scalar(node)
            case yaml.SequenceNode():
                value = [self.expand(item, (*path, i)) for i, item in enumerate(node.value)]
            case yaml.MappingNode():
                value = {}
                for key, (key_node, value_node) in self._pairs(node).items():
                    self.key_places[*path, key] = self._place_of(key_node)
                    value[key] = self.expand(value_node, (*path, key))
            case _:
                raise AssertionError(node)
        self._open.pop()
        return value

    def _pairs(self, node: yaml.MappingNode) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """The pairs of a mapping by key, its own first, then those merged in that it lacks."""
        own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        merged: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        first: dict[str, int] = {}
        self._nodes += len(node.value)
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key in first:
                raise self._error(
                    key_node, f"duplicate key {shown(key)}, first on line {first[key]}"
                )
            first[key] = key_node.start_mark.line + 1
            if key == _MERGE and not key_node.style:
                merged = self._merged(value_node)
            else:
                own[key] = (key_node, value_node)
        return own | {key: pair for key, pair in merged.items() if key not in own}

    def _merged(self, node: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """The pairs that `<<: node` brings; of several mappings the earlier one wins."""
        self._enter(node)
        match node:
            case yaml.MappingNode():
                merged = self._pairs(node)
            case yaml.SequenceNode() if all(isinstance(n, yaml.MappingNode) for n in node.value):
                merged = {}
                for item in node.value:
                    for key, pair in self._merged(item).items():
                        merged.setdefault(key, pair)
            case _:
                raise self._error(node, "expected a mapping or a list of mappings to merge")
        self._open.pop()
        return merged

    def _enter(self, node: yaml.Node) -> None:
        if any(node is ancestor for ancestor in self._open):
            raise self._error(node, "this value contains itself")
        self._open.append(node)
        self._nodes += 1
        _check_bounds(self._nodes, len(self._open), self._place_of(node))

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            kind = "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
            raise self._error(node, f"expected a string as key, got {kind}")
        key = self._scalar(node)
        if not isinstance(key, str):
            quote = f"; write '{node.value}'" if node.value else ""
            got = shown(node.value or None)  # 1.10, not 1.1
            raise self._error(node, f"expected a string as key, got {got}{quote}")
        return key

    def _scalar(self, node: yaml.ScalarNode) -> Scalar:
        text: str = node.value
        if not node.style:  # "" in libyaml
            if text in _CONSTANTS:
                return _CONSTANTS[text]
            if re.fullmatch(_FLOAT, text):
                return self._number(text, node)
        if re.search(_SURROGATE, text):
            raise self._error(node, "expected a whole character, got half a surrogate pair")
        return text

    def _number(self, text: str, node: yaml.ScalarNode) -> int | float:
        if len(text) <= _MAX_NUMBER_CHARS:
            number = int(text) if re.fullmatch(_INT, text) else float(text)
            if math.isfinite(number):
                return number
        raise self._error(node, f"number out of range: {shown(text)}")

    def _place_of(self, node: yaml.Node) -> Place:
        return _place(node.start_mark, self._file)

    def _error(self, node: yaml.Node, message: str) -> ScenarioError:
        return ScenarioError(message, self._place_of(node))


def _check_bounds(nodes: int, depth: int, place: Place) -> None:
    if nodes > MAX_NODES:
        limit = f"{MAX_NODES} keys and values"
    elif depth > MAX_DEPTH:
        limit = f"{MAX_DEPTH} levels"
    else:
        return
    raise ScenarioError(f"expected at most {limit}, aliases expanded", place)


def _too_long(file: str) -> ScenarioError:
    return ScenarioError("expected at most 1 MiB of YAML", Place(file, 1, 1))


def _place(mark: yaml.Mark, file: str) -> Place:
    return Place(file, mark.line + 1, mark.column + 1)


def _place_after(text: str, file: str) -> Place:
    return Place(file, text.count("\n") + 1, len(text) - text.rfind("\n"))


# -- writing ---------------------------------------------------------------------------------------


class _Dumper(yaml.SafeDumper):
    """PyYAML's writer, quoting what this dialect, and not only YAML 1.1, would read otherwise."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the name is PyYAML's
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        # What YAML 1.1 takes for line breaks too comes back whole only when it is escaped.
        style = '"' if re.search("[\r\x85\u2028\u2029]", text) else "|" if "\n" in text else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _Dumper.represent_text)
_Dumper.add_implicit_resolver("!number", re.compile(rf"(?:{_FLOAT})\Z"), None)
_SCALARS: Final = (str, int, float, bool, type(None))  # PyYAML writes no subclass of them


def _plain(value: object) -> Value:
    match value:
        case int() | float() if len(repr(value)) > _MAX_NUMBER_CHARS or not math.isfinite(value):
            raise ValueError(f"number out of range: {shown(value)}")
        case str() if re.search(_SURROGATE, value):
            raise ValueError(f"expected text that can be encoded, got {value!a}")
        case None | bool() | int() | float() | str() if type(value) in _SCALARS:
            return value
        case Mapping() if not all(isinstance(key, str) for key in value):
            raise TypeError("expected strings as keys")
        case Mapping():
            return {str(_plain(key)): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            raise TypeError(f"expected what YAML can hold, got {shown(value)}")
