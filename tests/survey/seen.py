"""Observations written by hand: what a target was seen to say.

saw((1.0, "data: 1\\n\\n"), watched_s=10.0)       an endless stream, left after ten seconds
saw(*every(0.1, 50, first_s=4.0), end_s=9.0)      one that ends
"""

from __future__ import annotations

from dataclasses import replace

from harness.hops.observed import Said
from harness.model import journal
from harness.model.ask import Ask
from harness.model.promises import NOTHING, Promises
from harness.model.scenario import Target
from harness.model.verdict import Finding
from harness.survey.expect import Terms
from harness.survey.judging import Judge
from harness.survey.kinds import NOTIFICATIONS, Kind
from harness.survey.observation import Observation
from harness.survey.play import Observed
from harness.survey.resuming import How, Resuming
from harness.wire.headers import Headers

URL = "http://127.0.0.1:1/events"
STREAM: Headers = (("Content-Type", "text/event-stream"), ("Cache-Control", "no-cache"))
ASKING: Headers = (
    ("Host", "127.0.0.1:1"),
    ("Accept", "text/event-stream"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
)


def saw(
    *reads: tuple[float, str | bytes],
    watched_s: float | None = None,
    end_s: float | None = None,
    head_s: float = 0.0,
    status: int = 200,
    headers: Headers = STREAM,
    framing: str = "chunked",
    ask: Ask | None = None,
    method: str = "GET",
    lag_s: float = 0.0,
    promises: Promises = NOTHING,
) -> Observation:
    as_bytes = tuple((t_s, it.encode() if isinstance(it, str) else it) for t_s, it in reads)
    last_s = as_bytes[-1][0] if as_bytes else head_s
    ask = ask or Ask()
    said = Said(
        status,
        "HTTP/1.1",
        framing,
        headers,
        head_s,
        as_bytes,
        None if end_s is None else "end",
        end_s or 0.0,
    )
    request = journal.TapRequest(
        x=1, method=method, target="/events", version=ask.version, headers=ASKING
    )
    long_s = watched_s if watched_s is not None else end_s
    watched_s = last_s if long_s is None else long_s
    return Observation(ask, request, said, watched_s, lag_s, promises=promises)


def every(
    step_s: float, count: int, *, first_s: float | None = None, text: str = "data: {n}\n\n"
) -> list[tuple[float, str]]:
    """`count` reads of an event each, so many seconds apart."""
    begin_s = step_s if first_s is None else first_s
    return [(round(begin_s + n * step_s, 6), text.format(n=n)) for n in range(count)]


def judge(
    *seen: Observation, kind: Kind = NOTIFICATIONS, how: How = "cannot", url: str = URL
) -> Judge:
    """Who judges what was seen, the answer to a client's own request first."""
    terms = Terms(kind, Resuming(how, "as the test says"))
    target = Target(url=url, promises=seen[0].promises)
    return Judge(Observed(seen[0], seen[1:]), target, terms, 1)


def noticing(seen: Observation, after_s: float) -> Observation:
    """The same of a target that ended its response so long after its client had left."""
    leaving = Finding(
        check="disconnect_noticed", outcome="PASS", expected="noticed", observed="noticed"
    )
    said = replace(seen.said, answer="end", answer_s=after_s)
    return replace(seen, said=said, leaving=leaving)
