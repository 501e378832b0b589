"""What a server can do for its stream, applied to what it was seen to say.

That it flushes each event is not among it, although it is what a server that holds its own events
has to do: of a read that completes several of them, or of an answer that comes whole at its end,
nothing tells when each was written, so that there is nothing to replay. It is told as advice where
the server itself is judged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from harness.survey.cadence import coded, longest_silence_s
from harness.survey.observation import Observation
from harness.wire.headers import Headers, replaced, tokens, value

HEARTBEAT: Final = b": hb\n\n"
# The advice of the standard, "every 15 seconds or so"; and for whoever has less patience.
USUAL_S: Final = 15.0
OFTEN_S: Final = 2.0
# A timer is late, and never early: what comes at the very instant of a limit proves nothing.
_LATE = 1.03
# A stream with a heartbeat each two seconds for hours is not worth replaying.
_MOST_HEARTBEATS = 1000
_ROUNDING_S = 0.5


@dataclass(frozen=True)
class ServerFix:
    """Something a server may do.

    Attributes:
        name: What it is, in a word.
        text: What to do.
        helps: Whether a server that was seen to answer so does not do it already.
        apply: What it would have said then.
        field: The response field, lower case, that is all it changes; "": it changes more.
    """

    name: str
    text: str
    helps: Callable[[Observation], bool]
    apply: Callable[[Observation], Observation]
    field: str = ""


def _with_headers(seen: Observation, headers: Headers) -> Observation:
    return replace(seen, said=replace(seen.said, headers=headers))


def _unbuffered(seen: Observation) -> Observation:
    return _with_headers(seen, replaced(seen.said.headers, "X-Accel-Buffering", "no"))


def _untransformed(seen: Observation) -> Observation:
    said = "no-cache, no-transform"
    return _with_headers(seen, replaced(seen.said.headers, "Cache-Control", said))


def _at_once(seen: Observation) -> Observation:
    """The head, and a comment with it, as soon as the request is there."""
    first = ((0.0, b": hi\n\n"), *((it.t_s, it.data) for it in seen.reads))
    return replace(seen, said=replace(seen.said, head_s=0.0, reads=coded(first, seen.codings)))


def _beating(every_s: float) -> Callable[[Observation], Observation]:
    def apply(seen: Observation) -> Observation:
        """A comment whenever it was silent for so long, from the request on."""
        plain: list[tuple[float, bytes]] = []
        pause_s = every_s * _LATE
        last_s, is_whole, added = 0.0, True, 0
        over_s = seen.long_s
        for t_s, data, ends in [
            *((it.t_s, it.data, it.is_whole) for it in seen.reads),
            (over_s, b"", True),
        ]:
            while is_whole and last_s + pause_s < t_s and added < _MOST_HEARTBEATS:
                last_s += pause_s
                added += 1
                plain.append((last_s, HEARTBEAT))
            if data:
                plain.append((t_s, data))
            last_s, is_whole = max(last_s, t_s), ends
        head_s = min(seen.said.head_s, plain[0][0] if plain else seen.said.head_s)
        said = replace(seen.said, head_s=head_s, reads=coded(plain, seen.codings))
        return replace(seen, said=said)

    return apply


def _is_silent(every_s: float) -> Callable[[Observation], bool]:
    return lambda seen: longest_silence_s(seen) > every_s + _ROUNDING_S


UNBUFFERED: Final = ServerFix(
    "unbuffered",
    "response header  X-Accel-Buffering: no",
    lambda seen: value(seen.said.headers, "x-accel-buffering") != "no",
    _unbuffered,
    "x-accel-buffering",
)
UNTRANSFORMED: Final = ServerFix(
    "untransformed",
    "response header  Cache-Control: no-cache, no-transform",
    lambda seen: "no-transform" not in tokens(seen.said.headers, "cache-control"),
    _untransformed,
    "cache-control",
)
AT_ONCE: Final = ServerFix(
    "at once",
    'the head and a comment (": hi\\n\\n") at once, before there is anything to say',
    lambda seen: not seen.said.reads or seen.said.reads[0][0] > 1.0,
    _at_once,
)
BEATING: Final = ServerFix(
    "heartbeat",
    'a comment (": hb\\n\\n") after every 15 s of silence, from the request on',
    _is_silent(USUAL_S),
    _beating(USUAL_S),
)
BEATING_OFTEN: Final = ServerFix(
    "often",
    'a comment (": hb\\n\\n") after every 2 s of silence, from the request on',
    _is_silent(OFTEN_S),
    _beating(OFTEN_S),
)
SERVER_FIXES: Final = (UNBUFFERED, UNTRANSFORMED, AT_ONCE, BEATING, BEATING_OFTEN)
