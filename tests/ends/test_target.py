"""A target's URL, taken apart; and why there is no connection to it."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest
import trio

from harness.ends.target import Origin, no_connection, origin
from harness.errors import UsageError
from tests.net.certificates import client_context


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h", Origin("http", "h", 80, "/")),
        ("http://h/", Origin("http", "h", 80, "/")),
        ("https://h/events", Origin("https", "h", 443, "/events")),
        ("HTTPS://H:444/A", Origin("https", "h", 444, "/A")),
        ("http://h:8000/a/b?c=d&e#part", Origin("http", "h", 8000, "/a/b?c=d&e")),
        ("http://h?a=b", Origin("http", "h", 80, "/?a=b")),
        ("http://user:pass@h:81/", Origin("http", "h", 81, "/")),
        ("http://[::1]:82/a", Origin("http", "::1", 82, "/a")),
        ("http://127.0.0.1:0/", Origin("http", "127.0.0.1", 0, "/")),
    ],
)
def test_a_url_is_taken_apart(url: str, expected: Origin) -> None:
    assert origin(url) == expected


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://H/a", "http://h:80"),
        ("https://h:444", "https://h:444"),
        ("http://[::1]/", "http://[::1]:80"),
    ],
)
def test_an_origin_is_shown_with_its_port(url: str, shown: str) -> None:
    assert str(origin(url)) == shown


@pytest.mark.parametrize("url", ["ftp://h/", "h:80", "//h/", "/events", "http://", "http:///a"])
def test_a_url_that_is_none_of_a_server_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        origin(url)
    assert str(refused.value) == (f"expected a URL such as http://127.0.0.1:8000/events, got {url}")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://h:99999/", "port out of range 0-65535"),
        ("http://h:abc/", "port could not be cast"),
        ("http://[::1/", "invalid IPv6 URL"),
        ("http://h/a\tb", "invalid non-printable ASCII character"),
        ("http://a..b/", "label empty"),
        (f"http://{'a' * 64}/", "label too long"),
    ],
    ids=["port-out-of-range", "no-port", "half-an-address", "tab", "no-label", "long-label"],
)
def test_a_url_that_cannot_be_used_is_refused_in_one_line(url: str, why: str) -> None:
    with pytest.raises(UsageError) as refused:
        origin(url)
    message = str(refused.value)
    assert message.startswith("URL ")
    assert why in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:1/", True),
        ("http://LOCALHOST/", True),
        ("http://127.0.0.1/", True),
        ("http://127.8.8.8/", True),
        ("http://[::1]/", True),
        ("http://128.0.0.1/", False),
        ("http://192.168.0.1/", False),
        ("http://localhost.example/", False),
        ("http://[::2]/", False),
    ],
)
def test_whose_clock_is_ours(url: str, expected: bool) -> None:
    assert origin(url).is_local is expected


def test_a_name_is_no_address() -> None:
    assert not origin("http://127.example.com/").is_local


def test_plain_http_needs_no_tls() -> None:
    assert origin("http://h/").tls() is None


def test_a_tls_target_is_verified() -> None:
    context = origin("https://h/").tls()
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def caused(cause: BaseException) -> trio.BrokenResourceError:
    error = trio.BrokenResourceError()
    error.__cause__ = cause
    return error


def certificate_error() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError()
    error.verify_message = "Hostname mismatch"
    return error


def not_tls() -> ssl.SSLError:
    """What OpenSSL says of a server that speaks something else."""
    incoming = ssl.MemoryBIO()
    incoming.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(ssl.SSLError) as error:
        client_context().wrap_bio(
            incoming, ssl.MemoryBIO(), server_hostname="127.0.0.1"
        ).do_handshake()
    return error.value


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError(errno.ECONNREFUSED, "all attempts to connect failed"), "connection refused"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "network is unreachable"),
        (socket.gaierror(socket.EAI_NONAME, "Name not known"), "name not known"),
        (certificate_error(), "certificate verify failed: hostname mismatch"),
        (caused(certificate_error()), "certificate verify failed: hostname mismatch"),
        (not_tls(), "TLS failed: wrong version number"),
        (caused(ConnectionResetError(errno.ECONNRESET, "")), "connection reset by peer"),
    ],
    ids=["refused", "unreachable", "unknown", "certificate", "caused", "no-tls", "reset"],
)
def test_why_there_is_no_connection(error: BaseException, why: str) -> None:
    assert no_connection(error) == why
