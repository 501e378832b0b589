"""A certificate authority for one run: clients can speak TLS and HTTP/2 to the first hop."""

from __future__ import annotations

import ssl
from pathlib import Path

from mitmproxy.certs import CertStore

_BASENAME = "mitmproxy"
_KEY_BITS = 2048


def make_ca(directory: Path) -> None:
    """Make a CA in `directory`, once; every case of the run uses it."""
    if not ca_file(directory).exists():
        CertStore.create_store(directory, _BASENAME, _KEY_BITS)


def ca_file(directory: Path) -> Path:
    """The CA's certificate, for clients to trust."""
    return directory / f"{_BASENAME}-ca-cert.pem"


def client_context(directory: Path) -> ssl.SSLContext:
    """A client's TLS context that trusts this CA and nothing else."""
    context = ssl.create_default_context(cafile=str(ca_file(directory)))
    # OpenSSL's strict mode (Python 3.13) wants key identifiers that mitmproxy's leaf lacks.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
