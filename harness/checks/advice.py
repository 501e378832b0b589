"""What cures it, and what shows it in production: one line each, fitted to what was seen."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from urllib.parse import urlsplit

from harness.checks.blame import Ending
from harness.checks.evidence import Evidence
from harness.checks.places import Attempt
from harness.units import show_seconds
from harness.wire.headers import value

STREAM_HEADERS = "Content-Type: text/event-stream, Cache-Control: no-cache, no-transform"


def heartbeat(silence_s: float) -> str:
    """Keep every silence under a limit that was seen to be `silence_s`."""
    return f'send a comment (": hb\\n\\n") at least every {_half(silence_s)}'


def curl(evidence: Evidence, *options: str, origin: str = "https://HOST") -> str:
    """The request as curl makes it, with the user's own host.

    Args:
        evidence: The case.
        *options: Further options of curl.
        origin: Whom to ask; by default the server as it is reached in production.
    """
    urls = [it.request.url for it in evidence.attempts]
    parts = urlsplit(urls[0]) if urls else urlsplit("/")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    asked = evidence.case.target
    method = () if asked.method == "GET" else ("-X", asked.method)
    body = () if asked.body is None else ("-d", "…")
    sent = ("-H", "Accept: text/event-stream", *method, *body, *options)
    wanted = (*sent, f"{origin}{path}")
    # Path and ids come from outside, and the line is there to be pasted into a shell.
    return f"curl -N --http1.1 {shlex.join(wanted)}"


def timed_curl(evidence: Evidence, shown: str = "%{http_code} after %{time_total} s") -> str:
    """The same, printing times: of curl's variables, by default how long the response lived."""
    return curl(evidence, "-o", "/dev/null", "-w", f"{shown}\\n")


def resume_curl(evidence: Evidence, last_id: str) -> str:
    """The request of a client that resumes after an id."""
    return f"{curl(evidence, '-H', f'Last-Event-ID: {last_id}')}  # begins with the event after it"


def is_silence(endings: Sequence[Ending]) -> bool:
    """Whether these ends, all one hop's doing, came for silence rather than for age.

    Two or more tell it by what they have in common: the silence before, or the age.
    """
    alike = [it for it in endings if not it.is_before_head]
    if len(alike) < 2:
        return all(it.is_after_silence for it in endings)
    silences = [it.silence_s for it in alike]
    lives = [it.life_s for it in alike]
    silence_spread = max(silences) - min(silences)
    life_spread = max(lives) - min(lives)
    if math.isclose(silence_spread, life_spread, abs_tol=0.1):
        return all(it.is_after_silence for it in alike)
    return silence_spread < life_spread


def against_cut(evidence: Evidence, endings: Sequence[Ending]) -> tuple[str, str]:
    """Fix and confirmation for responses that one hop ended."""
    worst = min(endings, key=lambda it: it.life_s)
    silence, life = f"{worst.silence_s:.0f} s", f"{worst.life_s:.0f} s"
    if worst.how == "refused":
        return "let the hop accept as many connections as there are clients", curl(evidence)
    holder = evidence.holder(worst)
    if holder is not None:
        return against_hold(evidence, worst.attempt, holder)
    if worst.is_before_head and worst.silence_s < 1.0:
        return f"let {_hop(worst.hop)} pass requests on: it answers by itself", curl(evidence, "-i")
    if worst.is_before_head:
        fix = f"send the response head at once, then a comment: the hop waits {silence} for it"
        return fix, timed_curl(evidence)
    if is_silence(endings):
        return heartbeat(worst.silence_s), f"{curl(evidence)}  # ends after {silence} of silence"
    fix = f"send ids and resume after Last-Event-ID: the path ends streams after {life}"
    return fix, f"{timed_curl(evidence)}  # {life}, heartbeats or not"


def against_hold(evidence: Evidence, attempt: Attempt, hop: int) -> tuple[str, str]:
    """Fix and confirmation for bytes that one hop held back."""
    route = evidence.route(attempt)
    head = None if route.exchange is None else route.exchange.head
    said = () if head is None else head.headers
    at_hop = next((it for it in route.hops if it.hop == hop), None)
    bursts = f"{curl(evidence)}  # events in bursts; one by one at the server itself"
    if at_hop is not None and at_hop.stall is not None:
        alive_s = at_hop.stall.t_s - (at_hop.forwarded or at_hop.request).t_s
        fix = f"{heartbeat(alive_s)}, and let clients reconnect when none comes"
        return fix, f"{curl(evidence)}  # open and silent, while the server speaks"
    if at_hop is not None and at_hop.is_recoded:
        fix = f'send "Cache-Control: no-transform": hop {hop} compresses, and keeps events for it'
        return fix, f"{curl(evidence, '--compressed', '-i')}  # Content-Encoding, and bursts"
    if value(said, "x-accel-buffering") != "no":
        return f'send "X-Accel-Buffering: no": hop {hop} holds what it reads', bursts
    fix = f"turn response buffering off at hop {hop}, or pad events to its buffer: it does not heed"
    return f"{fix} X-Accel-Buffering", bursts


def against_keeping(evidence: Evidence, attempt: Attempt) -> tuple[str, str]:
    """Fix and confirmation for events that the target itself kept back."""
    exchange = evidence.route(attempt).exchange
    codings = () if exchange is None else exchange.stream.codings
    if codings:
        fix = f"flush the {', '.join(codings)} coder after every event, or leave streams uncoded"
        return fix, f"{curl(evidence, '--compressed')}  # events in bursts at the server itself"
    return (
        "flush every event when it is written",
        f"{curl(evidence)}  # events in bursts at the server itself",
    )


def against_latency(evidence: Evidence, delay_s: float) -> tuple[str, str]:
    """Fix and confirmation for a delay that is the same for all, or that no hop made."""
    return (
        f"allow for {seconds(delay_s)}: nothing the server sends makes this path faster",
        timed_curl(evidence, "first byte after %{time_starttransfer} s"),
    )


def at_hop(hop: int | None) -> str:
    """By whom: `by hop 2`, `by the target`."""
    return "by the target" if hop is None else f"by hop {hop}"


def _hop(hop: int | None) -> str:
    return "every hop" if hop is None else f"hop {hop}"


def seconds(value_s: float) -> str:
    """Seconds for a reader, to a tenth; see `show_seconds`."""
    return show_seconds(value_s)


def _half(silence_s: float) -> str:
    half_s = silence_s / 2
    return f"{math.floor(half_s)} s" if half_s >= 2 else f"{half_s:.1f} s"
