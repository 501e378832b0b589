"""A product's own program in place of its simulation: its configuration, from a template.

`nginx.conf.j2` is what the program of the product nginx is given, and `varnish.arguments.j2` what
varnishd takes on its command line only, one argument to a line. A template has the product's
settings under the names expressions have (`timeout_server`), each as the product writes it or None
where the scenario does not set it, so that the program's own default holds; `defaults`, for what
its packages set and the program does not; `in_seconds` and `in_bytes`, the settings in numbers;
`ready`, the path of `READY`; and the fields of `Stand`. One that uses `h2_port` speaks HTTP/2.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.errors import ScenarioError
from harness.model.scenario import ConfigUse, Hop, ProductUse
from harness.products import expand
from harness.products.load import DIRECTORY
from harness.products.load import product as product_of
from harness.products.model import Product
from harness.products.settings import name_in_expressions, read
from harness.products.values import Bytes, Plain, Seconds

if TYPE_CHECKING:
    from jinja2 import Environment

_DIRECTORY: Final = DIRECTORY / "real"
_SUFFIX: Final = ".j2"
_ARGUMENTS: Final = f".arguments{_SUFFIX}"
# What ends a directive or a string in the files of one product or another.
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f\"'`\\{};#$%]")


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a program stands.

    Args:
        port: Of loopback, where it listens.
        upstream_host: Where it connects to.
        upstream_port: The same.
        scratch: A directory of its own, absolute, which is gone when the program has ended.
        is_root: Whether it is started by root.
        folder: The directory of its configuration, absolute.
        h2_port: Of loopback, where it listens for HTTP/2 in cleartext, with prior knowledge; 0:
            nowhere.
    """

    port: int
    upstream_host: str
    upstream_port: int
    scratch: str
    is_root: bool
    folder: str = "/"
    h2_port: int = 0


# What a program that listens before it can serve answers itself, with 200, as soon as it can.
READY: Final = "/.sse-harness/ready"
_ANYWHERE: Final = Stand(1, "127.0.0.1", 1, "/", is_root=False)


@cache
def names() -> tuple[str, ...]:
    """The products whose programs can be started, sorted."""
    return tuple(sorted(_templates()))


def real_hop(
    product: Product,
    version: str = "",
    written: Mapping[str, object] | None = None,
    config: ConfigUse | None = None,
) -> Hop:
    """Make a hop of a product's own program; its settings are read as those of the simulation.

    Args:
        product: Which one.
        version: "": the one that is installed is not asked for.
        written: Its settings as the user wrote them, scalars as they were typed.
        config: The user's own configuration, which the settings are from; the program takes that,
            and nothing beside it.

    Raises:
        ScenarioError: The program cannot be started, or not with this version or these settings;
            see `hop`.
    """
    name = product.product
    if name not in names():
        message = f"{name} has no program that can be started; there are {', '.join(names())}"
        raise ScenarioError(message)
    if version:
        raise ScenarioError(f"a real {name} is the one that is installed; write it without @")
    written = written or {}
    if config is not None:
        return _with_own(expand.hop(product, "", written, config))
    hop = expand.hop(product, "", {k: it for k, it in written.items() if k in product.settings})
    use = hop.product
    assert use is not None
    problems = []
    for key in written:
        if key not in product.settings:
            # With the words, and the suggestion, that the simulation has for it.
            expand.hop(product, "", {key: written[key]})
        if key not in renderable(product):
            there_are = ", ".join(renderable(product))
            message = f"it cannot be given to a real {name}, only {there_are}"
            problems.append(ScenarioError(message, None, key))
        elif any(map(_UNSAFE.search, _texts(use.settings[key]))):
            message = "a quote, a brace, a semicolon or the like cannot be given to a real program"
            problems.append(ScenarioError(message, None, key))
        elif not _is_rendered(product, use, key):
            message = "it changes nothing without another setting beside it"
            problems.append(ScenarioError(message, None, key))
    if problems:
        first, *rest = problems
        raise ScenarioError(first.message, None, first.path, tuple(rest))
    return _started(hop, use)


def _with_own(hop: Hop) -> Hop:
    use = hop.product
    assert use is not None
    assert use.config is not None
    beside = [name for name in use.settings if name not in use.config.lines]
    if beside:
        message = (
            f"a real {use.name} takes its own configuration and nothing beside; write it there"
        )
        raise ScenarioError(message, None, beside[0])
    return _started(hop, use)


