"""Worker processes: they end with this one, however it ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Protocol

# What reaches the whole group, and is this process's to answer. SIGTERM is how the executor ends
# workers when one of them has died, and they have to hear it.
_UNHEARD = [getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)]


class Submit(Protocol):
    """Has a worker call something."""

    def __call__[T, *Ts](self, call: Callable[[*Ts], T], /, *args: *Ts) -> Future[T]:
        """Begin; what comes of it."""
        ...


@contextmanager
def pool(workers: int) -> Iterator[Submit]:
    """Start processes as they are needed; those still busy when an exception leaves are killed."""
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        # Imported once; every worker is forked from there.
        context.set_forkserver_preload(["harness.engine.worker"])
        # First of all: when it starts it lifts a part of what `_unheard` lays on this process.
        with _unheard():
            resource_tracker.ensure_running()
    others = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)

    def submit[T, *Ts](call: Callable[[*Ts], T], /, *args: *Ts) -> Future[T]:
        with _unheard():
            return executor.submit(call, *args)

    is_complete = False
    try:
        yield submit
        is_complete = True
    finally:
        executor.shutdown(wait=is_complete, cancel_futures=True)
        if not is_complete:
            for child in set(multiprocessing.active_children()) - others:
                child.kill()
                child.join()


@contextmanager
def _unheard() -> Iterator[None]:
    """Keep what is started in here from ever hearing of Ctrl-C and the like.

    This process decides what becomes of the workers, from their first moment on: the server they
    are forked from would print where its imports stood.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _UNHEARD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """Begin a worker."""
    for number in _UNHEARD:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent watch", daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the end of the process that shares cases out: one that was killed tells nobody."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
