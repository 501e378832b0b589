"""The real nginx on loopback, with a configuration that a test wrote."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.engine import leashed
from tests.real.programs import PATIENCE_S, is_listening

# What has to stand in http so that nothing outside the folder of a test is written.
QUIET = "access_log off; " + " ".join(
    f"{name}_temp_path temp;" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Answer:
    """A response.

    Args:
        status: Its code.
        fields: Its header fields, names in lower case.
        body: Its body.
    """

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def field(self, name: str) -> str | None:
        """The value of its first field of this name."""
        return next((value for it, value in self.fields if it == name), None)


def program() -> str:
    """Where nginx is; without it the test is skipped, and fails in CI."""
    found = shutil.which("nginx")
    if found is None:
        kind = pytest.fail.Exception if os.environ.get("CI") else pytest.skip.Exception
        raise kind("nginx is missing: apt-get install nginx")
    return found


def tested(conf: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Let nginx test a configuration: `-t`, or `-T` to have it dumped as well."""
    return subprocess.run(
        [program(), "-p", str(conf.parent), *flags, "-c", str(conf), "-g", _aside(conf)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


@contextmanager
def running(conf: Path, ports: Sequence[int]) -> Iterator[None]:
    """Run nginx until the block is left.

    Args:
        conf: Its configuration.
        ports: Of loopback, which it listens on.
    """
    aside = f"daemon off; master_process off; {_aside(conf)}"
    with (conf.parent / "nginx.log").open("wb") as log:
        process = subprocess.Popen(
            [program(), "-p", str(conf.parent), "-c", str(conf), "-g", aside],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline_s = time.monotonic() + PATIENCE_S
        while not all(map(is_listening, ports)):
            said = (conf.parent / "nginx.log").read_text()
            assert process.poll() is None, said
            assert time.monotonic() < deadline_s, said
            time.sleep(_POLL_S)
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on, each once."""
    return leashed.free_ports([0] * count)


def ask(
    port: int,
    target: str,
    host: str = "localhost",
    fields: Mapping[str, str] | None = None,
    address: str = "127.0.0.1",
) -> Answer:
    """Send a GET, its target as it is, and read the response."""
    link = http.client.HTTPConnection(address, port, timeout=PATIENCE_S)
    try:
        link.putrequest("GET", target, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": host, **(fields or {})}.items():
            link.putheader(name, value)
        link.endheaders()
        response = link.getresponse()
        found = tuple((name.lower(), value) for name, value in response.getheaders())
        return Answer(response.status, found, response.read())
    finally:
        link.close()


def _aside(conf: Path) -> str:
    return f"pid {conf.parent / 'nginx.pid'}; error_log stderr;"
