from __future__ import annotations

from functools import partial

import pytest

from harness.checks import streams
from harness.checks.events_parse import EventsParse
from harness.model.journal import Journal
from harness.wire.headers import replaced
from harness.wire.sse import Parser
from tests.checks.judging import only
from tests.testkit.journals import STREAM, Stage

CHECK = EventsParse()


def said(*writes: str | bytes, is_reference: bool = True, is_ended: bool = False) -> Journal:
    stage = Stage(is_reference=is_reference)
    stream = stage.connect(0.0)
    for at, text in enumerate(writes, 1):
        stream.say(float(at), text)
    if is_ended:
        stream.end(len(writes) + 0.5)
    return stage.journal()


def good() -> Journal:
    return said(
        "retry: 1000\n\n", ": hb\n\n", "id: 1\nevent: tick\ndata: one\ndata: two\n\n", "id: 2\n\n"
    )


def no_blank_line() -> Journal:
    return said("data: one\n", "data: two\n", "data: three\n")


def raw_newline() -> Journal:
    return said('data: {\n  "a": 1\n}\n\n')


def lines_without_data() -> Journal:
    return said('{"a": 1}\n\n', '{"a": 2}\n\n')


def not_utf8() -> Journal:
    return said("data: gr\u00fc\u00df\n\n".encode("latin-1"))


def cut_character() -> Journal:
    return said(b"data: gr\xc3", b"\n\n")


def last_one_unended() -> Journal:
    return said("data: one\n\n", "data: two\n", is_ended=True)


def html() -> Journal:
    stage = Stage()
    stage.connect(0.0, headers=replaced(STREAM, "Content-Type", "text/html")).say(1.0, "<p>")
    return stage.journal()


def lies_about_its_coding() -> Journal:
    stage = Stage()
    stage.connect(0.0, headers=(*STREAM, ("Content-Encoding", "br"))).say(1.0, "data: a\n\n" * 3)
    return stage.journal()


BROKEN = {
    "no blank line": no_blank_line,
    "raw newline": raw_newline,
    "lines without data": lines_without_data,
    "not UTF-8": not_utf8,
    "cut character": cut_character,
    "last one unended": last_one_unended,
    "html": html,
    "lies about its coding": lies_about_its_coding,
}


@pytest.mark.parametrize(
    ("journal", "observed"),
    [
        (no_blank_line(), "32 bytes and no event: no blank line ends the block"),
        (raw_newline(), "inside an event a line that is no field: '  \"a\"'"),
        (lines_without_data(), "lines without a field, ignored: '{\"a\"' (and 1 more)"),
        (not_utf8(), "bytes that are not UTF-8, which a client replaces by U+FFFD"),
        (cut_character(), "bytes that are not UTF-8, which a client replaces by U+FFFD"),
        (last_one_unended(), "the last event has no blank line and is never dispatched"),
        (html(), "no client reads events from text/html"),
    ],
)
def test_says_what_a_client_passes_over(journal: Journal, observed: str) -> None:
    finding = only(CHECK, journal)
    assert (finding.outcome, finding.observed) == ("FAIL", observed)


def test_a_line_without_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    # The real limit is 16 MiB, too much for a test this short.
    monkeypatch.setattr(streams, "Parser", partial(Parser, max_line_bytes=64))
    finding = only(CHECK, said("data: a\n\n", "x" * 65))
    assert (finding.outcome, finding.observed) == ("FAIL", "line of more than 64 bytes")


def test_a_character_split_over_two_reads_is_fine() -> None:
    assert only(CHECK, said(b"data: gr\xc3", b"\xbc\n\n")).outcome == "PASS"


def test_a_field_of_the_targets_own_is_a_warning() -> None:
    journal = said("data: one\nmeta: x\n\n", is_reference=False)
    assert only(CHECK, journal).outcome == "WARN"


def test_a_named_event_without_data_is_a_warning() -> None:
    assert only(CHECK, said("event: ping\n\n", "data: a\n\n")).outcome == "WARN"


def test_a_block_cut_off_by_downstream_is_not_the_targets_fault() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.say(1.0, "data: one\n\ndata: two\n")
    stream.cut(1.5, hop=1)
    assert only(CHECK, stage.journal()).outcome == "PASS"


def test_a_first_event_on_its_way_at_the_cut_is_not_the_targets_fault() -> None:
    stage = Stage()
    stream = stage.connect(0.0)
    stream.say(1.0, "id: 1\ndata: one\n")
    stream.cut(1.5, hop=1)
    assert only(CHECK, stage.journal()).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize(("is_reference", "outcome"), [(True, "INCONCLUSIVE"), (False, "SKIP")])
def test_a_stream_of_comments_shows_nothing(is_reference: bool, outcome: str) -> None:
    assert only(CHECK, said(": hb\n\n", is_reference=is_reference)).outcome == outcome
