"""What `trace` asks a server for, beside what curl asks."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.real.programs import AtOnce, Finished
from tests.real.tracing import UNHURT, at_once, decoded

pytestmark = pytest.mark.real

REQUESTS: dict[str, tuple[str, ...]] = {
    "json": ("-d", '{"prompt": "é"}', "-H", "Content-Type: application/json", "-H", "X-Two: 2"),
    "form": ("-d", "a=1&b=2"),
    "put": ("-X", "PUT", "-d", "a=1", "-H", "Accept: application/x-ndjson"),
    "fields": ("-H", "Authorization: Bearer abc", "-H", "User-Agent: curl-like", "-H", "x-one:1"),
}
ECHO = "/echo?q=1&r=%20"


@pytest.fixture(scope="module")
def echoes(origins: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtOnce]:
    only = ("--no-reconnect", "--max-time", "5s")
    commands = {
        f"{server} {name}": (server, ECHO, (*args, *only))
        for server in origins
        for name, args in REQUESTS.items()
    }
    chain = (*REQUESTS["json"], *only, "--through", UNHURT)
    commands["express chain"] = ("express", ECHO, chain)
    made = at_once(commands, origins, tmp_path_factory.mktemp("echoes"), width=4)
    yield made
    made.stop()


def heard(ended: Finished) -> dict[str, Any]:
    """What the server says it was asked."""
    said: dict[str, Any] = json.loads(decoded(ended).events[0].data)
    return said


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("server", ["starlette", "express"])
def test_a_request_arrives_as_curl_sends_it(
    server: str, name: str, origins: dict[str, str], echoes: AtOnce
) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is missing")
    command = [curl, "-sN", *REQUESTS[name], f"{origins[server]}{ECHO}"]
    answer = subprocess.run(command, capture_output=True, check=True, text=True)
    (line,) = [it for it in answer.stdout.splitlines() if it.startswith("data: ")]
    curls = json.loads(line.removeprefix("data: "))

    ours = heard(echoes.of(f"{server} {name}"))

    for part in ("method", "url", "body"):
        assert ours[part] == curls[part]
    for field in ("content-type", "content-length", "host", "x-one", "x-two"):
        assert ours["headers"].get(field) == curls["headers"].get(field), field
    # It arrived, and the server repeats it, which we do not.
    secret = curls["headers"].get("authorization")
    assert ours["headers"].get("authorization") == (secret and "*" * len(secret))
    for field in ("accept", "user-agent"):
        if any(it.lower().startswith(f"{field}:") for it in REQUESTS[name]):
            assert ours["headers"][field] == curls["headers"][field]
    assert "transfer-encoding" not in ours["headers"]


def test_a_request_passes_a_chain_unchanged(echoes: AtOnce) -> None:
    assert heard(echoes.of("express chain")) == heard(echoes.of("express json"))
