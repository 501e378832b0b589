from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from harness.checks.evidence import Evidence
from harness.model import journal
from harness.model.journal import Entry, Journal, Payload
from harness.report import trace, trace_text
from harness.report.terminal import make_console
from harness.report.trace import Trace, TraceEnd, TraceEvent, TraceFired
from harness.wire.headers import Headers

SSE = (("Content-Type", "text/event-stream"),)
BEGAN_S = 0.5


def said(t_s: float, data: bytes, offset: int = 0) -> list[Entry]:
    return [
        journal.TapRead(t_s=t_s, x=1, offset=offset, size=len(data), payload=Payload.of(data)),
    ]


def got(t_s: float, data: bytes, offset: int = 0, x: int = 1) -> list[Entry]:
    payload = Payload.of(data)
    return [
        journal.ClientRead(t_s=t_s, client=1, x=x, offset=offset, size=len(data), payload=payload)
    ]


def opened(x: int = 1, *, t_s: float = BEGAN_S, headers: Headers = SSE) -> list[Entry]:
    """A request and its response's head, through one hop."""
    at = {"t_s": t_s, "x": x, "method": "GET", "headers": ()}
    head = {"t_s": t_s + 0.25, "x": x, "status": 200, "version": "HTTP/1.1", "headers": headers}
    return [
        journal.ClientRequest(client=1, url="http://target/", **at),  # type: ignore[arg-type]  # fields by name
        journal.HopRequest(hop=1, target="/", version="HTTP/1.1", **at),  # type: ignore[arg-type]  # fields by name
        journal.HopAttempt(t_s=t_s, hop=1, x=x, attempt=0, version="HTTP/1.1", headers=()),
        journal.TapRequest(target="/", version="HTTP/1.1", **at),  # type: ignore[arg-type]  # fields by name
        journal.TapHead(framing="chunked", **head),  # type: ignore[arg-type]  # fields by name
        journal.HopHead(hop=1, attempt=0, framing="chunked", **head),  # type: ignore[arg-type]  # fields by name
        journal.HopForwardedHead(t_s=t_s + 0.25, hop=1, x=x, status=200, headers=headers),
        journal.ClientHead(client=1, **head),  # type: ignore[arg-type]  # fields by name
    ]


def traced(*entries: list[Entry], over_s: float = 100.0) -> Trace:
    """The trace of a case with one hop, in which `entries` happened."""
    case = {
        "id": "ad-hoc",
        "scenario": {"id": "ad-hoc", "why": "traced", "through": [{"buffer": {"block": "4KiB"}}]},
        "target": {"url": "http://target/"},
        "clock": "virtual",
        "seed": 7,
    }
    first = journal.CaseEntry(
        schema=journal.SCHEMA,
        version=journal.VERSION,
        tool="0",
        case=case,
        clock="virtual",
        seed=7,
        target="http://target/",
        is_reference=False,
    )
    flat = [first, *(it for part in entries for it in part)]
    flat.append(journal.StageOver(t_s=over_s, reason="watched long enough"))
    numbered = [journal.decode(_with_n(it, n)) for n, it in enumerate(flat)]
    return trace.of(Evidence.of(Journal(numbered)), started_at=1_700_000_000.0)


def _with_n(entry: Entry, n: int) -> bytes:
    return json.dumps(dict(journal.fields(entry)) | {"n": n}).encode()


def event(t_s: float, entered_s: float | None, data: str = "x") -> TraceEvent:
    return TraceEvent(
        t_s=t_s,
        entered_s=entered_s,
        delay_s=None if entered_s is None else t_s - entered_s,
        id=None,
        type="message",
        data=data,
        size_bytes=len(data),
    )


OPEN = TraceEnd(how="open", by=None, at_s=100.0)
OVER = TraceEnd(how="end", by="target", at_s=60.0)


# -- from a journal --------------------------------------------------------------------------------


def test_an_event_has_the_time_it_came_and_the_time_it_was_said() -> None:
    data = "event: tick\nid: 4\ndata: é\n\n".encode()
    found = traced(opened(), said(1.5, data), got(3.5, data))
    assert found.events == (
        TraceEvent(
            t_s=3.0, entered_s=1.0, delay_s=2.0, id="4", type="tick", data="é", size_bytes=2
        ),
    )
    assert (found.head_s, found.first_byte_s, found.last_byte_s) == (0.25, 3.0, 3.0)
    assert (found.status, found.headers, found.content_encoding) == (200, SSE, None)


def test_what_the_target_never_said_has_no_delay() -> None:
    found = traced(opened(), got(3.5, b"data: made up by a hop\n\n"))
    assert (found.events[0].entered_s, found.events[0].delay_s) == (None, None)


def test_heartbeats_are_times() -> None:
    found = traced(opened(), said(1.5, b": hb\n\n"), got(1.5, b": hb\n\n"), got(16.5, b":\n\n", 6))
    assert found.heartbeats == (1.0, 16.0)
    assert found.pattern == "nothing"


