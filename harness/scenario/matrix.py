"""`matrix:`: one scenario, several values at a path, one case for each combination.

Values are filled in where the scenario's document has them, before it is checked: so each
combination is checked like a file of its own, and what is wrong with it has the place of the value
in the matrix.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import prod

from harness.errors import ScenarioError, did_you_mean, shown
from harness.yamlio import Document, Value, YamlPath, format_path

MAX_CASES = 500

_STEP = re.compile(r"(?:^|\.)([^.\[\]]+)|\[([0-9]{1,4})\]")
# What a case is, rather than what happens in it.
_FIXED = ("id", "matrix", "source", "twin", "why")


type Chosen = tuple[tuple[str, str], ...]
"""Paths as the matrix writes them, each with the name of the value chosen."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """One path of a matrix, and how each of its values is called in ids."""

    text: str
    path: YamlPath
    labels: tuple[str, ...]


def fill(document: Document) -> Iterator[tuple[Chosen, Document]]:
    """Fill in every combination, the last path's values changing fastest.

    Returns:
        Which values were chosen, and the document with them: its places lead to the matrix. The
        document itself when there is no matrix.

    Raises:
        ScenarioError: The matrix is not a mapping of paths to lists, a path leads nowhere, two
            combinations have one name, or there are more than `MAX_CASES` of them.
    """
    document, axes = _axes(document)
    seen: set[str] = set()
    for indices in product(*(range(len(axis.labels)) for axis in axes)):
        filled = document
        for axis, index in zip(axes, indices, strict=True):
            filled = _with_value(filled, axis, index)
        chosen = tuple(
            (axis.text, axis.labels[index]) for axis, index in zip(axes, indices, strict=True)
        )
        name = ",".join(label for _, label in chosen)
        if name in seen:
            raise document.error(("matrix",), f"two combinations have the name {shown(name)}")
        seen.add(name)
        yield chosen, filled


def _axes(document: Document) -> tuple[Document, list[_Axis]]:
    """The axes, and the document with a mapping wherever one of them leads through a bare name."""
    root = document.value
    matrix = root.get("matrix") if isinstance(root, dict) else None
    if not matrix:
        return document, []
    if not isinstance(matrix, dict):
        raise document.error(("matrix",), f"expected a mapping of paths, got {shown(matrix)}")
    axes: list[_Axis] = []
    for text, values in matrix.items():
        path = _parsed(document, text)
        document, path = _opened(document, path)
        axes.append(_axis(document, text, path, values))
    for before, axis in ((before, axis) for at, axis in enumerate(axes) for before in axes[:at]):
        shorter = min(len(before.path), len(axis.path))
        if before.path[:shorter] == axis.path[:shorter]:
            raise _at_key(document, axis.text, f"overlaps {before.text}")
    combinations = prod(len(axis.labels) for axis in axes)
    if combinations > MAX_CASES:
        message = f"expected at most {MAX_CASES} combinations, got {combinations}"
        raise document.error(("matrix",), message)
    return document, axes


def _axis(document: Document, text: str, path: YamlPath, values: Value) -> _Axis:
    if not isinstance(values, list) or not values:
        message = (
            f"expected a list of values, got {'an empty one' if values == [] else shown(values)}"
        )
        raise document.error(("matrix", text), message)
    _check_leads_somewhere(document, text, path)
    labels = [_label(document, ("matrix", text, index)) for index in range(len(values))]
    for index, label in enumerate(labels):
        if label in labels[:index]:
            raise document.error(("matrix", text, index), f"duplicate value {shown(label)}")
    return _Axis(text, path, tuple(labels))


def _opened(document: Document, path: YamlPath) -> tuple[Document, YamlPath]:
    """The document and a path into a hop, where it names a product, with room for settings.

    `through: [nginx@1.22]` becomes `[{nginx@1.22: {}}]`, and the path by the bare name, as in
    `through[0].nginx.gzip`, one by the name that is written.
    """
    match path:
        case ("through", int(at), str(name), _, *_):
            pass
        case _:
            return document, path
    value = copy.deepcopy(document.value)
    hops = value.get("through") if isinstance(value, dict) else None
    if not isinstance(hops, list) or at >= len(hops):
        return document, path
    hop = hops[at]
    keys = [hop] if isinstance(hop, str) else [*hop] if isinstance(hop, dict) else []
    key = next((it for it in keys if name in {it, it.partition("@")[0]}), None)
    if key is None:
        return document, path
    if isinstance(hop, str):
        hops[at] = {key: {}}
    elif isinstance(hop, dict) and hop[key] is None:
        hop[key] = {}
    return replace(document, value=value), (*path[:2], key, *path[3:])


def _parsed(document: Document, text: str) -> YamlPath:
    steps = list(_STEP.finditer(text))
    if not steps or "".join(step[0] for step in steps) != text:
        message = f"expected a path such as through[0].idle_timeout.after, got {shown(text)}"
        raise _at_key(document, text, message)
    return tuple(int(step[2]) if step[2] else step[1] for step in steps)


def _check_leads_somewhere(document: Document, text: str, path: YamlPath) -> None:
    """A setting that is not written may be filled in; a fault, a hop, or what is above may not."""
    if path[0] in _FIXED:
        raise _at_key(document, text, f"{path[0]} is the same for every case of a matrix")
    value = document.value
    for depth, step in enumerate(path):
        is_fault = path[0] == "through" and depth == 2
        match value, step:
            case dict(), str() if step in value:
                value = value[step]
            case dict(), str() if depth == len(path) - 1 and not is_fault:
                return
            case list(), int() if step < len(value):
                value = value[step]
            case _:
                raise _at_key(document, text, _nowhere(path[: depth + 1], value))


def _nowhere(path: YamlPath, value: Value) -> str:
    hint = did_you_mean(str(path[-1]), value) if isinstance(value, dict) else ""
    return f"leads nowhere: there is no {format_path(path)} in this scenario{hint}"


def _label(document: Document, path: YamlPath) -> str:
    """A value in an id: as typed, without blanks; a nested one in YAML's flow style.

    A thing with settings, `{envoy: {route_timeout: 0s}}`, is `envoy{route_timeout:0s}`.
    """
    value = _at(document.value, path)
    match value:
        case dict() if len(value) == 1 and isinstance(next(iter(value.values())), dict):
            (name,) = value
            return f"{_unbroken(name)}{_label(document, (*path, name))}"
        case dict():
            pairs = (f"{_unbroken(key)}:{_label(document, (*path, key))}" for key in value)
            return f"{{{','.join(pairs)}}}"
        case list():
            inner = ",".join(_label(document, (*path, index)) for index in range(len(value)))
            return f"[{inner}]"
        case None:
            return "null"
        case _:
            return _unbroken(document.texts[path]) or "''"


def _unbroken(text: str) -> str:
    return re.sub(r"\s+", "_", text.strip())


def _with_value(document: Document, axis: _Axis, index: int) -> Document:
    """The document with one value of the matrix at its path, places included."""
    source: YamlPath = ("matrix", axis.text, index)
    value = copy.deepcopy(document.value)
    parent = _at(value, axis.path[:-1])
    parent[axis.path[-1]] = copy.deepcopy(_at(value, source))  # type: ignore[index]  # checked by _check_leads_somewhere
    return Document(
        document.file,
        value,
        _moved(document.places, source, axis.path),
        _moved(document.key_places, source, axis.path),
        _moved(document.texts, source, axis.path),
    )


def _moved[T](known: Mapping[YamlPath, T], source: YamlPath, to: YamlPath) -> dict[YamlPath, T]:
    """What is known of the paths from `source` on, said of the paths from `to` on."""
    kept = {path: it for path, it in known.items() if path[: len(to)] != to or path == to}
    moved = {
        (*to, *path[len(source) :]): it
        for path, it in known.items()
        if path[: len(source)] == source
    }
    return kept | moved


def _at(value: Value, path: YamlPath) -> Value:
    for step in path:
        value = value[step]  # type: ignore[index]  # the path was found in this value
    return value


def _at_key(document: Document, text: str, message: str) -> ScenarioError:
    path: YamlPath = ("matrix", text)
    return ScenarioError(message, document.key_place(path), format_path(path))
