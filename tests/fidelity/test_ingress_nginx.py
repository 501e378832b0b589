"""ingress-nginx is nginx underneath: set alike, it does what nginx was measured to do."""

from __future__ import annotations

import pytest

from harness.scenario.chain import parse_chain
from tests.fidelity import records
from tests.fidelity.held import held_chain

# A config of the measurements, and what ingress-nginx has to be told to be that.
ALIKE = {
    "h11_bufoff": "",
    "default_bufoff": 'proxy-http-version: "1.0"',
    "h11": "proxy-buffering: on",
    "default": 'proxy-http-version: "1.0", proxy-buffering: on',
    "h11_timeout2": "proxy-buffering: on, proxy-read-timeout: 2s",
    "h2_timeout2": "proxy-buffering: on, proxy-read-timeout: 2",
    "DEFAULT_TIMEOUTS": "proxy-buffering: on",
    "gzip_h11": "proxy-buffering: on, use-gzip: true, gzip-types: text/event-stream",
    "gzip_h11_bufoff": "use-gzip: true, gzip-types: text/event-stream",
    "gzip_default_types": "proxy-buffering: on, use-gzip: true",
}
# Its template passes the Server of the service on, and has gzip_vary on.
ITS_OWN = {"response fields changed", "response fields added"}


@pytest.mark.parametrize("config", ALIKE)
def test_set_alike_it_does_what_nginx_was_measured_to_do(config: str) -> None:
    hops = parse_chain(f"[{{ingress-nginx: {{{ALIKE[config]}}}}}]")
    chosen = [it for it in records.of(["nginx"]) if it.config == config]
    facts = held_chain(hops, chosen)
    wrong = [it.compared for it in facts if not it.compared.is_agreed]
    assert any(it.is_own for it in facts)
    assert [it for it in wrong if it.fact not in ITS_OWN] == []
