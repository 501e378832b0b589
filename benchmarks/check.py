"""Time `check`: what one more chain costs, how fast streams are replayed, and whole commands.

The stream is an answer of an LLM, 400 tokens in 20 s, and what is timed is what `check` does with
it: replayed through every chain and judged, and then with each remedy through each chain it does
not survive. `direct` is the same stream replayed and judged with no chain at all: what is not the
chains' doing. The whole command serves an application of FastAPI, which has to be installed.

A ratio of 1 or more meets the target. Processor time, but for the command; the best of all rounds:

    python benchmarks/check.py --rounds 3
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from harness.hops.observed import Said
from harness.model import journal
from harness.model.ask import Ask
from harness.model.scenario import Target
from harness.survey.cells import Cell, all_chains, all_products, all_settings
from harness.survey.expect import Terms
from harness.survey.judging import TARGET, Judge, Judged
from harness.survey.kinds import LLM_TOKENS
from harness.survey.observation import Observation
from harness.survey.play import Observed
from harness.survey.proofs import Prover, is_curable
from harness.survey.resuming import Resuming
from harness.wire.headers import Headers

TOKENS = 400
EVERY_S = 0.05
ASKING: Headers = (("Host", "target.test"), ("Accept-Encoding", "gzip, deflate, br, zstd"))
STREAM: Headers = (("Content-Type", "text/event-stream"), ("Cache-Control", "no-cache"))
TOKEN = b'data: {"choices":[{"index":0,"delta":{"content":" tok%d"}}]}\n\n'

# Twenty events, a second apart; nothing that a proxy would have to be told.
APP = """
import asyncio
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

app = FastAPI()

@app.get("/stream")
async def stream():
    async def told():
        for n in range(20):
            await asyncio.sleep(1)
            yield f"data: {n}\\n\\n"
    return StreamingResponse(told(), media_type="text/event-stream")
"""
# What the command ends with for this application: proxies hold it.
FAILED = 1


def observed() -> Observed:
    """An answer in both versions of the protocol that chains ask in."""
    reads = tuple((EVERY_S * (n + 1), TOKEN % n) for n in range(TOKENS))
    end_s = EVERY_S * (TOKENS + 1)
    seen = []
    for version, framing in (("HTTP/1.1", "chunked"), ("HTTP/1.0", "close")):
        ask = Ask.of(version, ASKING)
        said = Said(200, "HTTP/1.1", framing, STREAM, 0.0, reads, "end", end_s)
        request = journal.TapRequest(
            x=1, method="POST", target="/chat", version=version, headers=ASKING
        )
        seen.append(Observation(ask, request, said, end_s, 0.0))
    return Observed(seen[0], seen[1:])


def judge() -> Judge:
    """Who judges it, and has not replayed it yet."""
    terms = Terms(LLM_TOKENS, Resuming("cannot", "no ids"))
    return Judge(observed(), Target(url="http://target.test/chat"), terms, seed=1)


def direct_s(count: int) -> float:
    """The stream replayed and judged on no path, the mean of so many."""
    judges = [judge() for _ in range(count)]
    began_s = time.process_time()
    for it in judges:
        it.through(TARGET)
    return (time.process_time() - began_s) / count


def chains_s(cells: list[Cell]) -> tuple[float, float, list[Judged]]:
    """The same on every path: the mean of all, how many seconds of it were replayed, the rest."""
    own = judge()
    began_s = time.process_time()
    judged = [own.through(it) for it in cells]
    took_s = time.process_time() - began_s
    played = [it.played.until_s for it in judged if it.played is not None]
    if len(played) < len(cells):
        raise SystemExit(f"only {len(played)} of {len(cells)} chains could be replayed")
    return took_s / len(cells), sum(played), judged


def proofs_s(judged: list[Judged]) -> float:
    """Every remedy on every chain that the stream does not survive."""
    prover = Prover(judge())
    curable = [it for it in judged if is_curable(it)]
    began_s = time.process_time()
    cured = [prover.prove(it).cures for it in curable]
    took_s = time.process_time() - began_s
    if not any(cured):
        raise SystemExit("nothing cures anything: these are not the chains that are meant")
    return took_s


def command_s(folder: Path) -> float:
    """The command, interpreter and imports included, in a folder with an application."""
    (folder / "main.py").write_text(APP, encoding="utf-8")
    words = [sys.executable, "-m", "harness", "check", "--app", "main:app", "--url", "/stream"]
    began_s = time.perf_counter()
    process = subprocess.run(words, cwd=folder, check=False, capture_output=True, text=True)
    took_s = time.perf_counter() - began_s
    if process.returncode != FAILED or "SURVIVES" not in process.stdout:
        raise SystemExit(f"check failed:\n{process.stdout[-2000:]}{process.stderr}")
    return took_s


def figures(cells: list[Cell], folder: Path) -> Iterator[tuple[str, float, float, str, bool]]:
    """Each figure of one round: its name, what it is and has to be, its unit, more is better."""
    alone_s = direct_s(20)
    chain_s, replayed_s, judged = chains_s(cells)
    yield "a chain, by direct", chain_s / alone_s, 4.0, "times", False
    yield "streams through chains", replayed_s / (chain_s * len(cells)), 3000.0, "s/s", True
    yield "fixes, by all chains", proofs_s(judged) / (chain_s * len(cells)), 3.0, "times", False
    yield "check --app", command_s(folder), 3.5, "s", False


def main() -> None:
    arguments = argparse.ArgumentParser(description="Time what `check` does with a stream.")
    arguments.add_argument("--rounds", type=int, default=3, help="the best of so many counts")
    options = arguments.parse_args()
    cells = [*all_products(), *all_settings(), *all_chains()]
    with tempfile.TemporaryDirectory() as folder:
        rounds = [list(figures(cells, Path(folder))) for _ in range(options.rounds)]
    print(f"{'':32}{'best':>10}{'median':>10}{'target':>10}  {'':8}{'ratio':>6}")
    for each in zip(*rounds, strict=True):
        name, _, target, unit, is_rate = each[0]
        found = [it[1] for it in each]
        best = max(found) if is_rate else min(found)
        ratio = best / target if is_rate else target / best
        middle = statistics.median(found)
        print(f"{name:32}{best:10.2f}{middle:10.2f}{target:10g}  {unit:8}{ratio:6.2f}")


if __name__ == "__main__":
    main()
