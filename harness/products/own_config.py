"""A product's settings from the user's own configuration file, instead of from the scenario.

A table of readers, one row for each product whose files can be read. A reader says what its
program would do; what of that the product here can be told, and what not, is sorted out here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from harness.model.scenario import ConfigUse
from harness.products.model import Product

CONFIG: Final = "config"
LOCATION: Final = "location"
SERVER: Final = "server"
# What each key is, for whoever describes them. The first two go together.
KEYS: Final[Mapping[str, str]] = {
    CONFIG: "Your own configuration file, or the output of nginx -T, relative to the scenario.",
    LOCATION: "The URI whose location is meant, or a named location.",
    SERVER: "The server that is meant, where there are several: its name, a port, or both.",
}
READABLE: Final = frozenset(("nginx",))


@dataclass(frozen=True, slots=True)
class OwnConfig:
    """What a configuration says.

    Args:
        settings: Of the product, as its files write them.
        use: Where they are from, and what else is to be said.
    """

    settings: dict[str, object]
    use: ConfigUse


def read(product: Product, file: Path, asked: Mapping[str, str]) -> OwnConfig:
    """Read the settings of a product from the user's configuration.

    Args:
        product: One of those in `READABLE`.
        file: The file.
        asked: `KEYS` with their values as they are written.

    Raises:
        ScenarioError: It cannot be read, or says nothing about what is asked. The message begins
            with file and line, if it is about one; the path is the key it is about.
    """
    from harness.products import nginx_conf  # noqa: PLC0415 - slow to load, and seldom asked for

    found = nginx_conf.read(
        file,
        asked[LOCATION],
        product,
        server=asked.get(SERVER, ""),
        name=str(PurePosixPath(asked[CONFIG])),
    )
    location, _, _ = asked[LOCATION].partition("?")  # a query counts for nothing, may be secret
    return OwnConfig(
        found.told,
        ConfigUse(
            file=asked[CONFIG],
            location=location,
            server=asked.get(SERVER, ""),
            found=f"{found.location} of server {found.server}",
            lines={name: str(found.settings[name].place) for name in found.told},
            unmodelled=tuple(map(str, found.unmodelled)),
            notes=tuple(map(str, found.notes)),
        ),
    )
