"""When the target spoke and when the client heard it, as two lines of characters.

sent |......................||||||||||||||||||||
seen |.........................................#
"""

from __future__ import annotations

import math
from collections.abc import Sequence

COLUMNS = 41
_NOTHING, _SOME, _MANY, _CUT = ".", "|", "#", "x"
# A stretch that holds so many times what is usual holds a burst.
_BURST = 3


def timeline(
    sent_s: Sequence[float],
    seen_s: Sequence[float],
    until_s: float,
    cut_s: float | None = None,
    columns: int = COLUMNS,
) -> tuple[str, str]:
    """Both lines, over the same time.

    Args:
        sent_s: When the target said each event.
        seen_s: When each came to the client.
        until_s: The end of the time shown, in seconds; it begins at 0.
        cut_s: When the response was ended by somebody on the path; None: it was not.
        columns: Characters in a line.
    """
    step_s = max(until_s, 1e-6) / columns
    sent, seen = _counts(sent_s, step_s, columns), _counts(seen_s, step_s, columns)
    busy = sorted(it for it in sent if it)
    usual = busy[len(busy) // 2] if busy else 1
    above = "".join(_mark(it, usual) for it in sent)
    below = [_mark(it, usual) for it in seen]
    if cut_s is not None:
        at = min(int(cut_s / step_s), columns - 1)
        below[at:] = [_CUT, *" " * (columns - at - 1)]
    return above, "".join(below).rstrip()


def _counts(times_s: Sequence[float], step_s: float, columns: int) -> list[int]:
    out = [0] * columns
    for t_s in times_s:
        at = math.floor(t_s / step_s)
        if 0 <= at <= columns:
            out[min(at, columns - 1)] += 1
    return out


def _mark(count: int, usual: int) -> str:
    if not count:
        return _NOTHING
    return _MANY if count >= _BURST * usual and count > 1 else _SOME
