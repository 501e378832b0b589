"""A user's own mitmproxy addon as a hop: `through: [{script: ./my_addon.py}]`.

The file is loaded as `mitmdump -s` loads one: its `addons` list, or the module itself when it has
hooks. It runs in mitmproxy's own HTTP layer, so whatever an addon may do, it does here. One rule is
ours: an event stream is streamed unless the addon's `responseheaders` sets
`flow.response.stream = False`; plain mitmproxy would hold it until its end.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mitmproxy import addonmanager, exceptions, flow, hooks
from mitmproxy.proxy.layers.http._hooks import HttpResponseHeadersHook

from harness.errors import HopError

if TYPE_CHECKING:
    from mitmproxy.master import Master
    from mitmproxy.proxy.commands import StartHook


class Script:
    """One script at one hop, and the addon that stands for it in the Master.

    The Master runs load, configure, running and done; the other hooks come from the connections of
    this hop alone. It knows the script by a name of its own: mitmproxy takes no two addons of one
    name, and a script may stand at two hops.

    Args:
        base: Directory its path starts from.
        path: Its path, as the scenario names it.
        hop: The hop.
        number: Its number among the chain's scripts.
        it: mitmproxy's Master.

    Raises:
        HopError: It is not there, or it raises when it is loaded.
    """

    def __init__(self, base: Path, path: str, hop: int, number: int, it: Master) -> None:
        self.hop = hop
        self.path = path
        self.file = (base / path).resolve()
        self.name = f"sse_harness_script_{number}_{self.file.stem}"
        self._master = it
        self._module = self._load()

    def _load(self) -> ModuleType:
        # Not the suffix but the loader decides that it is Python, as with `mitmdump -s`.
        loader = importlib.machinery.SourceFileLoader(self.name, str(self.file))
        spec = importlib.util.spec_from_loader(self.name, loader)
        if spec is None or not self.file.is_file():
            raise HopError(f"script {self.path}: no such file", self.hop)
        module = importlib.util.module_from_spec(spec)
        # Dataclasses and pickle look a class's module up here.
        sys.modules[self.name] = module
        # As mitmdump does: a script may import its neighbours.
        sys.path.insert(0, str(self.file.parent))
        try:
            loader.exec_module(module)
        except (Exception, SystemExit) as error:
            raise self.error(error) from error
        finally:
            sys.path.remove(str(self.file.parent))
        return module

    # -- what the Master asks --------------------------------------------------------------------

    def load(self, loader: addonmanager.Loader) -> None:
        """A mitmproxy hook; what follows it is what mitmproxy does with a script."""
        manager = self._master.addons
        try:
            manager.invoke_addon_sync(self._module, addonmanager.LoadHook(loader))
            for addon in addonmanager.traverse([self._module]):
                self._master.commands.collect_commands(addon)
            self._master.options.process_deferred()
            self.configure(set(self._master.options.keys()))
        except HopError:
            raise
        except (Exception, SystemExit) as error:
            raise self.error(error) from error

    def configure(self, updated: set[str]) -> None:
        """A mitmproxy hook."""
        with self._no_exit():
            self._master.addons.invoke_addon_sync(self._module, hooks.ConfigureHook(updated))

    async def running(self) -> None:
        """A mitmproxy hook."""
        with self._no_exit():
            await self._master.addons.invoke_addon(self._module, hooks.RunningHook())

    async def done(self) -> None:
        """A mitmproxy hook."""
        sys.modules.pop(self.name, None)
        with self._no_exit():
            await self._master.addons.invoke_addon(self._module, hooks.DoneHook())

    # -- what the hop asks -------------------------------------------------------------------------

    async def trigger(self, hook: StartHook) -> None:
        """Run a hook of a connection of this hop."""
        _stream_events(hook)
        manager = self._master.addons
        try:
            with self._no_exit():
                await manager.invoke_addon(self._module, hook)
                (data,) = hook.args()
                if isinstance(data, flow.Flow):
                    await manager.invoke_addon(self._module, hooks.UpdateHook([data]))
        except exceptions.AddonHalt:
            pass  # "no other addon": there is none

    @contextmanager
    def _no_exit(self) -> Generator[None]:
        """`sys.exit()` would end the asyncio loop, and the case would wait for it for ever."""
        try:
            yield
        except SystemExit as error:
            raise self.error(error) from error

    def error(self, error: Exception | SystemExit) -> HopError:
        """What the script raised, with its line."""
        line = _line(error, self.file)
        where = self.path if line is None else f"{self.path}:{line}"
        return HopError(f"script {where}: {_named(error)}", self.hop)


def as_hop_error(error: Exception | SystemExit, number: int, scripts: Sequence[Script]) -> HopError:
    """Whatever broke at hop `number` (0: somewhere), with the place to look at."""
    if isinstance(error, HopError):
        return error
    for script in scripts:
        if number in {0, script.hop} and _line(error, script.file) is not None:
            return script.error(error)
    innermost = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" ({Path(it.filename).name}:{it.lineno})" for it in innermost)
    return HopError(_named(error) + where, number)


def _named(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _line(error: BaseException, file: Path) -> int | None:
    """The innermost line of `file` the error came from; None: it has not been there."""
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return error.lineno
    places = traceback.extract_tb(error.__traceback__)
    return next((it.lineno for it in reversed(places) if it.filename == str(file)), None)


def _stream_events(hook: StartHook) -> None:
    """Before the addon sees a response head: an event stream is to be streamed."""
    if not isinstance(hook, HttpResponseHeadersHook):
        return
    response: Any = hook.flow.response
    content_type = response.headers.get("content-type", "")
    if content_type.split(";")[0].strip().lower() == "text/event-stream":
        response.stream = True
