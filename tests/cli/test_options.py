from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli import options
from harness.errors import UsageError
from harness.wire.headers import Headers


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        (None, None, "GET"),
        (None, "a=b", "POST"),
        (None, "", "POST"),
        ("PUT", None, "PUT"),
        ("GET", "a=b", "GET"),
        ("delete", None, "DELETE"),
        ("M-SEARCH", None, "M-SEARCH"),
    ],
)
def test_the_method_is_the_one_curl_chooses(
    name: str | None, body: str | None, expected: str
) -> None:
    assert options.method(name, body) == expected


@pytest.mark.parametrize("name", ["", "B AD", "GET\r\nX: y", "GÉT", "(x)"])
def test_what_is_no_method_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"^-X .*: expected a method such as POST$"):
        options.method(name, None)


FORM = ("Content-Type", "application/x-www-form-urlencoded")


@pytest.mark.parametrize(
    ("lines", "body", "expected"),
    [
        (None, None, ()),
        ([], None, ()),
        (["A: b"], None, (("A", "b"),)),
        (["a:b:c"], None, (("a", "b:c"),)),
        (["  X-Name  :\tvalue with blanks\t"], None, (("X-Name", "value with blanks"),)),
        (["A:"], None, (("A", ""),)),
        (["A: 1", "B: 2", "A: 3"], None, (("A", "1"), ("B", "2"), ("A", "3"))),
        (["A: caf\xe9"], None, (("A", "caf\xe9"),)),
        (None, "a=b", (FORM,)),
        (None, "", (FORM,)),
        (["A: b"], "a=b", (("A", "b"), FORM)),
        (["content-type: application/json"], "{}", (("content-type", "application/json"),)),
    ],
)
def test_header_fields_are_what_curl_sends(
    lines: list[str] | None, body: str | None, expected: Headers
) -> None:
    assert options.headers(lines, body) == expected


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("nocolon", "-H 'nocolon': expected 'Name: value'"),
        (": b", "-H ': b': expected 'Name: value'"),
        ("", "-H '': expected 'Name: value'"),
        ("a b: c", "-H a b: expected a name without blanks in it"),
        ("Token: s3c\r\nret: x", "-H Token: expected a value without line ends in it"),
        ("A: b\0c", "-H A: expected a value without line ends in it"),
    ],
)  # fmt: skip
def test_what_is_no_header_field_is_refused_without_its_value(line: str, why: str) -> None:
    with pytest.raises(UsageError) as refused:
        options.headers(["Good: one", line], None)
    assert str(refused.value) == why


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (None, None),
        ([], None),
        ([""], ""),
        (["a=1", "b=2"], "a=1&b=2"),
        (["@body.txt"], "one\ttwo"),
        (["x", "@body.txt"], "x&one\ttwo"),
        (["a@body.txt"], "a@body.txt"),
    ],
)
def test_a_body_is_what_curl_makes_of_its_data(
    parts: list[str] | None,
    expected: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "body.txt").write_bytes(b"one\t\r\ntwo\n\0")
    assert options.body(parts) == expected


def test_bytes_of_a_file_that_are_no_text_are_sent_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "body.bin").write_bytes(b"\xff\x00\xc3")
    body = options.body([f"@{tmp_path}/body.bin"])
    assert body is not None
    assert body.encode(errors="surrogateescape") == b"\xff\xc3"


def test_a_file_that_is_not_there_is_one_line() -> None:
    with pytest.raises(UsageError) as refused:
        options.body(["@no/such"])
    assert str(refused.value) == "-d @no/such: no such file or directory"