def _started(hop: Hop, use: ProductUse) -> Hop:
    """The hop with the program in place of the simulation."""
    return hop.model_copy(
        update={"is_real": True, "product": use.model_copy(update={"version": ""})}
    )


def _texts(spelt: Plain) -> list[str]:
    """What of a setting comes into the configuration."""
    return [*spelt.keys(), *map(str, spelt.values())] if isinstance(spelt, dict) else [str(spelt)]


def _is_rendered(product: Product, use: ProductUse, name: str) -> bool:
    """Whether a setting that differs from its default makes a difference to the configuration."""
    default = product.settings[name].default
    if default is not None and read(product, name, default)[1] == use.settings[name]:
        return True
    others = {key: it for key, it in use.settings.items() if key != name}
    without = use.model_copy(update={"settings": others})
    return _all_of(use) != _all_of(without)


def _all_of(use: ProductUse) -> tuple[object, ...]:
    return render(use, _ANYWHERE), arguments(use, _ANYWHERE)


def installed(hop: Hop, version: str) -> Hop:
    """The same hop, now that it is known which version is installed.

    What is expected of it is what that version does; of one older than what is known of the
    product, what a bare name means.
    """
    assert hop.product is not None
    product = product_of(hop.product.name)
    try:
        known = expand.hop(product, version, hop.product.settings, hop.product.config)
    except ScenarioError:
        known = hop
    use = hop.product.model_copy(update={"version": version})
    return hop.model_copy(update={"faults": known.faults, "product": use})


def renderable(product: Product) -> tuple[str, ...]:
    """The settings that the product's templates take."""
    used = _variables(product.product)
    return tuple(name for name in product.settings if name_in_expressions(name) in used)


def speaks_h2(product: str) -> bool:
    """Whether its program can be told to listen for HTTP/2 in cleartext."""
    return "h2_port" in _variables(product)


def render(use: ProductUse, stand: Stand) -> tuple[str, str]:
    """The configuration of a program: the name of its file, and what is in it.

    Args:
        use: The product and its settings.
        stand: Where the program stands.

    Raises:
        ScenarioError: It cannot listen for HTTP/2.
    """
    if stand.h2_port and not speaks_h2(use.name):
        message = f"a real {use.name} does not speak HTTP/2 in cleartext; ask it over HTTP/1.1"
        raise ScenarioError(message)
    file = _templates()[use.name]
    return file.name.removesuffix(_SUFFIX), _filled(file, use, stand)


def arguments(use: ProductUse, stand: Stand) -> tuple[str, ...]:
    """What a program is told on its command line, since it takes it nowhere else."""
    file = _DIRECTORY / f"{use.name}{_ARGUMENTS}"
    return tuple(_filled(file, use, stand).splitlines()) if file.is_file() else ()


def _filled(file: Path, use: ProductUse, stand: Stand) -> str:
    product = product_of(use.name)
    names = {name: name_in_expressions(name) for name in product.settings}
    values = {name: read(product, name, it)[0] for name, it in use.settings.items()}
    beside = {
        "defaults": {
            names[name]: read(product, name, it.default)[1]
            for name, it in product.settings.items()
            if it.default is not None
        },
        # What is never is written as 0.
        "in_seconds": {
            names[name]: _number(it if math.isfinite(it) else 0)
            for name, it in values.items()
            if isinstance(it, Seconds)
        },
        "in_bytes": {names[name]: str(it) for name, it in values.items() if isinstance(it, Bytes)},
        "ready": READY,
        **asdict(stand),
    }
    assert not beside.keys() & set(names.values())
    settings = {names[name]: use.settings.get(name) for name in names}
    return _environment().from_string(file.read_text()).render(**settings, **beside)


def _number(value: float) -> str:
    return f"{value:f}".rstrip("0").rstrip(".")


@cache
def _variables(product: str) -> frozenset[str]:
    """The names that its templates use."""
    from jinja2 import meta  # noqa: PLC0415 - 40 ms, and most chains are simulated

    files = [_templates()[product], _DIRECTORY / f"{product}{_ARGUMENTS}"]
    return frozenset().union(
        *(
            meta.find_undeclared_variables(_environment().parse(file.read_text()))
            for file in files
            if file.is_file()
        )
    )


@cache
def _templates() -> dict[str, Path]:
    files = _DIRECTORY.glob(f"*{_SUFFIX}")
    return {it.name.partition(".")[0]: it for it in files if not it.name.endswith(_ARGUMENTS)}


@cache
def _environment() -> Environment:
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - as in renderable

    return Environment(  # noqa: S701 - no HTML is made here
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        line_comment_prefix="##",
    )
