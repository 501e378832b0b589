"""What the encoder writes, the parser reads back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.wire.sse import Comment, Empty, Event, Item, Parser, Retry, encode, encode_comment

SETTINGS = settings(max_examples=100, deadline=None, derandomize=True)

# No surrogates: UTF-8 has none.
LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=20)
TEXTS = st.lists(LINES, min_size=1, max_size=4).map("\n".join)
IDS = LINES.filter(lambda text: "\0" not in text)


@pytest.mark.parametrize(
    ("block", "written"),
    [
        (encode("hi"), b"data: hi\n\n"),
        (encode(""), b"data: \n\n"),
        (encode("a\n\n b\n"), b"data: a\ndata: \ndata:  b\ndata: \n\n"),
        (encode("é\0"), b"data: \xc3\xa9\0\n\n"),
        (
            encode("x", event="tick", id="7", retry_ms=0, comment="c"),
            b": c\nid: 7\nevent: tick\nretry: 0\ndata: x\n\n",
        ),
        (encode(None, id=""), b"id: \n\n"),
        (encode(None, retry_ms=3000), b"retry: 3000\n\n"),
        (encode_comment("hb"), b": hb\n\n"),
        (encode_comment(""), b": \n\n"),
    ],
    ids=["data", "empty", "lines", "utf-8", "all", "id", "retry", "comment", "empty-comment"],
)
def test_a_block_is_written_so(block: bytes, written: bytes) -> None:
    assert block == written


@pytest.mark.parametrize("line_end", ["\r", "\n", "\r\n"], ids=["cr", "lf", "crlf"])
@pytest.mark.parametrize("name", ["event", "id", "comment"])
def test_a_line_end_in_a_field_of_one_line_is_refused(name: str, line_end: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected no line end"):
        encode("x", **{name: f"a{line_end}b"})  # type: ignore[arg-type]  # one of three str names


@pytest.mark.parametrize("data", ["a\rb", "a\r\nb", "\r"], ids=["cr", "crlf", "alone"])
def test_a_cr_in_data_is_refused_for_it_would_come_out_as_lf(data: str) -> None:
    with pytest.raises(ValueError, match="data: expected no line end"):
        encode(data)


def test_a_nul_in_an_id_is_refused_for_the_parser_ignores_such_an_id() -> None:
    with pytest.raises(ValueError, match="id: expected no NUL"):
        encode("x", id="1\0")


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        encode("\ud800")


def test_a_negative_retry_is_refused() -> None:
    with pytest.raises(ValueError, match="retry_ms: expected 0 or more, got -1"):
        encode("x", retry_ms=-1)


def test_a_block_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a field or a comment"):
        encode(None)


@SETTINGS
@given(
    data=st.none() | TEXTS,
    event=st.none() | LINES,
    event_id=st.none() | IDS,
    retry_ms=st.none() | st.integers(0, 2**63 - 1),
    comment=LINES,
)
def test_whatever_is_written_is_read_back(
    data: str | None, event: str | None, event_id: str | None, retry_ms: int | None, comment: str
) -> None:
    block = encode(data, event=event, id=event_id, retry_ms=retry_ms, comment=comment)
    parser = Parser(last_event_id="before")
    first, *others = parser.feed(block + encode_comment("next"))
    expected: list[Item] = []
    if retry_ms is not None:
        start = block.index(b"\nretry: ") + 1
        expected.append(Retry(retry_ms, start, start + len(f"retry: {retry_ms}\n")))
    fields = [("event", event), ("id", event_id), ("retry", retry_ms)]
    names = tuple(name for name, value in fields if value is not None)
    end = len(block)
    current_id = "before" if event_id is None else event_id
    if data is not None:
        expected.append(Event(event or "message", data, current_id, 0, end, event_id))
    elif names:
        expected.append(Empty(0, end, names, (), event_id))
    expected.append(Comment("next", end, end + len(": next\n")))
    assert first == Comment(comment, 0, len(f": {comment}\n".encode()))
    assert others == expected
    assert parser.last_event_id == current_id