def test_the_longest_gap_includes_the_silence_at_the_end() -> None:
    found = traced(opened(), got(1.5, b":\n\n"), over_s=61.5)
    assert found.longest_gap_s == 60.0
    assert found.end == TraceEnd(how="open", by=None, at_s=61.0)


def test_a_request_without_an_answer_is_a_trace_too() -> None:
    found = traced(opened()[:1], [journal.ClientEnd(t_s=0.5, client=1, x=1, how="refused")])
    assert (found.status, found.headers, found.head_s) == (None, (), None)
    assert (found.first_byte_s, found.last_byte_s, found.longest_gap_s) == (None, None, None)
    assert found.end.how == "refused"


def test_a_case_without_a_client_is_no_trace() -> None:
    with pytest.raises(ValueError, match="no client sent a request"):
        traced([])


def ended(how: str, x: int = 1) -> list[Entry]:
    return [journal.ClientEnd(t_s=60.5, client=1, x=x, how=how)]  # type: ignore[arg-type]  # each of its words


def by_target(how: str) -> list[Entry]:
    return [
        journal.TapEnd(t_s=60.5, x=1, by="target", how=how),  # type: ignore[arg-type]  # each of its words
        journal.HopUpstreamEnd(t_s=60.5, hop=1, x=1, attempt=0, how=how),
        journal.HopEnd(t_s=60.5, hop=1, x=1, how=how),
    ]


BY_HOP: list[Entry] = [journal.HopEnd(t_s=60.5, hop=1, x=1, how="truncation")]
BY_CLIENT: list[Entry] = [journal.ClientLeft(t_s=60.5, client=1, x=1, by="fin")]


@pytest.mark.parametrize(
    ("entries", "how", "by"),
    [
        ([*by_target("end"), *ended("end")], "end", "target"),
        ([*by_target("truncation"), *ended("truncation")], "truncation", "target"),
        ([*by_target("reset"), *ended("reset")], "reset", "target"),
        ([*BY_HOP, *ended("truncation")], "truncation", 1),
        ([*BY_HOP, *ended("malformed")], "truncation", 1),
        ([*BY_CLIENT, *ended("left")], "open", "client"),
        (ended("open"), "open", None),
    ],
)
def test_an_end_has_a_manner_and_an_author(
    entries: list[Entry], how: str, by: str | int | None
) -> None:
    end = traced(opened(), entries, over_s=60.5).end
    assert (end.how, end.by, end.at_s) == (how, by, 60.0)


def test_reconnects_are_counted_and_their_events_are_joined() -> None:
    found = traced(
        opened(),
        got(1.5, b"data: a\n\n"),
        [*BY_HOP, *ended("truncation")],
        opened(2, t_s=61.5),
        got(62.5, b"data: b\n\n", x=2),
    )
    assert found.reconnects == 1
    assert [it.data for it in found.events] == ["a", "b"]
    assert (found.head_s, found.end.how) == (0.25, "open")


def test_faults_that_fired_are_listed() -> None:
    note = {"t_s": 5.5, "hop": 1, "fault": 0, "name": "buffer", "x": 1, "reason": "held 12 B"}
    notes = [journal.FaultNote(what=what, **note) for what in ("armed", "fired", "not_reached")]  # type: ignore[arg-type]  # fields by name
    assert traced(opened(), list(notes)).fired == (
        TraceFired(hop=1, fault="buffer", t_s=5.0, reason="held 12 B"),
    )


# -- what programs read ----------------------------------------------------------------------------


def test_programs_find_every_key() -> None:
    found = traced(
        opened(headers=(*SSE, ("Content-Encoding", "identity"))),
        got(1.5, b"data: a\n\n"),
        [
            journal.FaultNote(
                t_s=1.5, hop=1, fault=0, name="buffer", x=1, what="fired", reason="full"
            )
        ],
    )
    plain = json.loads(trace.encode(found))
    assert list(plain) == [
        "started_at",
        "status",
        "headers",
        "head_s",
        "first_byte_s",
        "events",
        "heartbeats",
        "pattern",
        "longest_gap_s",
        "end",
        "last_byte_s",
        "content_encoding",
        "reconnects",
        "fired",
        "answered_s",
    ]
    assert list(plain["events"][0]) == [
        "t_s",
        "entered_s",
        "delay_s",
        "id",
        "type",
        "data",
        "size_bytes",
    ]
    assert list(plain["end"]) == ["how", "by", "at_s"]
    assert list(plain["fired"][0]) == ["hop", "fault", "t_s", "reason"]
    assert plain["content_encoding"] == "identity"
    assert plain["headers"][0] == ["Content-Type", "text/event-stream"]


