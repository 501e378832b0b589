"""YAML in and out: the dialect, its bounds, and where things stand."""

from __future__ import annotations

import re
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness import yamlio
from harness.errors import Place, ScenarioError
from harness.yamlio import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_NODES,
    Value,
    dump,
    load,
    load_file,
    parse_inline,
)

SETTINGS = settings(max_examples=100, deadline=None, derandomize=True)


def refusal(text: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        load(text, "x.yaml")
    assert caught.value.place is not None
    return str(caught.value)


# -- the dialect -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("# only a comment\n", None), ("---\n", None), ("~", None), ("null", None),
        ("true", True), ("False", False), ("0", 0), ("-12", -12), ("+12", 12),
        ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0), ("-1.5E-3", -0.0015),
        ("a: 1\nb: [x, {c: y}]", {"a": 1, "b": ["x", {"c": "y"}]}), ("a:", {"a": None}),
        ("- |\n  two\n  lines\n", ["two\nlines\n"]), ("'1'", "1"), ('"tr\\u00fce"', "trüe"),
        ("\ufeffa: 1", {"a": 1}), ("a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
        ("%YAML 1.2\n---\na", "a"), ("on: off", {"on": "off"}),
    ],
)  # fmt: skip
def test_loads(text: str, value: Value) -> None:
    loaded = load(text, "x.yaml").value

    assert (type(loaded), loaded) == (type(value), value)


@pytest.mark.parametrize(
    "text",
    [
        "on", "off", "yes", "no", "y", "n", "Yes", "ON", "tRUE", "nULL", "1:30", "1:30:00",
        "190:20:30.15", "2024-01-01", "2024-01-01T00:00:00Z", "0777", "-0777", "00", "0o17", "0x1F",
        "0b1", "1_000", ".inf", "-.inf", ".nan", "nan", "inf", "1e", "1.2.3", ".", "+", "=",
        "30s", "4KiB",
    ],
)  # fmt: skip
def test_what_only_looks_like_something_else_is_a_string(text: str) -> None:
    assert load(text, "x.yaml").value == text


# -- places ----------------------------------------------------------------------------------------

SCENARIO = """\
id: idle/quiet
through:
  - nginx: {proxy_read_timeout: 1.30}
  - [a, 'b']
"""


@pytest.mark.parametrize(
    ("path", "line", "col"),
    [
        ((), 1, 1), (("id",), 1, 5), (("through",), 3, 3), (("through", 0), 3, 5),
        (("through", 0, "nginx"), 3, 12), (("through", 1, 1), 4, 9),
        (("through", 0, "nginx", "proxy_read_timeout"), 3, 33),
        (("through", 0, "nginx", "no such", 3), 3, 12),  # the nearest ancestor
        (("nowhere",), 1, 1),
    ],
)  # fmt: skip
def test_every_value_has_a_place(path: tuple[str | int, ...], line: int, col: int) -> None:
    assert load(SCENARIO, "x.yaml").place(path) == Place("x.yaml", line, col)


def test_every_key_has_a_place() -> None:
    document = load(SCENARIO, "x.yaml")

    assert document.key_place(("through", 0, "nginx")) == Place("x.yaml", 3, 5)
    assert document.key_place(("through", 1)) == document.place(("through", 1))  # no key


def test_a_scalar_is_kept_as_it_was_typed() -> None:
    document = load(SCENARIO, "x.yaml")

    assert document.texts["through", 0, "nginx", "proxy_read_timeout"] == "1.30"
    assert document.texts["through", 1, 1] == "b"
    assert ("through",) not in document.texts


@pytest.mark.parametrize(("text", "key", "col"), [("\ufeffa: 1", "a", 4), ("é😀: 1", "é😀", 5)])
def test_columns_count_characters_but_no_byte_order_mark(text: str, key: str, col: int) -> None:
    assert load(text, "x.yaml").place((key,)) == Place("x.yaml", 1, col)


