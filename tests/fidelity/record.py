"""Add measurements of programs that are installed here to `records.json.gz`.

    python -m tests.fidelity.record nginx default h2

The probes of one group are asked through one row of `harness/fidelity/rows`, and what was seen is
kept under the names that they have there; what is recorded already stays as it is.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import msgspec

from harness.engine.fidelity import hold
from harness.fidelity.battery import GROUPS
from harness.fidelity.matrix import Held
from harness.fidelity.record import Record
from harness.fidelity.rows import rows
from tests.fidelity.records import Records, stored, write
from tests.fidelity.reduce import SENT, TELLING


class _Quiet:
    def finished(self, held: Held) -> None:
        """Say nothing."""


def added(there: Records, news: list[Record]) -> Records:
    """The same file with what is new in it."""
    known = {(it.intermediary, it.config, it.probe) for it in there.records}
    fresh = [it for it in news if (it.intermediary, it.config, it.probe) not in known]
    return msgspec.structs.replace(there, records=(*there.records, *map(_reduced, fresh)))


def _reduced(it: Record) -> Record:
    """The same without values that name a machine or an instant."""
    seen = it.seen
    fields = tuple((name, value if name in TELLING else "") for name, value in seen.fields)
    upstream = seen.upstream and tuple(
        msgspec.structs.replace(
            one, fields=tuple((name, value if name in SENT else "") for name, value in one.fields)
        )
        for one in seen.upstream
    )
    return msgspec.structs.replace(
        it, seen=msgspec.structs.replace(seen, fields=fields, upstream=upstream)
    )


def main(product: str, name: str, group: str) -> None:
    """Measure, and write the file anew."""
    (row,) = (it for it in rows(product) if it.name == name)
    (held,) = hold([replace(row, probes=dict(GROUPS[group]))], None, 1, _Quiet())
    if problem := held.skipped or held.error:
        raise SystemExit(problem)
    news = [cell.record for cell in held.cells]
    print(write(added(stored(), news)), "bytes")  # noqa: T201 - what this command is for


if __name__ == "__main__":
    main(*sys.argv[1:])
