"""The measurements, as the comparison needs them.

Provenance: in November 2026 each program was installed from its distribution's or vendor's package
and started on loopback with the configuration in `texts`, between a scripted origin and a probing
client that logged every read. One record is one probe through one configuration of one program. The
committed file is that log reduced by `reduce.py`.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import msgspec

from harness.fidelity.record import Record

FILE = Path(__file__).parent / "records.json.gz"


class Records(msgspec.Struct, frozen=True):
    """The whole file.

    Args:
        texts: `intermediary/config` → the program's own configuration.
    """

    provenance: str
    texts: dict[str, str]
    records: tuple[Record, ...]


@cache
def stored() -> Records:
    """The committed measurements."""
    return msgspec.json.decode(gzip.decompress(FILE.read_bytes()), type=Records)


def write(records: Records, file: Path = FILE) -> int:
    """Write the file, the same bytes for the same records; its size in bytes."""
    packed = gzip.compress(msgspec.json.encode(records), compresslevel=9, mtime=0)
    return file.write_bytes(packed)


def of(programs: Sequence[str]) -> list[Record]:
    """The records of some programs, in the order of the log.

    Args:
        programs: `nginx`, or `pyservers/gunicorn_*` for the configs of a name that is several's.
    """
    return [
        it
        for it in stored().records
        if any(fnmatchcase(f"{it.intermediary}/{it.config}", _glob(name)) for name in programs)
    ]


def _glob(name: str) -> str:
    return name if "/" in name else f"{name}/*"