def test_a_document_makes_errors_about_its_parts() -> None:
    error = load(SCENARIO, "x.yaml").error(("through", 1, 0), "no such product")

    assert str(error) == "x.yaml:4:6: through[1][0]: no such product"


# -- aliases and merges ----------------------------------------------------------------------------


def test_an_alias_is_the_value_with_the_place_where_it_is_written() -> None:
    document = load("a: &x {k: 1}\nb: *x\n", "x.yaml")

    assert document.value == {"a": {"k": 1}, "b": {"k": 1}}
    assert document.place(("b", "k")) == Place("x.yaml", 1, 11)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{<<: {a: 1, b: 2}, b: 3}", {"b": 3, "a": 1}),
        ("{b: 3, <<: [{a: 1}, {a: 2, c: 4}]}", {"b": 3, "a": 1, "c": 4}),
        ("{<<: {<<: {a: 1}, b: 2}}", {"b": 2, "a": 1}),
        ("{'<<': 1}", {"<<": 1}),
        ("{<<: []}", {}),
    ],
)
def test_a_merge_adds_the_keys_a_mapping_lacks(text: str, value: Value) -> None:
    assert load(text, "x.yaml").value == value


def test_a_merged_value_has_the_place_where_it_is_written() -> None:
    document = load("base: &x\n  k: 1\nuse:\n  <<: *x\n", "x.yaml")

    assert document.place(("use", "k")) == Place("x.yaml", 2, 6)
    assert document.key_place(("use", "k")) == Place("x.yaml", 2, 3)


def nine_times_each(first: str, template: str) -> str:
    lines = [f"- &a {first}\n"]
    for before, name in zip("abcdefghij", "bcdefghijk", strict=True):
        lines.append(f"- &{name} {template}\n".replace("...", ", ".join([f"*{before}"] * 9)))
    return "".join(lines)


TOO_MANY = f"expected at most {MAX_NODES} keys and values, aliases expanded"
TOO_DEEP = f"expected at most {MAX_DEPTH} levels, aliases expanded"


@pytest.mark.parametrize(
    "bomb",
    [
        nine_times_each("[1]", "[...]"),
        nine_times_each("{k: 1}", "{<<: [...]}"),
        f"a: &a {{{', '.join(f'k{n}: 1' for n in range(500))}}}\nb: {{<<: [{'*a, ' * 500}]}}",
    ],
    ids=["aliases", "merges", "wide merges"],
)
def test_an_alias_bomb_is_refused(bomb: str) -> None:
    assert refusal(bomb).endswith(TOO_MANY)


def test_a_flat_document_has_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yamlio, "MAX_NODES", 100)

    assert load("- 1\n" * 99, "x.yaml").value == [1] * 99
    assert refusal("- 1\n" * 100).startswith("x.yaml:100:3: expected at most 100 keys and values")


def test_a_document_has_a_largest_depth() -> None:
    assert load("[" * MAX_DEPTH + "]" * MAX_DEPTH, "x.yaml").place((0,) * 63).col == MAX_DEPTH
    assert refusal("[" * 200) == f"x.yaml:1:{MAX_DEPTH + 1}: {TOO_DEEP}"


