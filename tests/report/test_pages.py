"""Pages on a terminal and in Markdown."""

from __future__ import annotations

import pytest

from harness.report.pages import Item, Page, Section, Table, lines, markdown

TABLE = Table(("name", "what"), (("a", "one"), ("long name", "two `words` here")))
PAGE = Page(
    "thing",
    "what it is",
    (
        Section("Empty"),
        Section("Parts", "in words", TABLE),
        Section("Try it", commands=("sse-harness run",)),
    ),
)


def shown(page: Page, width: int = 80) -> list[str]:
    return [line.plain for line in lines(page, width)]


def test_a_page_for_a_terminal_has_columns() -> None:
    assert shown(PAGE) == [
        "thing",
        "what it is",
        "",
        "Parts",
        "in words",
        "name       what",
        "a          one",
        "long name  two words here",
        "",
        "Try it",
        "  sse-harness run",
    ]


def test_a_page_in_markdown_has_tables() -> None:
    assert markdown(PAGE, level=2).split("\n\n") == [
        "## `thing`",
        "what it is",
        "**Parts**",
        "in words",
        "| name | what |\n| --- | --- |\n| a | one |\n| long name | two `words` here |",
        "**Try it**",
        "```console\nsse-harness run\n```",
    ]


def test_a_cell_of_markdown_keeps_its_bars_and_its_line() -> None:
    page = Page("x", "y", (Section("", table=Table(("a",), (("b|c\nd",),))),))
    assert markdown(page).endswith("| b\\|c d |")


def test_the_last_column_is_folded_where_the_terminal_ends() -> None:
    table = Table(("name", "what"), (("x", "some words that do not fit on one line"),))
    page = Page("p", "s", (Section("", table=table),))
    assert shown(page, 30)[3:] == [
        "name  what",
        "x     some words that do not",
        "      fit on one line",
    ]


def test_a_last_column_without_room_stands_below_the_others() -> None:
    table = Table(("name", "what"), (("x" * 28, "some words that do not fit"),))
    page = Page("p", "s", (Section("", table=table),))
    assert shown(page, 36)[4:] == [
        "    what",
        "x" * 28,
        "    some words that do not fit",
    ]


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_word_is_lost_whatever_the_width(width: int) -> None:
    words = " ".join(shown(PAGE, width)).split()
    assert words == " ".join(shown(PAGE)).split()


def test_a_column_without_a_word_in_it_is_left_out() -> None:
    table = Table(("name", "", "what"), (("a", "", "one"), ("b", "", "two")))
    assert shown(Page("p", "s", (Section("", table=table),)))[3:] == [
        "name  what",
        "a     one",
        "b     two",
    ]


ITEMS = (
    Item("Do a thing.", "thing 1", "●", (("set by", "it"), ("rescue", "so many words that they"))),
    Item("a text of its own", more=(("", "https://a.test/"),)),
)
LIST = Page("p", "s", (Section("", items=ITEMS),))


def test_a_list_on_a_terminal_has_marks_and_labels() -> None:
    assert shown(LIST, 28)[3:] == [
        "●  thing 1",
        "   Do a thing.",
        "   set by  it",
        "   rescue  so many words",
        "           that they",
        "a text of its own",
        "   https://a.test/",
    ]


def test_a_list_in_markdown_has_a_line_for_each() -> None:
    assert markdown(LIST).split("\n\n")[2].splitlines() == [
        "* ● `thing 1`: Do a thing. *set by:* it. *rescue:* so many words that they",
        "* a text of its own. https://a.test/",
    ]


def test_what_markdown_would_take_for_its_own_is_text() -> None:
    told = Page("x", "y", (Section("", "*/* `*` <b>", Table(("a",), (("*/*",),))),))
    assert markdown(told).split("\n\n")[2:] == [
        r"\*/\* `*` \<b>",
        "| a |\n| --- |\n| \\*/\\* |",
    ]


def test_a_long_command_goes_on_below_and_can_be_copied_as_it_is() -> None:
    command = "sse-harness run --through '[{nginx: {gzip: on}}]' --url URL"
    assert shown(Page("p", "s", (Section("", commands=(command,)),)), 36)[3:] == [
        "  sse-harness run \\",
        "    --through '[{nginx: {gzip: on}}]' \\",
        "    --url URL",
    ]
