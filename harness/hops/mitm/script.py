"""A user's own mitmproxy addon as a hop: `through: [{script: ./my_addon.py}]`.

The file is loaded as `mitmdump -s` loads one: its `addons` list, or the module itself when it has
hooks. It runs in mitmproxy's own HTTP layer, so whatever an addon may do, it does here. One rule is
ours: an event stream is streamed unless the addon's `responseheaders` sets
`flow.response.stream = False`; plain mitmproxy would hold it until its end.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mitmproxy.proxy.layers.http._hooks import HttpResponseHeadersHook

from harness.errors import HopError

if TYPE_CHECKING:
    from mitmproxy.proxy.commands import StartHook


def load(path: Path, hop: int) -> ModuleType:
    """Load a script; each hop gets a module of its own.

    Raises:
        HopError: It is not there, or it raises when imported.
    """
    name = f"sse_harness_script_{hop}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise HopError(f"script {path}: no such Python file", hop)
    module = importlib.util.module_from_spec(spec)
    # As mitmdump does: a script may import its neighbours.
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise HopError(f"script {path}: {type(error).__name__}: {error}", hop) from error
    finally:
        sys.path.remove(str(path.parent))
    # mitmproxy names addons by this attribute, and two of one name cannot be loaded.
    vars(module).setdefault("name", name)
    return module


def stream_events(hook: StartHook) -> None:
    """Before the addon sees a response head: an event stream is to be streamed."""
    if not isinstance(hook, HttpResponseHeadersHook):
        return
    response: Any = hook.flow.response
    content_type = response.headers.get("content-type", "")
    if content_type.split(";")[0].strip().lower() == "text/event-stream":
        response.stream = True