def test_depth_counts_through_aliases() -> None:
    half = MAX_DEPTH // 2 + 1
    text = f"[&a {'[' * half}{']' * half}, {'[' * half}*a{']' * half}]"

    assert refusal(text).endswith(TOO_DEEP)


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1: duplicate key a, first on line 1"),
        ("{a: 1, 'a': 2}", "1:8: duplicate key a, first on line 1"),
        ("<<: {a: 1}\n<<: {b: 1}\n", "2:1: duplicate key <<, first on line 1"),
        ("a:\n\tb: 1\n", "2:1: expected spaces, got a tab"),
        ("a:\n  \t- 1\n", "2:3: expected spaces, got a tab"),
        ("\ta: 1\n", "1:1: expected spaces, got a tab"),
        ("a: 1\n---\nb: 2\n", "2:1: expected one document, got a second one"),
        ("80: a", "1:1: expected a string as key, got 80; write '80'"),
        ("a: {1.10: a}", "1:5: expected a string as key, got 1.10; write '1.10'"),
        ("true: a", "1:1: expected a string as key, got true; write 'true'"),
        ("~: a", "1:1: expected a string as key, got ~; write '~'"),
        ("{? : a}", "1:3: expected a string as key, got nothing"),
        ("? [a]\n: b", "1:3: expected a string as key, got a list"),
        ("? {a: b}\n: c", "1:3: expected a string as key, got a mapping"),
        ("a: !!python/object/apply:os.system [ls]", "1:4: expected no tag, got !!python/object"),
        ("a: !!str 1", "1:4: expected no tag, got !!str"),
        ("a: ! 1", "1:4: expected no tag, got !"),
        ("a: *b", "1:4: found undefined alias 'b'"),
        ("a: &b 1\nc: &b 2", "2:4: duplicate anchor, first on line 1"),
        ("&a [*a]", "1:1: this value contains itself"),
        ("&a {b: {<<: *a}}", "1:1: this value contains itself"),
        ("<<: 1", "1:5: expected a mapping or a list of mappings to merge"),
        ("<<: [{a: 1}, 2]", "1:5: expected a mapping or a list of mappings to merge"),
        ("a: b: c", "1:5: mapping values are not allowed here"),
        ("a: 'b", "1:6: found unexpected end of stream while scanning a quoted scalar from line"),
        ("a: @b", "1:4: found character '@' that cannot start any token"),
        ("a: 1\nb: \x00", "2:4: unexpected character U+0000"),
        ("\ufeffa: \ud800", "1:4: unexpected character U+D800"),
        ('a: "\\ud800"', "1:4: expected a whole character, got half a surrogate pair"),
        ('a: "\\UFFFFFFFF"', "1:7: number out of range in an escape or directive"),
        (f"%YAML {'1' * 5000}.1\n---\na", "1:7: number out of range in an escape or directive"),
        ("a: 1e999", "1:4: number out of range: 1e999"),
        ("a: " + "1" * 5000, "1:4: number out of range: " + "1" * 60 + "…"),
    ],
)
def test_is_refused_in_one_line_with_its_place(text: str, line: str) -> None:
    message = refusal(text)

    assert message.startswith(f"x.yaml:{line}")
    assert "\n" not in message


def test_more_than_a_mebibyte_is_refused() -> None:
    assert refusal("ü" * (MAX_BYTES // 2 + 1)) == "x.yaml:1:1: expected at most 1 MiB of YAML"


SYNTAX = [
    *"\n\t :-?[]{},#&*!|>'\"%@`\\ab01~=<.é\r\x00\x85\u2028\ufeff\U0001f600",
    "  ", "- ", ": ", "? ", "&a ", "*a ", "<<: ", "|2-\n", "---\n", "...\n", "%YAML 1.1\n",
    "%TAG ! x\n", "\\x", "\\u", "\\UFFFFFFFF", "!!str ", "!<", "null", "true", "\ud800",
]  # fmt: skip


@SETTINGS
@given(st.text() | st.lists(st.sampled_from(SYNTAX), max_size=30).map("".join))
@example("\\\n\x00{")
def test_any_text_is_a_value_or_one_line_with_a_place(text: str) -> None:
    line = "x.yaml:1:1: a value"
    try:
        load(text, "x.yaml")
    except ScenarioError as error:
        line = str(error)

    assert re.fullmatch(r"x\.yaml:[1-9][0-9]*:[1-9][0-9]*: [^\n]+", line)


# -- files and the command line --------------------------------------------------------------------


def test_a_file_is_loaded_under_the_name_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes("\ufeffwhy: grüße\n".encode())

    document = load_file(path)

    assert document.value == {"why": "grüße"}
    assert document.place(("why",)) == Place(str(path), 1, 6)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"a: 1\nb: \xff\n", "2:4: expected UTF-8, got byte 0xff"),
        (b"\xef\xbb\xbf\xc3\xbc: \xff", "1:4: expected UTF-8, got byte 0xff"),
        ("a: 1".encode("utf-16"), "1:1: expected UTF-8, got byte 0xff"),
        (b"a: \xc3", "1:4: expected UTF-8, got byte 0xc3"),
        (b"a: [", "1:5: expected the node content"),
        (b"#" * (MAX_BYTES + 1), "1:1: expected at most 1 MiB of YAML"),
    ],
    ids=["latin-1", "after a mark", "utf-16", "cut short", "not yaml", "too long"],
)
def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path, data: bytes, line: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(data)

    with pytest.raises(ScenarioError) as caught:
        load_file(path)

    assert str(caught.value).startswith(f"{path}:{line}")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("missing.yaml", "missing.yaml:1:1: cannot be read: no such file or directory"),
        (".", ".:1:1: cannot be read: is a directory"),
        ("\x00", "\x00:1:1: cannot be read: "),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, line: str
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ScenarioError) as caught:
        load_file(name)

    assert str(caught.value).startswith(line)


