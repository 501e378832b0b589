from __future__ import annotations

import ast
import math
from typing import Never

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.products.expression import MAX_CHARS, Expression, ExpressionError, parse
from harness.products.values import Bytes, Seconds, Typed

NAMES: dict[str, Typed] = {
    "timeout": Seconds(60),
    "size": Bytes(4096),
    "buffering": True,
    "types": ("text/html", "text/event-stream"),
    "version": "1.1",
    "retries": 3,
    "unset": None,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("timeout", Seconds(60)),
        ("buffering and not unset", True),
        ("unset or version", "1.1"),
        ("buffering or nothing_of_that_name", True),
        ("'text/event-stream' in types", True),
        ("'Text/Event-Stream' in types", True),
        ("'Text' in version", False),
        ("5 not in types", True),
        ("version not in ('1.0', '1.1')", False),
        ("1 < retries <= 3", True),
        ("1 < retries < 3", False),
        ("timeout if buffering else None", Seconds(60)),
        ("-retries + 5 - 1", 1),
        ("timeout / 2", Seconds(30)),
        ("2 * timeout + timeout", Seconds(180)),
        ("timeout / timeout", 1.0),
        ("size / 2", Bytes(2048)),
        ("never", Seconds(math.inf)),
        ("timeout < never", True),
        ("  retries  ", 3),
    ],
)
def test_an_expression_has_a_value(text: str, value: Typed) -> None:
    found = parse(text).value(NAMES)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "timeout.real",
        "types[0]",
        "f'{timeout}'",
        "lambda: 1",
        "[it for it in types]",
        "{**types}",
        "{1, 2}",
        "(a := 1)",
        "await a",
        "(yield)",
        "*types,",
        "2 ** 64",
        "retries << 9",
        "7 // 2",
        "7 % 2",
        "~retries",
        "buffering is True",
        "b'x'",
        "1j",
        "...",
        "",
        "1 +",
        "a; b",
        "a\nb",
        "timeout = 5",
        "1if buffering else 2",
        "'\\d'",
        "\0",
        "(" * 300,
        "1" * (MAX_CHARS + 1),
    ],
)
def test_anything_else_is_refused_when_it_is_parsed(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


def test_a_name_with_the_sign_of_settings_is_told_to_be_written_without() -> None:
    wanted = r"^expected an expression, got not \$retries; did you mean not retries\?$"
    with pytest.raises(ExpressionError, match=wanted):
        parse("not $retries")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("timout", "unknown setting timout; did you mean timeout?"),
        ("timeout + 1", "expected values whose units go together"),
        ("timeout * timeout", "expected values whose units go together"),
        ("1 / timeout", "expected values whose units go together"),
        ("timeout + size", "expected values whose units go together"),
        ("size / 3", "expected a whole number of bytes, got 1365.33"),
        ("retries / 0", "division by zero"),
        ("version * 9", "expected a number, got 1.1"),
        ("buffering + 1", "expected a number, got true"),
        ("unset < 5", "not supported between instances"),
        ("5 in unset", "not iterable"),
    ],
)
def test_what_makes_no_sense_is_said(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text).value(NAMES)
    assert message in str(caught.value)


def test_its_names_are_settings_only() -> None:
    assert parse("a if b > never else 'c'").names == {"a", "b"}


@pytest.mark.parametrize(
    ("text", "is_so"), [("timeout / 2", True), ("-1", True), ("a == '2'", False), ("True", False)]
)
def test_a_number_in_it_is_found(text: str, is_so: bool) -> None:
    assert parse(text).has_number is is_so


# -- nothing is ever run ---------------------------------------------------------------------------


class Trap(str):
    """A value that must not be touched in any way that runs code of its own."""

    __slots__ = ()

    def __call__(self, *_: object) -> Never:
        raise AssertionError("called")

    def __getitem__(self, _: object) -> Never:
        raise AssertionError("indexed")


_ATOMS = st.sampled_from(
    ["trap", "timeout", "print", "__builtins__", "1", "'x'", "None", "()", "(1,)", "-1", "never"]
)
_SHAPES = st.sampled_from(
    [
        "{0}({1})", "{0}[{1}]", "{0}.a", "{0}.__class__", "lambda: {0}", "[{0} for x in {1}]",
        "{{{0}: {1}}}", "f'{{{0}}}'", "({0} := {1})", "{0}({1}, *{1})", "{0} ** {1}", "{0} is {1}",
        "{0} + {1}", "{0} / {1}", "{0} and {1}", "not {0}", "{0} < {1}", "{0} in {1}",
        "{0} if {1} else {0}", "({0}, {1})", "{0} @ {1}", "await {0}",
    ]
)  # fmt: skip
_PROGRAMS = st.recursive(
    _ATOMS,
    lambda inner: st.builds(lambda shape, a, b: shape.format(a, b), _SHAPES, inner, inner),
    max_leaves=6,
)
_FORBIDDEN = (
    ast.Call, ast.Attribute, ast.Subscript, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp,
    ast.GeneratorExp, ast.Dict, ast.Set, ast.JoinedStr, ast.NamedExpr, ast.Starred, ast.Await,
    ast.Yield, ast.YieldFrom, ast.Pow, ast.Is, ast.IsNot, ast.MatMult, ast.Invert, ast.LShift,
)  # fmt: skip


def parsed(text: str) -> Expression | None:
    try:
        return parse(text)
    except ExpressionError:
        return None


@given(_PROGRAMS)
def test_nothing_that_is_not_in_the_list_is_ever_computed(text: str) -> None:
    found = parsed(text)
    if found is None:
        return
    assert not any(isinstance(node, _FORBIDDEN) for node in ast.walk(found.tree))
    try:
        value = found.value({"trap": Trap("x"), "timeout": Seconds(1)})
    except ExpressionError:
        return
    assert isinstance(value, str | int | float | tuple) or value is None


@given(st.text(max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    found = parsed(text)
    assert found is None or found.text == text
