"""Run one case and keep its journal: what a worker process does."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import trio

from harness import clock
from harness.ends.app import load
from harness.ends.command import called
from harness.engine.recorder import FLUSH_S, Recorder
from harness.engine.stage import Props, Stage, is_simulated, watch_s
from harness.errors import HarnessError, HopError, LocalEnvironmentError, TargetError
from harness.hops.mitm import preload
from harness.model import journal, redaction, secret_values
from harness.model.journal import Journal
from harness.model.scenario import App, Case, Command, FaultSpec, Hop, ProductUse, Target, Trigger
from harness.version import VERSION

_BUDGET_SLACK_S = 60.0
# A virtual case that takes longer than this on the wall is stuck, not slow.
_WALL_LIMIT_S = 120.0


def perform(case: Case, props: Props, path: Path | None) -> tuple[Journal, float]:
    """Run a case.

    A virtual case that touches the world outside the process is run again on the real clock, since
    the outside does not wait; its journal says which clock it had.

    Args:
        case: What to run.
        props: What it needs beside itself.
        path: Where its journal goes; None: nowhere.

    Returns:
        The journal, and the wall seconds it took.

    Raises:
        LocalEnvironmentError: The journal cannot be written.
        MissingExtraError: The case needs mitmproxy, which is not installed.
    """
    if is_simulated(case):
        # Before anybody watches: what modules do when they are imported is not the case's doing.
        preload()
    began = time.perf_counter()
    if case.target.app is not None:
        with suppress(Exception):  # told by the case, which imports it again
            load(case.target.app)
    if case.clock == "real":
        entries = _once(case, props, path)
    else:
        with clock.watch_outside() as outside:
            entries = _once(case, props, path)
        if outside.touched is not None:
            moved = case.model_copy(update={"clock": "real"})
            entries = _once(moved, props, path, journal.StageMoved(why=outside.touched))
    return entries, time.perf_counter() - began


def _once(
    case: Case, props: Props, path: Path | None, moved: journal.StageMoved | None = None
) -> Journal:
    flush_s = FLUSH_S if case.clock == "real" else math.inf
    hidden = secret_values.of(case.target)
    with Recorder(path, trio.current_time, props.watch, flush_s, hidden) as recorder:
        recorder.record(_first_entry(case))
        try:
            clock.run(
                _perform,
                Stage(case, props, recorder),
                recorder,
                moved,
                clock=case.clock,
                seed=case.seed,
                budget_s=budget_s(case, props),
                wall_limit_s=_WALL_LIMIT_S + _real_s(case),
            )
        except LocalEnvironmentError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug of ours ends one case, not the run: it is an ERROR
            recorder.fail(_problem(error))
        return recorder.journal()


def budget_s(case: Case, props: Props) -> float:
    """The virtual budget of a case: more than it can use."""
    return math.inf if case.clock == "real" else watch_s(case) + props.settle_s + _BUDGET_SLACK_S


def _real_s(case: Case) -> float:
    """How long a case may take for no fault of ours, in seconds of this machine."""
    command = case.target.command
    ready_s = 0.0 if command is None else command.ready_timeout_s
    return ready_s + (watch_s(case) if case.clock == "real" else 0.0)


async def _perform(stage: Stage, recorder: Recorder, moved: journal.StageMoved | None) -> None:
    if moved is not None:
        recorder.record(moved)
    await stage.perform()


def _problem(error: Exception) -> journal.StageProblem:
    match error:
        case TargetError():
            return journal.StageProblem(source="target", message=error.message)
        case HopError():
            return journal.StageProblem(source="hop", message=error.message, hop=error.hop or None)
        case HarnessError():
            return journal.StageProblem(source="stage", message=str(error))
        case _:
            return journal.StageProblem(
                source="stage", message="".join(traceback.format_exception(error))
            )


def _first_entry(case: Case) -> journal.CaseEntry:
    return journal.CaseEntry(
        schema=journal.SCHEMA,
        version=journal.VERSION,
        tool=VERSION,
        case=_without_secrets(case).model_dump(mode="json", by_alias=True, exclude_defaults=True),
        clock=case.clock,
        seed=case.seed,
        target=describe(case.target),
        is_reference=case.target.is_reference,
    )


def without_secrets(hops: Sequence[Hop]) -> tuple[Hop, ...]:
    """A chain as it may be shown: header fields that a fault sets may be secret."""
    return tuple(
        hop.model_copy(
            update={
                "faults": tuple(map(_struck, hop.faults)),
                "product": None if hop.product is None else _struck(hop.product),
            }
        )
        for hop in hops
    )


def _struck[T: (FaultSpec, ProductUse)](it: T) -> T:
    return it.model_copy(update={"settings": redaction.settings(it.settings)})


def _without_secrets(case: Case) -> Case:
    through = without_secrets(case.scenario.through)
    scenario = case.scenario.model_copy(update={"through": through})
    case = case.model_copy(update={"scenario": scenario})
    return case.model_copy(update={"target": target_without_secrets(case.target)})


def target_without_secrets(target: Target) -> Target:
    """A target as it may be shown."""
    if target.url is None:
        return target
    return target.model_copy(
        update={
            "url": redaction.url(target.url),
            "headers": redaction.headers(target.headers),
            "body": None
            if target.body is None
            else f"[{len(target.body.encode(errors='surrogateescape'))} bytes]",
            "command": None if target.command is None else _unset(target.command),
            "app": None if target.app is None else _unset_app(target.app),
            "trigger": None if target.trigger is None else _struck_trigger(target.trigger),
        }
    )


def _unset(command: Command) -> Command:
    """A command as it may be shown: what its variables are set to is nobody's business."""
    env = tuple((name, redaction.STRUCK) for name, _ in command.env)
    return command.model_copy(update={"words": redaction.words(command.words), "env": env})


def _unset_app(app: App) -> App:
    env = tuple((name, redaction.STRUCK) for name, _ in app.env)
    return app.model_copy(update={"env": env})


def _struck_trigger(it: Trigger) -> Trigger:
    shown = {
        "url": None if it.url is None else redaction.url(it.url),
        "headers": redaction.headers(it.headers),
        "body": None if it.body is None else f"[{len(it.body.encode())} bytes]",
        "command": redaction.words(it.command),
    }
    return it.model_copy(update=shown)


def describe(target: Target) -> str:
    """What is tested, for a person."""
    if target.url is not None:
        method = "" if target.method == "GET" else f"{target.method} "
        url = secret_values.of(target).text(target.url)
        if target.app is not None:
            return f"{method}{urlsplit(url).path} of the application {target.app.name}"
        if target.command is None:
            return method + url
        return f"{method}{url} of {secret_values.of(target).text(called(target.command))}"
    flaws = " with ".join(["", ", ".join(target.flaws)]) if target.flaws else ""
    return "the built-in reference server" + flaws
