"""Time the virtual clock: seconds of a case for one second of the wall, and whole commands.

The case has 900 s, an event a second, a heartbeat every 15 s and a journal on disk, behind one hop
and behind five; every hop is mitmproxy with an idle timeout in it. A ratio of 1 or more meets the
target. The best of all rounds counts, since whatever else the machine does only ever adds time:

    python benchmarks/virtual.py --rounds 5
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.engine.case import perform
from harness.engine.stage import Props
from harness.model.journal import StageOver
from harness.model.scenario import Case, FaultSpec, Hop, Scenario, Target, Traffic

LASTS_S = 900.0
# What a command needs before the files of an installation are in the system's cache is not ours.
ONE_CASE = "idle/proxy-60s"


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure.

    Args:
        name: What was measured.
        target: What it has to be.
        unit: Of both.
        is_rate: More is better; else less is.
        once: Measures it once.
    """

    name: str
    target: float
    unit: str
    is_rate: bool
    once: Callable[[Path], float]


def case(hops: int) -> Case:
    """A quiet life behind so many hops."""
    hop = Hop(faults=(FaultSpec(name="idle_timeout", settings={"after": "60s"}),))
    return Case(
        id=f"benchmark/{hops}-hops",
        scenario=Scenario(
            id=f"benchmark/{hops}-hops",
            why="how fast the virtual clock is",
            traffic=Traffic(every_s=1.0, end_after_s=LASTS_S),
            through=(hop,) * hops,
        ),
        target=Target(),
        clock="virtual",
        seed=1,
    )


def simulated_per_s(hops: int, directory: Path) -> float:
    """Perform the case; how many of its seconds went by in one of the wall's."""
    entries, wall_s = perform(case(hops), Props(), directory / f"{hops}.jsonl")
    over = entries[len(entries) - 1]
    if not isinstance(over, StageOver) or over.t_s < LASTS_S:
        raise SystemExit(f"the case with {hops} hops did not come to its end: {over}")
    return over.t_s / wall_s


def command_s(directory: Path, *words: str) -> float:
    """Run the command line; how long it took, interpreter and imports included."""
    command = [sys.executable, "-m", "harness", *words]
    if words[0] == "run":
        command += ["--report-dir", str(directory)]
    began_s = time.perf_counter()
    process = subprocess.run(command, check=False, capture_output=True, text=True)
    took_s = time.perf_counter() - began_s
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{process.stdout[-2000:]}{process.stderr}")
    return took_s


def measures(workers: int) -> Iterator[Measure]:
    for hops, target in ((1, 3000.0), (5, 1500.0)):
        yield Measure(
            f"900 s behind {hops} hop{'s' if hops > 1 else ''}",
            target,
            "simulated s/s",
            is_rate=True,
            once=lambda directory, hops=hops: simulated_per_s(hops, directory),  # type: ignore[misc]  # a default is how a loop's value is kept
        )
    for name, target, words in (
        (f"run: the suite, -n {workers}", 20.0, ("run", "-n", str(workers))),
        (f"run {ONE_CASE}", 1.5, ("run", ONE_CASE, "-k", "not twin")),
        ("--help", 0.3, ("--help",)),
    ):
        yield Measure(
            name,
            target,
            "s",
            is_rate=False,
            once=lambda directory, words=words: command_s(directory, *words),  # type: ignore[misc]  # as above
        )


def main() -> None:
    arguments = argparse.ArgumentParser(description="Time the virtual clock and whole commands.")
    arguments.add_argument("--rounds", type=int, default=5, help="the best of so many counts")
    arguments.add_argument("--workers", type=int, default=2, help="processes for the whole suite")
    arguments.add_argument("--only", default="", help="only figures whose name contains this")
    options = arguments.parse_args()
    print(f"{'':32}{'best':>10}{'median':>10}{'target':>10}  {'':14}{'ratio':>6}")
    with tempfile.TemporaryDirectory() as directory:
        for it in measures(options.workers):
            if options.only not in it.name:
                continue
            figures = sorted(
                (it.once(Path(directory)) for _ in range(options.rounds)), reverse=it.is_rate
            )
            best = figures[0]
            ratio = best / it.target if it.is_rate else it.target / best
            middle = figures[len(figures) // 2]
            shown = f"{best:10.0f}{middle:10.0f}" if it.is_rate else f"{best:10.2f}{middle:10.2f}"
            print(f"{it.name:32}{shown}{it.target:10g}  {it.unit:14}{ratio:6.2f}", flush=True)


if __name__ == "__main__":
    main()
