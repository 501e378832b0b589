"""A trace in words: what `trace` prints while a stream comes, and when it is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from harness.checks.places import is_event_stream
from harness.report.terminal import show_line
from harness.report.trace import Pattern, Trace, TraceEnd, TraceEvent, TraceFired
from harness.report.wording import visible, wrapped
from harness.units import show_seconds
from harness.wire import headers

TIME_CHARS = 10
_LEAST_DATA_CHARS = 16
_DIM = "dim"


def show_event(event: TraceEvent, console: Console) -> None:
    """Print one event on one line: when, how long in the chain, id, type, and data that fits."""
    delay = "" if event.delay_s is None else f"+{show_seconds(event.delay_s)}"
    named = "" if event.id is None else f"id {visible(event.id)}  "
    head = f"{show_seconds(event.t_s):>{TIME_CHARS}}  {delay:>{TIME_CHARS}}  "
    line = Text.assemble(head, (named, "cyan"), (f"{visible(event.type)}  ", "bold"))
    room = max(_LEAST_DATA_CHARS, console.width - line.cell_len)
    data = visible(event.data[: room + 1])
    is_whole = len(event.data) <= room and len(data) <= room
    show_line(line.append(data if is_whole else f"{data[: room - 1]}…"), console)


def show_heartbeat(t_s: float, text: str, console: Console) -> None:
    """Print one comment, dim: it kept the connection alive, and says nothing."""
    head = f"{show_seconds(t_s):>{TIME_CHARS}}  {'':>{TIME_CHARS}}  "
    room = max(_LEAST_DATA_CHARS, console.width - len(head) - 1)
    show_line(Text(f"{head}:{visible(text)[:room]}", _DIM), console)


def show_more(t_s: float, count: int, console: Console) -> None:
    """Print how many more came in the same instant, and are not shown."""
    head = f"{show_seconds(t_s):>{TIME_CHARS}}  {'':>{TIME_CHARS}}  "
    show_line(Text(f"{head}and {count:,} more", _DIM), console)


def show_chain(chain: Sequence[str], target: str, console: Console) -> None:
    """Print the way that is traced.

    Args:
        chain: The hops, client first, as people write them.
        target: Its address.
        console: Where to.
    """
    said = visible(" → ".join(("client", *chain, target)))
    for part in wrapped(said, console.width, "  "):
        show_line(Text(part, _DIM), console)


def show_end(trace: Trace, console: Console) -> None:
    """Print what was made of the stream, and how it ended and by whose hand."""
    for line in summary(trace):
        for part in wrapped(line.plain, console.width, "  "):
            show_line(Text(part, line.style), console)


def summary(trace: Trace) -> list[Text]:
    """The lines below the events."""
    if trace.status is None and trace.answered_s is not None:
        said = f"no response came through; the target answered at {show_seconds(trace.answered_s)}"
    elif trace.status is None:
        said = "no response"
    else:
        kind = headers.media_type(trace.headers) or "no content type"
        coding = f", {trace.content_encoding}" if trace.content_encoding else ""
        after = show_seconds(trace.head_s or 0.0)
        said = visible(f"HTTP {trace.status} {kind}{coding}, head after {after}")
    came = f"{_plural(len(trace.events), 'event')}, {_plural(len(trace.heartbeats), 'heartbeat')}"
    if trace.longest_gap_s is not None:
        came += f", longest gap {show_seconds(trace.longest_gap_s)}"
    if trace.reconnects:
        came += f", {_plural(trace.reconnects, 'reconnect')}"
    if trace.status is not None and not is_event_stream(trace.status, trace.headers):
        return [Text(said)]  # how its body came and ended is of no interest
    lines = [Text(said), Text(f"{_PATTERNS[trace.pattern]}: {came}")]
    lines += [Text(visible(it), "yellow") for it in _fired(trace.fired)]
    is_clean = trace.end.how in {"open", "end"}
    lines.append(Text(ending(trace.end), "" if is_clean else "bold red"))
    return lines


def _fired(fired: Sequence[TraceFired]) -> Iterator[str]:
    """Each fault on a line, however often it acted: a client may reconnect a thousand times."""
    times = Counter((it.hop, it.fault) for it in fired)
    for fault in fired:
        count = times.pop((fault.hop, fault.fault), 0)
        if count:
            at = show_seconds(fault.t_s)
            often = f" ({count} times)" if count > 1 else ""
            yield f"hop {fault.hop} {fault.fault} fired at {at}: {fault.reason}{often}"


def ending(end: TraceEnd) -> str:
    """How it ended, by whose hand and when, in one line."""
    return f"{manner(end)} at {show_seconds(end.at_s)}"


def author(end: TraceEnd) -> str:
    """By whose hand it ended."""
    if isinstance(end.by, int):
        return f"hop {end.by}"
    return f"the {end.by}" if end.by else "nobody known"


def manner(end: TraceEnd) -> str:
    """How it ended and by whose hand."""
    by = author(end)
    match end.how:
        case "open" if end.by == "client":
            return "still open when the client left"
        case "open":
            return "still open"
        case "end":
            return f"ended cleanly by {by}"
        case "truncation":
            return f"cut off by {by}"
        case "reset":
            return f"reset by {by}"
        case "refused":
            return f"refused by {by}"


_PATTERNS: dict[Pattern, str] = {
    "immediate": "events came as they were said",
    "bursts": "events were held and came in bursts",
    "at_end": "events were held until the end",
    "nothing": "no events came",
}


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
