"""A target that is an ASGI application: imported, afresh for each case where that can be."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from hypercorn.utils import is_asgi

from harness.ends import app_output
from harness.errors import UsageError, shown
from harness.model.target import App

_FORM = "expected module:attribute, such as main:app"
_known: list[frozenset[str]] = []
# Applications that no case has taken yet, and those that one has.
_waiting: dict[App, Loaded] = {}
_taken: dict[App, Loaded] = {}


@dataclass(frozen=True, slots=True)
class Loaded:
    """An application.

    Args:
        call: The application itself.
        is_trio: Whether it is written for trio, and not for asyncio.
    """

    call: Callable[..., Any]
    is_trio: bool


def load(app: App) -> Loaded:
    """Import an application, if that is not done already.

    Raises:
        UsageError: There is no such module or attribute, or it is no ASGI application.
        ImportError: It needs what is not installed here.
    """
    if app not in _waiting:
        _waiting[app] = _imported(app)
    return _waiting[app]


def take(app: App) -> Loaded:
    """An application for one case, as `load` has it.

    What it consists of is imported again for the next one, its libraries are not: a queue or a lock
    that a module makes belongs to the event loop that first uses it, and each case has one of its
    own. Some libraries will not have it twice, as Django its settings: those applications are kept.

    Raises:
        UsageError: There is no such module or attribute, or it is no ASGI application.
        ImportError: It needs what is not installed here.
    """
    _taken[app] = load(app)
    del _waiting[app]
    return _taken[app]


def _imported(app: App) -> Loaded:
    module_name, colon, attribute = app.name.partition(":")
    if not (colon and module_name and attribute):
        raise UsageError(f"--app {shown(app.name)}: {_FORM}")
    os.environ.update(dict(app.env))
    if app.cwd not in sys.path:
        sys.path.insert(0, app.cwd)
    if not _known:
        _known.append(frozenset(sys.modules))
    before = {name: sys.modules.pop(name) for name in _own(Path(app.cwd))}
    importlib.invalidate_caches()
    try:
        with app_output.apart():
            return _made(app, module_name, attribute)
    except Exception:
        if app not in _taken:
            raise
        for name in _own(Path(app.cwd)):
            del sys.modules[name]
        sys.modules |= before
        return _taken[app]


def _made(app: App, module_name: str, attribute: str) -> Loaded:
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
            message = f"--app {app.name}: there is no module {error.name} in {app.cwd}"
            raise UsageError(message) from error
        raise
    call = _attribute(module, attribute, app.name)
    return Loaded(call, _is_for_trio(call, Path(app.cwd)))


def _attribute(module: ModuleType, attribute: str, name: str) -> Callable[..., Any]:
    found: Any = module
    for part in attribute.removesuffix("()").split("."):
        found = getattr(found, part, None)
        if found is None:
            raise UsageError(f"--app {name}: {module.__name__} has no {part}")
    if attribute.endswith("()") or _is_factory(found):
        found = found()
    if not callable(found) or not is_asgi(found):
        kind = type(found).__name__
        why = f"expected an ASGI application, got {kind}; what is none is started with --command"
        raise UsageError(f"--app {name}: {why}")
    application: Callable[..., Any] = found
    return application


def _is_factory(found: object) -> bool:
    """Whether this is a function that makes the application, and needs nothing to do so."""
    if not inspect.isfunction(found) or inspect.iscoroutinefunction(found):
        return False
    parameters = inspect.signature(found).parameters.values()
    return all(it.default is not it.empty or it.kind in {it.VAR_POSITIONAL, it.VAR_KEYWORD}
               for it in parameters)  # fmt: skip


def _is_for_trio(call: object, folder: Path) -> bool:
    """Whether any module of the application knows trio, and none asyncio; asyncio is usual."""
    if any(it.__module__.startswith("quart_trio") for it in type(call).__mro__):
        return True
    names = [set(vars(sys.modules[name])) for name in _own(folder)]
    return any("trio" in it for it in names) and not any("asyncio" in it for it in names)


def _own(folder: Path) -> list[str]:
    """The modules that came with an application, by name; not the libraries, nor ours."""
    found = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name in _known[0] or not isinstance(file, str):
            continue
        path = Path(file)
        if path.is_relative_to(folder) and "site-packages" not in path.parts:
            found.append(name)
    return found
