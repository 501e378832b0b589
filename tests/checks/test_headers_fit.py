from __future__ import annotations

import gzip
import zlib

import pytest

from harness.checks.headers_fit import HeadersFit
from harness.model.journal import Journal
from harness.wire.headers import Headers, replaced
from tests.checks.judging import judged, only
from tests.testkit.journals import STREAM, Stage, without

CHECK = HeadersFit()
GZIP = (*STREAM, ("Content-Encoding", "gzip"))


def said(headers: Headers, *, version: str = "HTTP/1.1", is_reference: bool = True) -> Journal:
    stage = Stage(is_reference=is_reference)
    stage.connect(0.0, headers=headers, version=version).event(1.0, 1)
    return stage.journal()


def good() -> Journal:
    return said(STREAM)


def no_content_type() -> Journal:
    return said(without("Content-Type"))


def html() -> Journal:
    return said(replaced(STREAM, "Content-Type", "text/html"))


def cacheable() -> Journal:
    return said(replaced(STREAM, "Cache-Control", "no-transform, max-age=60"))


def with_a_length() -> Journal:
    return said((*STREAM, ("Content-Length", "1000")))


def hop_by_hop_over_h2() -> Journal:
    return said((*STREAM, ("Connection", "keep-alive")), version="HTTP/2.0")


def coder_not_flushed() -> Journal:
    stage = Stage()
    stream = stage.connect(0.0, headers=GZIP)
    coder = zlib.compressobj(wbits=31)
    coded = b""
    for seq in range(1, 4):
        stream.hand_over(float(seq), seq)
        coded += coder.compress(f"id: {seq}\ndata: event {seq}\n\n".encode())
    stream.say(30.0, coded + coder.flush(zlib.Z_SYNC_FLUSH))
    return stage.journal()


def not_gzip() -> Journal:
    return said(GZIP)


BROKEN = {
    "no content type": no_content_type,
    "html": html,
    "cacheable": cacheable,
    "with a length": with_a_length,
    "hop-by-hop over h2": hop_by_hop_over_h2,
    "coder not flushed": coder_not_flushed,
    "not gzip": not_gzip,
}


@pytest.mark.parametrize(
    ("journal", "expected", "observed"),
    [
        (no_content_type(), "text/event-stream", "no Content-Type"),
        (html(), "text/event-stream", "text/html"),
        (
            cacheable(),
            "Cache-Control with no-cache or no-store",
            "Cache-Control: no-transform, max-age=60",
        ),
        (with_a_length(), "no Content-Length", "Content-Length: 1000"),
        (hop_by_hop_over_h2(), "nothing hop-by-hop over HTTP/2", "connection"),
        (
            coder_not_flushed(),
            "no Content-Encoding unless every event is flushed",
            "Content-Encoding: gzip, 3 events in 1 reads; held for 29.0 s",
        ),
    ],
)
def test_names_the_rule_and_the_header(journal: Journal, expected: str, observed: str) -> None:
    finding = only(CHECK, journal)
    assert (finding.outcome, finding.expected, finding.observed) == ("FAIL", expected, observed)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (without("X-Accel-Buffering"), "X-Accel-Buffering: no"),
        (replaced(STREAM, "X-Accel-Buffering", "yes"), "X-Accel-Buffering: no"),
        (replaced(STREAM, "Cache-Control", "no-cache"), "Cache-Control with no-transform"),
        (
            replaced(STREAM, "Content-Type", "text/event-stream; charset=latin-1"),
            "text/event-stream, with charset=utf-8 at most",
        ),
        (
            (
                *STREAM,
                ("Access-Control-Allow-Origin", "*"),
                ("Access-Control-Allow-Credentials", "true"),
            ),
            "an origin, where credentials are allowed",
        ),
    ],
)
def test_what_only_should_be_is_a_warning_unless_strict(headers: Headers, expected: str) -> None:
    finding = only(CHECK, said(headers))
    assert (finding.outcome, finding.expected) == ("WARN", expected)
    assert only(HeadersFit(strict=True), said(headers)).outcome == "FAIL"


