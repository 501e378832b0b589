"""Perform cases of the built-in suite and print a line `digest id` for each performance.

python -m tests.engine.digests --times 3 --shuffle 7 direct/healthy resume/gateway-503
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

from harness.engine.case import perform
from harness.engine.judge import digest
from tests.engine.performing import authority, built_in, props_of


def main() -> None:
    """Perform what the arguments name."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--times", type=int, default=1)
    arguments.add_argument("--shuffle", type=int, default=0, help="seed of the order")
    arguments.add_argument("ids", nargs="+")
    options = arguments.parse_args()
    cases = [built_in()[case_id] for case_id in options.ids] * options.times
    random.Random(options.shuffle).shuffle(cases)
    with tempfile.TemporaryDirectory() as directory:
        ca = authority(cases, Path(directory))
        for case in cases:
            entries, _ = perform(case, props_of(case, ca=ca), None)
            print(digest(entries), case.id, flush=True)  # noqa: T201 - read by the test that started this


if __name__ == "__main__":
    main()
