"""Hold a product against what was measured: `python -m tests.fidelity nginx`."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from harness.errors import HarnessError
from harness.fidelity.held import Fact
from harness.fidelity.record import Record
from harness.scenario.chain import parse_chain
from tests.fidelity import configs, records
from tests.fidelity.held import held, held_chain

_SHOWN_PLACES = 6


def main(arguments: Sequence[str] | None = None) -> int:
    """Print how far simulation and measurement agree, and where they do not."""
    options = _options().parse_args(arguments)
    try:
        lines = list(_lines(options))
    except HarnessError as error:
        print(error, file=sys.stderr)  # noqa: T201 - what this command is for
        return 2
    with contextlib.suppress(BrokenPipeError):  # `| head` has seen enough
        print("\n".join(lines), flush=True)  # noqa: T201 - what this command is for
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.fidelity", description=__doc__)
    parser.add_argument("name", help="a product, or with --through or --texts a program of the log")
    parser.add_argument("--probe", default="*", help="probes, as globs with commas between")
    parser.add_argument("--config", default="*", help="a config of the log, or a glob")
    parser.add_argument("--through", help="hold this chain against them, as in `through:`")
    parser.add_argument("--texts", action="store_true", help="print the configurations of the log")
    parser.add_argument("-v", "--verbose", action="store_true", help="every record by itself")
    return parser


def _lines(options: argparse.Namespace) -> Iterator[str]:
    wanted = _wanted(options.probe, options.config)
    if options.texts:
        yield from _texts(options.name, options.config)
    elif options.through is not None:
        chosen = [it for it in records.of([options.name]) if wanted(it)]
        facts = held_chain(parse_chain(options.through), chosen)
        yield from _summary(facts, len(chosen), is_verbose=options.verbose)
    elif options.name not in configs.names():
        yield f"no tests/fidelity/configs/{options.name}.yaml; there are {configs.names()}"
        yield from _texts(options.name, options.config)
    else:
        it = held(configs.configs(options.name), wanted)
        yield from _summary(it.facts, it.records, is_verbose=options.verbose)
        for config, why in it.left_out.items():
            if fnmatchcase(config, options.config):
                yield f"not modelled  {config}: {why}"


def _wanted(probe: str, config: str) -> Callable[[Record], bool]:
    probes = probe.split(",")
    return lambda it: (
        fnmatchcase(it.config, config) and any(fnmatchcase(it.probe, glob) for glob in probes)
    )


def _summary(facts: Sequence[Fact], count: int, *, is_verbose: bool) -> Iterator[str]:
    own = [it for it in facts if it.is_own]
    yield f"{count} records: {_share(facts)}"
    yield f"of what a plain relay gets wrong: {_share(own)}"
    for fact in sorted({it.compared.fact for it in facts}):
        mine = [it for it in facts if it.compared.fact == fact]
        if not all(it.compared.is_agreed for it in mine):
            yield f"  {fact:28} {_share(mine)}"
    groups: dict[tuple[str, ...], list[Record]] = {}
    for it in facts:
        if not it.compared.is_agreed:
            both = it.compared
            place = both.record.name if is_verbose else ""
            key = (both.fact, both.measured, both.simulated, it.why, place)
            groups.setdefault(key, []).append(both.record)
    for (fact, measured, simulated, why, _), found in sorted(groups.items()):
        known = f"  (known: {why})" if why else ""
        yield f"{fact}: measured {measured} | simulated {simulated}{known}"
        yield f"    {_places(found)}"


def _share(facts: Sequence[Fact]) -> str:
    agreed = sum(it.compared.is_agreed for it in facts)
    share = 100 * agreed / len(facts) if facts else 100.0
    return f"{agreed} of {len(facts)} facts agree ({share:.1f} %)"


def _places(found: Iterable[Record]) -> str:
    names = [it.name for it in found]
    shown = "; ".join(names[:_SHOWN_PLACES])
    return shown if len(names) <= _SHOWN_PLACES else f"{shown}; … {len(names)} in all"


def _texts(program: str, config: str) -> Iterator[str]:
    for it in dict.fromkeys((it.intermediary, it.config) for it in records.of([program])):
        if fnmatchcase(it[1], config):
            yield f"{it[1]}: {' '.join(records.stored().texts['/'.join(it)].split())}"


if __name__ == "__main__":
    sys.exit(main())