@pytest.mark.parametrize(
    "headers",
    [
        replaced(STREAM, "Content-Type", "text/event-stream; charset=utf-8"),
        replaced(STREAM, "Content-Type", 'Text/Event-Stream;charset="UTF-8"'),
        replaced(STREAM, "Cache-Control", "no-store, no-transform"),
        (*STREAM, ("Connection", "keep-alive")),
    ],
)
def test_what_is_allowed_passes(headers: Headers) -> None:
    assert only(CHECK, said(headers)).outcome == "PASS"


def test_every_broken_rule_is_a_finding() -> None:
    findings = judged(CHECK, said((("Content-Type", "text/plain"),)))
    assert [it.outcome for it in findings] == ["FAIL", "FAIL", "WARN"]


def test_a_flushed_coder_is_fine() -> None:
    stage = Stage()
    stream = stage.connect(0.0, headers=GZIP)
    coder = zlib.compressobj(wbits=31)
    for seq in range(1, 4):
        stream.hand_over(float(seq), seq)
        block = coder.compress(f"id: {seq}\ndata: event {seq}\n\n".encode())
        stream.say(float(seq), block + coder.flush(zlib.Z_SYNC_FLUSH))
    assert only(CHECK, stage.journal()).outcome == "PASS"


def test_many_events_in_one_read_of_a_foreign_coder_are_a_hint() -> None:
    stage = Stage(is_reference=False)
    stage.connect(0.0, headers=GZIP).say(9.0, gzip.compress(b"data: a\n\n" * 9))
    assert only(CHECK, stage.journal()).outcome == "WARN"


def test_no_200_shows_nothing() -> None:
    stage = Stage()
    stage.connect(0.0, status=503).end(0.0)
    finding = only(CHECK, stage.journal())
    assert finding.outcome == "INCONCLUSIVE"
    assert finding.observed == "status 503 from the target"


# -- on the way ------------------------------------------------------------------------------------


def remade(**by_hop: Headers) -> Journal:
    """Three hops, of which some change the head."""
    stage = Stage(hops=3)
    stage.connect(0.0, remade={int(hop[1:]): it for hop, it in by_hop.items()})
    return stage.journal()


PLAIN = replaced(STREAM, "Content-Type", "text/plain")
LATIN = replaced(STREAM, "Content-Type", "text/event-stream; charset=latin-1")


@pytest.mark.parametrize(
    ("journal", "hop", "observed"),
    [
        (remade(h3=PLAIN), 3, "hop 3 changed Content-Type from text/event-stream to text/plain"),
        (remade(h1=PLAIN), 1, "hop 1 changed Content-Type from text/event-stream to text/plain"),
        (
            remade(h2=without("Content-Type")),
            2,
            "hop 2 changed Content-Type from text/event-stream to nothing",
        ),
        (
            remade(h3=LATIN, h2=PLAIN),
            2,
            "hop 2 changed Content-Type from text/event-stream to text/plain",
        ),
    ],
)
def test_a_hop_that_changes_the_content_type_is_to_blame(
    journal: Journal, hop: int, observed: str
) -> None:
    finding = only(CHECK, journal)
    assert (finding.outcome, finding.hop, finding.observed) == ("FAIL", hop, observed)
    assert finding.fix == f"let hop {hop} pass on Content-Type as it came"
    assert finding.confirm.endswith(f"# through hop {hop}, then without it")
    assert len(finding.evidence) == 2


def test_a_charset_that_a_hop_adds_is_a_warning() -> None:
    finding = only(CHECK, remade(h2=LATIN))
    assert (finding.outcome, finding.hop) == ("WARN", 2)


def test_a_type_that_is_put_right_again_is_no_fault() -> None:
    assert only(CHECK, remade(h3=PLAIN, h2=STREAM)).outcome == "PASS"


def test_between_hops_without_a_record_nobody_is_named() -> None:
    stage = Stage(hops=3, recorded={1}, has_relays=False)
    stage.connect(0.0, remade={2: PLAIN})
    finding = only(CHECK, stage.journal())
    assert (finding.outcome, finding.hop) == ("FAIL", None)
    assert finding.observed.startswith("the path changed Content-Type")


@pytest.mark.parametrize("hop", [2, 3])
def test_a_program_is_named_by_what_the_relay_beside_it_saw(hop: int) -> None:
    stage = Stage(hops=3, recorded={1})
    stage.connect(0.0, remade={hop: PLAIN})
    finding = only(CHECK, stage.journal())
    assert (finding.outcome, finding.hop) == ("FAIL", hop)