def test_yaml_on_the_command_line_is_placed_in_its_option() -> None:
    document = parse_inline("[cloudflare, {nginx: {proxy_read_timeout: 5s}}]")

    assert document.value == ["cloudflare", {"nginx": {"proxy_read_timeout": "5s"}}]
    assert document.place((1, "nginx")) == Place("--through", 1, 22)


@pytest.mark.parametrize("text", ["", "  ", "null", "# nginx"])
def test_an_option_needs_a_value(text: str) -> None:
    with pytest.raises(ScenarioError, match=r"^--hop:1:1: expected a value, got nothing$"):
        parse_inline(text, "--hop")


# -- writing ---------------------------------------------------------------------------------------


def test_dumps_in_block_style_and_in_the_order_given() -> None:
    value = {"why": "a quiet feed dies", "id": "x", "through": ["nginx", {"real": {"n": 1}}]}

    assert dump(value) == ("why: a quiet feed dies\nid: x\nthrough:\n- nginx\n- real:\n    n: 1\n")


def test_dumps_a_text_of_several_lines_as_a_block() -> None:
    assert dump({"script": "a: 1\nb: 2\n"}) == "script: |\n  a: 1\n  b: 2\n"


def test_dumps_a_list_met_twice_in_full() -> None:
    hops = ("nginx",)  # a tuple, written as a list

    assert dump({"a": hops, "b": hops}) == "a:\n- nginx\nb:\n- nginx\n"


TEXTS = st.text() | st.sampled_from(
    ["1e3", "+1", "1.", "on", "1:30", "~", "", "<<", "=", " ", "\n"]
)
NUMBERS = st.integers(-(2**64), 2**64) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(TEXTS, values, max_size=4),
    max_leaves=12,
)


@SETTINGS
@given(VALUES)
@example({"a": "1e3", "b": "+1", "1": "true", "on": 1})
@example(["a\n\nb  \n c\t\n", "\x85", "\u2028", "\ufeff", "\r\n", "é" * 200])
def test_what_was_dumped_loads_the_same(value: Any) -> None:
    loaded = load(dump(value), "x.yaml").value

    assert (type(loaded), loaded) == (type(value), value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({1: "a"}, "expected strings as keys"),
        ({"a": object()}, "expected what YAML can hold, got a value of type object"),
        (HTTPStatus.OK, "expected what YAML can hold, got <HTTPStatus.OK: 200>"),
    ],
)
def test_what_yaml_cannot_hold_is_a_type_error(value: object, message: str) -> None:
    with pytest.raises(TypeError, match=f"^{message}$"):
        dump(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("inf"), "number out of range: inf"),
        ([float("nan")], "number out of range: nan"),
        (10**400, "number out of range: 1000"),
        ("\ud800", "expected text that can be encoded"),
        ({"\ud800": 1}, "expected text that can be encoded"),
    ],
)
def test_what_would_not_load_again_is_a_value_error(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        dump(value)
