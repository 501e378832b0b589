"""What a version of nginx makes of the same stream; and ingress-nginx, which is one underneath."""

from __future__ import annotations

import pytest

from tests.products.behind import EVENT, Seen, behind, brief, head, mute


def served(chain: str) -> Seen:
    """Three events, one a second, from a server that answers HTTP/1.0 without chunks."""
    asked = behind(chain, mute()).request
    assert asked is not None
    return behind(chain, brief(head("close" if asked.version == "HTTP/1.0" else "chunked")))


@pytest.mark.parametrize(
    ("chain", "began_s"),
    [
        ("nginx", 10.0),
        ("[nginx@1.22]", 10.0),
        ("[nginx@1.29]", 10.0),
        ("[nginx@1.29.7]", 1.0),
        ("[nginx@1.30]", 1.0),
        ('[{nginx@1.22: {proxy_http_version: "1.1"}}]', 1.0),
        ('[{nginx@1.29.7: {proxy_http_version: "1.0"}}]', 10.0),
        ("[{nginx@1.22: {proxy_buffering: off}}]", 1.0),
        ("ingress-nginx", 1.0),
        ("[{ingress-nginx: {proxy-buffering: on}}]", 1.0),
        ('[{ingress-nginx: {proxy-http-version: "1.0"}}]', 1.0),
        ('[{ingress-nginx: {proxy-http-version: "1.0", proxy-buffering: on}}]', 10.0),
    ],
)
def test_asked_in_http_1_0_a_stream_is_held_and_chunks_are_passed_on(
    chain: str, began_s: float
) -> None:
    seen = served(chain)
    assert (seen.began_s, bytes(seen.body), seen.ending) == (began_s, 3 * EVENT, "end")


@pytest.mark.parametrize("version", ["1.22", "1.29.7"])
def test_a_server_that_ends_by_closing_is_held_by_every_version(version: str) -> None:
    assert behind(f"[nginx@{version}]", brief(head("close"))).began_s == 10.0


@pytest.mark.parametrize("version", ["1.22", "1.29.7"])
def test_every_version_heeds_x_accel_buffering(version: str) -> None:
    seen = behind(f"[nginx@{version}]", brief(head("close", X_Accel_Buffering="no")))
    assert seen.began_s == 1.0
    assert seen.head is not None
    assert "X-Accel-Buffering" not in dict(seen.head.headers)