# -- the pattern -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "end", "pattern"),
    [
        ([], OPEN, "nothing"),
        ([event(1, 1), event(2, 2)], OPEN, "immediate"),
        ([event(3, 1), event(4, 2)], OPEN, "immediate"),  # a long way, not a buffer
        ([event(3, 1)], OPEN, "bursts"),
        ([event(1, 1), event(4, 2)], OPEN, "bursts"),
        ([event(1.2, 1), event(2.7, 2)], OPEN, "immediate"),  # jitter
        ([event(1, 1), event(1.001, 1)], OPEN, "immediate"),  # said together
        ([event(1, 1), event(9, 3), event(9, 6)], OPEN, "bursts"),
        ([event(60, 1), event(60, 2)], OPEN, "bursts"),
        ([event(60, 1), event(60, 2)], OVER, "at_end"),
        ([event(60, 1)], OVER, "at_end"),
        ([event(60, 60)], OVER, "immediate"),
        ([event(1, 1), event(60, 30), event(60, 40)], OVER, "bursts"),
        ([event(1, None), event(1, None)], OVER, "immediate"),  # nothing is known
    ],
)
def test_the_pattern_is_told_from_when_events_were_said_and_came(
    events: list[TraceEvent], end: TraceEnd, pattern: str
) -> None:
    assert trace.pattern_of(events, end) == pattern


# -- what people read ------------------------------------------------------------------------------


def drawn(width: int = 80) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    console = make_console(file=out)
    console.width = width
    return console, out


def test_an_event_is_one_line_that_fits() -> None:
    console, out = drawn()
    full = TraceEvent(
        t_s=12.0,
        entered_s=11.75,
        delay_s=0.25,
        id="7",
        type="tick",
        data="é" * 500,
        size_bytes=1000,
    )
    trace_text.show_event(full, console)
    line = out.getvalue().rstrip("\n")
    assert line.split()[:7] == ["12.0", "s", "+0.250", "s", "id", "7", "tick"]
    assert line.endswith("é…")
    assert len(line) == 80


def test_data_that_fits_is_whole_and_without_line_ends() -> None:
    console, out = drawn()
    trace_text.show_event(event(1, 1, "a\nb\x1b[2J"), console)
    assert out.getvalue().endswith("message  a\\nb\\x1b[2J\n")


def test_an_id_is_shown_however_narrow_the_terminal() -> None:
    console, out = drawn(20)
    long = TraceEvent(
        t_s=1, entered_s=None, delay_s=None, id="i" * 40, type="t", data="d" * 99, size_bytes=99
    )
    trace_text.show_event(long, console)
    assert "i" * 40 in out.getvalue()
    assert out.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    ("end", "said_so"),
    [
        (TraceEnd(how="open", by=None, at_s=30), "still open at 30.0 s"),
        (TraceEnd(how="open", by="client", at_s=30), "still open when the client left at 30.0 s"),
        (TraceEnd(how="end", by="target", at_s=30), "ended cleanly by the target at 30.0 s"),
        (TraceEnd(how="truncation", by=2, at_s=30), "cut off by hop 2 at 30.0 s"),
        (TraceEnd(how="reset", by=None, at_s=30), "reset by nobody known at 30.0 s"),
        (TraceEnd(how="refused", by="target", at_s=0), "refused by the target at 0.0 s"),
    ],
)
def test_the_end_is_told_with_its_author(end: TraceEnd, said_so: str) -> None:
    assert trace_text.ending(end) == said_so


def test_of_what_is_no_stream_only_the_head_is_told() -> None:
    found = traced(opened(headers=(("Content-Type", "text/html"),)), ended("end"))
    assert [line.plain for line in trace_text.summary(found)] == [
        "HTTP 200 text/html, head after 0.250 s"
    ]


def test_the_summary_is_wrapped_between_words() -> None:
    console, out = drawn(40)
    trace_text.show_end(traced(opened(), got(1.5, b"data: a\n\n")), console)
    assert max(map(len, out.getvalue().splitlines())) <= 40


def test_what_came_of_the_events_stands_between_the_head_and_the_end() -> None:
    data = b"data: a\n\n"
    found = traced(
        opened(),
        said(1.5, data),
        got(1.5, data),
        got(2.5, b": hb\n\n", 9),
        BY_HOP,
        ended("truncation"),
    )
    assert [line.plain for line in trace_text.summary(found)] == [
        "HTTP 200 text/event-stream, head after 0.250 s",
        "events came as they were said: 1 event, 1 heartbeat, longest gap 58.0 s",
        "cut off by hop 1 at 60.0 s",
    ]


def test_a_head_that_a_hop_held_is_told_from_none_at_all() -> None:
    held: list[Entry] = [it for it in opened() if not isinstance(it, journal.ClientHead)]
    unanswered: list[Entry] = [it for it in held if not isinstance(it, journal.TapHead)]
    first = [trace_text.summary(traced(it))[0].plain for it in (held, unanswered)]
    assert first == [
        "no response came through; the target answered at 0.250 s",
        "no response",
    ]


def test_the_way_is_shown_client_first() -> None:
    console, out = drawn(40)
    trace_text.show_chain(["cloudflare", "nginx@1.22"], "http://h/a", console)
    assert out.getvalue() == "client → cloudflare → nginx@1.22 →\n  http://h/a\n"
