"""What a model takes, as tables for the documentation: keys, values, defaults and their meaning.

All of it is read off the model: its fields, their constraints, and the `Args:` of its docstring.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAliasType, Union, get_args, get_origin

import annotated_types as at
from pydantic import BaseModel, BeforeValidator, TypeAdapter
from pydantic.fields import FieldInfo

from harness.model.base import key_of
from harness.units import Duration, Rate, Size, format_duration, format_rate, format_size

_ARG = re.compile(r"^    (\w+): (.*)$")
_ELSEWHERE = re.compile(r"See `\w+`\.")
_PLAIN = {str: "text", int: "a whole number", float: "a number", bool: "`true` or `false`"}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a model.

    Args:
        name: As YAML has it; of a mapping within, `leave.at`, of a list of them, `silence[].from`.
        takes: What may stand there, in words.
        default: What holds where it is left out, as YAML writes it; None where it is required.
        meaning: What it does.
    """

    name: str
    takes: str
    default: str | None
    meaning: str


def keys(
    model: type[BaseModel], fields: Sequence[tuple[str, FieldInfo]] | None = None
) -> Iterator[Key]:
    """Every key of a model, those of mappings within it behind their own.

    Args:
        model: The model.
        fields: Which of its fields; None: all of them.
    """
    said = _args(model)
    for name, field in model.model_fields.items() if fields is None else fields:
        key = key_of(name, field)
        written = default(field)
        # That nothing may stand there says the default already.
        words = takes(_type(field), has_null=written != "null")
        yield Key(key, words, written, _as_yaml(said.get(name, "")))
        for inner, dots in _models(_type(field)):
            if issubclass(model, inner):
                continue  # the same keys once more
            for it in keys(inner):
                yield Key(f"{key}{dots}.{it.name}", it.takes, it.default, it.meaning)


def summary(model: type[BaseModel]) -> str:
    """The first line of what a model's docstring says of it."""
    return (inspect.getdoc(model) or "").partition("\n")[0]


def takes(kind: Any, *, has_null: bool = True, is_one_enough: bool = False) -> str:
    """What a type takes, in words.

    Args:
        kind: The type.
        has_null: Whether to say that it takes null.
        is_one_enough: Whether a value that is no list is taken for a list of one.
    """
    kind, metadata = _opened(kind)
    if any(it in get_args(Duration)[1:] for it in metadata):
        return f"a time{_range(metadata, format_duration)}"
    if any(it in get_args(Size)[1:] for it in metadata):
        return f"a size{_range(metadata, format_size)}"
    if any(it in get_args(Rate)[1:] for it in metadata):
        return f"a rate{_range(metadata, format_rate)}"
    is_one_enough = is_one_enough or _takes_one(metadata)
    args = get_args(kind)
    match get_origin(kind):
        case origin if origin in (Union, UnionType):
            words = [takes(it, is_one_enough=is_one_enough) for it in args if it is not NoneType]
            words += ["`null`"] if has_null and NoneType in args else []
            return (", or " if any("," in it for it in words) else " or ").join(words)
        case origin if origin is Literal:
            return ", ".join(f"`{it}`" for it in args)
        case origin if origin in (tuple, list):
            item = takes(args[0])
            return f"{item}; one or a list" if is_one_enough else f"a list of {item}"
        case origin if origin is dict:
            return "a mapping"
        case _:
            pass
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "a mapping"
    return f"{_PLAIN[kind]}{_range(metadata, str)}"


def default(field: FieldInfo) -> str | None:
    """A field's default as YAML writes it; None where it is required."""
    if field.is_required():
        return None
    value = field.get_default(call_default_factory=True)
    # The field's own type writes it, so that a duration comes out with its unit.
    return json.dumps(TypeAdapter(_type(field)).dump_python(value, mode="json", by_alias=True))


def _type(field: FieldInfo) -> Any:
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _opened(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without its aliases, and all that is annotated on it."""
    metadata: tuple[Any, ...] = ()
    while True:
        origin = get_origin(kind)
        if origin is Annotated:
            kind, *more = get_args(kind)
            metadata += tuple(more)
        elif isinstance(kind, TypeAliasType):
            kind = kind.__value__
        elif isinstance(origin, TypeAliasType):
            kind = origin.__value__[get_args(kind)]
        else:
            return kind, tuple(_flat(metadata))


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    """Constraints one by one: `Field(ge=1, le=9)` is two."""
    for it in metadata:
        if isinstance(it, FieldInfo):
            yield from it.metadata
        else:
            yield it


def _models(kind: Any) -> Iterator[tuple[type[BaseModel], str]]:
    """The models within a type, each with how its keys are reached."""
    kind, _ = _opened(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind, ""
    dots = "[]" if get_origin(kind) in {tuple, list} else ""
    if get_origin(kind) in {Union, UnionType, tuple, list}:
        yield from ((model, dots + more) for it in get_args(kind) for model, more in _models(it))


def _takes_one(metadata: Iterable[Any]) -> bool:
    """Whether a value that is no list is taken for a list of one."""
    makers: list[Any] = [it.func for it in metadata if isinstance(it, BeforeValidator)]
    return any(make(sample) == (sample,) for make in makers for sample in (1, "x"))


def _range(metadata: Sequence[Any], write: Callable[[Any], str]) -> str:
    low = next((it.ge for it in metadata if isinstance(it, at.Ge)), None)
    high = next((it.le for it in metadata if isinstance(it, at.Le)), None)
    above = next((it.gt for it in metadata if isinstance(it, at.Gt)), None)
    if above is not None:
        return f", more than {0 if above == 0 else write(above)}"
    if high is not None:
        return f", {write(low or 0)} to {write(high)}"
    return f", {write(low)} or more" if low else ""


def _args(model: type[BaseModel]) -> dict[str, str]:
    """What the docstrings say of each field: that of the class first, then those it points to."""
    said: dict[str, str] = {}
    for base in model.__mro__:
        for name, text in _parsed(inspect.cleandoc(base.__doc__ or "")):
            if _ELSEWHERE.match(said.get(name, "See `it`.")):
                said[name] = text
    return said


def _parsed(doc: str) -> Iterator[tuple[str, str]]:
    _, _, args = doc.partition("\nArgs:\n")
    name, words = "", ""
    for line in args.splitlines():
        found = _ARG.match(line)
        if found or not line.startswith("    "):
            if name:
                yield name, words
            name, words = (found[1], found[2]) if found else ("", "")
            if not found:
                return
        else:
            words += f" {line.strip()}"
    if name:
        yield name, words


def _as_yaml(text: str) -> str:
    """Prose about Python as prose about YAML, where a time has its unit with it."""
    text = re.sub(r"\bNone, in YAML ", "", text)
    text = re.sub(r",? in seconds\b", "", text)
    return re.sub(r"\bNone\b", "`null`", text)
