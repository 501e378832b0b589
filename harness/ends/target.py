"""Where the server under test is, and how to reach it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from harness.errors import UsageError

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a target.

    Args:
        scheme: http or https.
        host: As the URL names it.
        port: Explicit or the scheme's own.
        target: Path and query.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, so that its clock is ours."""
        return self.host == "localhost" or self.host.startswith("127.") or self.host == "::1"

    def tls(self) -> ssl.SSLContext | None:
        """What verifies the target; None for plain HTTP."""
        if self.scheme == "http":
            return None
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        return context


def origin(url: str) -> Origin:
    """Take a target's URL apart.

    Raises:
        UsageError: It is not an http or https URL with a host.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"--url {url}: {error}") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise UsageError(f"--url {url}: expected a URL such as http://127.0.0.1:8000/events")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Origin(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], target)
