"""`{via: …}`: a proxy that runs already, as a hop."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from harness.errors import YamlPath, did_you_mean, shown
from harness.model.scenario import Via
from harness.yamlio import Document, Value

_KEYS: Final = ("url", "listen")
_MOST_PORT: Final = 65535


def read_via(document: Document, path: YamlPath, value: Value) -> Via:
    """Read what stands under `via` at `path`: an address, or `{url: …, listen: PORT}`.

    Raises:
        ScenarioError: It is neither.
    """
    if isinstance(value, str):
        return Via(url=_url(document, path, value))
    if not isinstance(value, dict) or "url" not in value:
        wanted = "the address of a proxy, or {url: …, listen: PORT}"
        raise document.error(path, f"expected {wanted}, got {shown(value)}")
    for key in value:
        if key not in _KEYS:
            raise document.error((*path, key), f"unknown key{did_you_mean(key, _KEYS)}")
    url = _url(document, (*path, "url"), value["url"])
    listen = value.get("listen")
    if "listen" not in value:
        return Via(url=url)
    # A bool is an int to Python, but no port.
    if isinstance(listen, int) and not isinstance(listen, bool) and 0 < listen <= _MOST_PORT:
        return Via(url=url, listen=listen)
    wanted = "the port of this machine that the proxy forwards to"
    raise document.error((*path, "listen"), f"expected {wanted}, got {shown(listen)}")


def _url(document: Document, path: YamlPath, value: Value) -> str:
    wanted = "the address of a proxy such as http://127.0.0.1:8080"
    wrong = document.error(path, f"expected {wanted}, got {shown(value)}")
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        is_address = parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:  # no port, or a broken address
        raise wrong from None
    # Nothing but an address: what is asked for there is what the target's URL says.
    if not is_address or parts.path not in {"", "/"} or parts.query or "@" in parts.netloc:
        raise wrong
    return f"http://{parts.netloc}"
