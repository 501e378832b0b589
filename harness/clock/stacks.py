"""Say where a run stands, in a few lines, for the error that ends it."""

from __future__ import annotations

import asyncio
import sys
import traceback
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import FrameType

import trio

_MAX_PLACES = 12
_MAX_FRAMES = 8
# A frame of these says how a task waits; the one below it says for what.
_PLUMBING = (
    "trio",
    "trio_asyncio",
    "asyncio",
    "anyio",
    "outcome",
    "contextlib",
    "harness.clock",
    "harness.net",
)

# The asyncio loops of this run: their tasks are invisible to trio.
asyncio_loops: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()


def thread_stack(thread_id: int) -> str:
    """Write the innermost frames of a thread, the outermost of them first.

    Args:
        thread_id: As `threading.get_ident` gives it.
    """
    frame = sys._current_frames().get(thread_id)  # noqa: SLF001 - documented despite its name
    if frame is None:
        return "  the thread has ended"
    frames = [(entry, line) for entry, line in traceback.walk_stack(frame)]
    return _joined(_place(entry, line) for entry, line in reversed(frames[:_MAX_FRAMES]))


def task_stacks(root: trio.lowlevel.Task) -> str:
    """Write where `root`, the tasks below it and all asyncio tasks stand, one line for a place."""
    places = Counter((*_trio_lines(root), *_asyncio_lines()))
    shown = [f"{n} x {line}" if n > 1 else line for line, n in places.items()][:_MAX_PLACES]
    if len(places) > len(shown):
        shown.append(f"and {len(places) - len(shown)} more")
    return _joined(shown)


def task_tree(root: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    """Walk `root` and the tasks below it, level by level; not the workings of trio-asyncio."""
    waiting = [root]
    while waiting:
        task = waiting.pop(0)
        # A set: sorted, so that one case always gives one text.
        children = [child for nursery in task.child_nurseries for child in nursery.child_tasks]
        waiting.extend(sorted(children, key=lambda child: child.name))
        if "trio_asyncio." not in task.name:
            yield task


def _trio_lines(root: trio.lowlevel.Task) -> Iterator[str]:
    for task in task_tree(root):
        label = "main" if task is root else _short(task.name)
        yield f"{label}: {_telling(task.iter_await_frames())}"


def _asyncio_lines() -> Iterator[str]:
    for loop in tuple(asyncio_loops):
        if loop.is_closed():
            continue
        for task in sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name()):
            frames = [(frame, frame.f_lineno) for frame in task.get_stack()]
            yield f"asyncio: {_telling(frames)}"


def _telling(frames: Iterable[tuple[FrameType, int]]) -> str:
    """Pick the innermost frame that is not plumbing, or the outermost of all."""
    outermost = telling = ""
    for frame, line in islice(frames, 200):
        place = _place(frame, line)
        outermost = outermost or place
        if not _is_plumbing(frame):
            telling = place
    return telling or outermost or "not started"


def _is_plumbing(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__", ""))
    return any(module == name or module.startswith(f"{name}.") for name in _PLUMBING)


def _place(frame: FrameType, line: int) -> str:
    path = Path(frame.f_code.co_filename)
    return f"{path.parent.name}/{path.name}:{line} in {frame.f_code.co_qualname}"


def _short(name: str) -> str:
    return name.rpartition("<locals>.")[2].rpartition(".")[2]


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)
