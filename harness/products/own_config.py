"""A product's settings from the user's own configuration file, instead of from the scenario.

A table of readers, one row for each product whose files can be read. A reader says what its
program would do; what of that the product here can be told, and what not, is sorted out here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from harness.model.scenario import ConfigUse, ProductUse
from harness.products.load import product as product_of
from harness.products.model import Product
from harness.products.nginx_place import Place

if TYPE_CHECKING:
    from harness.products.nginx_conf import NginxConf

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


def read(
    product: Product, file: Path, asked: Mapping[str, str], *, is_real: bool = False
) -> OwnConfig:
    """Read the settings of a product from the user's configuration.

    Args:
        product: One of those in `READABLE`.
        file: The file.
        asked: `KEYS` with their values as they are written.
        is_real: Whether the program itself is to run with it; see `given`.

    Raises:
        ScenarioError: It cannot be read, or says nothing about what is asked. The message begins
            with file and line, if it is about one; the path is the key it is about.
    """
    found = _found(product, file, asked)
    notes = tuple(map(str, found.notes))
    # What is not modelled the program does all the same.
    unmodelled = () if is_real else tuple(map(str, found.unmodelled))
    if is_real:
        notes += tuple(_left_out(found))
    location, _, _ = asked[LOCATION].partition("?")  # a query counts for nothing, may be secret
    return OwnConfig(
        found.told,
        ConfigUse(
            file=asked[CONFIG],
            location=location,
            server=asked.get(SERVER, ""),
            found=f"{found.location} of server {found.server}",
            lines={name: str(found.settings[name].place) for name in found.told},
            unmodelled=unmodelled,
            notes=notes,
        ),
    )


def given(use: ProductUse, base: Path, place: Place) -> str:
    """What a product's program is given in place of the user's configuration, which it is made of.

    Args:
        use: The product; its configuration is read anew.
        base: Where the configuration's name starts.
        place: Where the program is to stand.

    Raises:
        ScenarioError: The configuration cannot be read any more; see `read`.
    """
    from harness.products import nginx_stand  # noqa: PLC0415 - as in _found

    assert use.config is not None
    config = use.config
    asked = {CONFIG: config.file, LOCATION: config.location, SERVER: config.server}
    found = _found(product_of(use.name), base / config.file, asked)
    return nginx_stand.standing(found.main, found.route, place)


def _found(product: Product, file: Path, asked: Mapping[str, str]) -> NginxConf:
    from harness.products import nginx_conf  # noqa: PLC0415 - slow to load, and seldom asked for

    return nginx_conf.read(
        file,
        asked[LOCATION],
        product,
        server=asked.get(SERVER, ""),
        name=str(PurePosixPath(asked[CONFIG])),
    )


def _left_out(found: NginxConf) -> Iterator[str]:
    from harness.products import nginx_stand  # noqa: PLC0415 - as in _found

    for it in nginx_stand.left_out(found.route):
        # What a condition compares, or who may ask, may be a secret.
        yield f"{it.line}: the program is given the file without this {it.name}"
