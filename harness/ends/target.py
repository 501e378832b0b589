"""Where the server under test is, and how to reach it."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import trio

from harness.errors import UsageError, shown
from harness.model import redaction

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

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, so that its clock is ours."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def tls(self, *, insecure: bool = False, cacert: str = "") -> ssl.SSLContext | None:
        """What verifies the target; None for plain HTTP.

        Args:
            insecure: Nothing is verified.
            cacert: A file of certificates to trust in place of this machine's; "": this machine's.

        Raises:
            UsageError: That file cannot be read, or holds no certificates.
        """
        if self.scheme == "http":
            return None
        try:
            context = ssl.create_default_context(cafile=cacert or None)
        except ssl.SSLError as error:
            message = f"--cacert {cacert}: expected certificates in PEM format"
            raise UsageError(message) from error
        except OSError as error:
            message = f"--cacert {cacert}: {(error.strerror or str(error)).lower()}"
            raise UsageError(message) from error
        if insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
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
        httpx.URL(url)  # what the client makes of it
        (parts.hostname or "").encode("idna")  # what the resolver makes of it
    except (ValueError, httpx.InvalidURL) as error:
        raise UsageError(f"URL {shown(redaction.url(url))}: {_lowered(str(error))}") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise UsageError(
            f"expected a URL such as http://127.0.0.1:8000/events, got {shown(redaction.url(url))}"
        )
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    port = _PORTS[parts.scheme] if port is None else port
    return Origin(parts.scheme, parts.hostname, port, target)


def no_connection(error: BaseException) -> str:
    """Why there is no connection to a target, in lower case.

    Args:
        error: What connecting to it raised, or the TLS handshake.
    """
    cause = error.__cause__
    match error:
        case trio.BrokenResourceError() if cause is not None:
            return no_connection(cause)
        case ssl.SSLCertVerificationError():
            return f"certificate verify failed: {error.verify_message}".lower()
        case ssl.SSLError(reason=str(reason)):
            return f"TLS failed: {reason.replace('_', ' ').lower()}"
        case socket.gaierror():
            return (error.strerror or str(error)).lower()
        case OSError(errno=int(number)) if not isinstance(error, ssl.SSLError):
            return os.strerror(number).lower()  # without the address that trio puts before it
        case _:
            return _lowered(str(error)) or "closed in the TLS handshake"


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]
