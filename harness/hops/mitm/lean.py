"""Import mitmproxy without every add-on of its own: 0.3 s in place of more than a second.

`mitmproxy.addons` imports them all, and with them Flask and an LDAP client, as soon as anything
below it is imported; a hop needs four. So a stand-in takes the package's place first: it finds the
package's modules, and becomes the real package when somebody, such as a user's script, asks it for
anything else. Import this module before any other of mitmproxy.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

_NAME = "mitmproxy.addons"


class _StandIn(ModuleType):
    """`mitmproxy.addons`, not yet executed."""

    def __getattr__(self, name: str) -> Any:
        # Dunder names are asked for by the import system itself.
        if name.startswith("__") or self.__spec__ is None or self.__spec__.loader is None:
            raise AttributeError(name)
        # `from mitmproxy.addons import core` asks here before it imports the module.
        if importlib.util.find_spec(f"{_NAME}.{name}") is not None:
            return importlib.import_module(f"{_NAME}.{name}")
        if not self.__dict__.get("_is_real"):
            self.__dict__["_is_real"] = True
            self.__spec__.loader.exec_module(self)
        return super().__getattribute__(name)


def _stand_in() -> None:
    spec = importlib.util.find_spec(_NAME)
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError(f"{_NAME} is not the package it was in mitmproxy 12.2.3")
    module = _StandIn(_NAME)
    module.__spec__ = spec
    module.__path__ = list(spec.submodule_search_locations)
    module.__package__ = _NAME
    module.__file__ = spec.origin
    sys.modules[_NAME] = module
    # What the import system does for a package it has imported itself.
    vars(sys.modules["mitmproxy"])["addons"] = module


if _NAME not in sys.modules:
    _stand_in()
