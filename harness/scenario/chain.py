"""`through:` and `--through`: from YAML to hops, and hops in a few words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from harness import products
from harness.errors import (
    Place,
    ScenarioError,
    YamlPath,
    format_path,
    shown,
)
from harness.faults import registry
from harness.faults.base import FaultConfig
from harness.faults.registry import FAULTS
from harness.model.base import key_of
from harness.model.scenario import FaultSpec, Hop
from harness.products import own_config
from harness.products.model import Product
from harness.products.own_config import OwnConfig
from harness.scenario.fault_settings import SCRIPT, check_fault, script_path, unknown
from harness.scenario.via import read_via
from harness.yamlio import Document, Value, parse_inline

VIA: Final = "via"  # before the address of a proxy that runs already
REAL: Final = "real"  # before a product: its own program, as a process

_OPTION = "--through"
_WORD = re.compile(r"[^\s,]+")
_BARE_WORDS = re.compile(r"\s*[\w.@-]+(?:\s*,\s*[\w.@-]+)*\s*")


# -- reading ---------------------------------------------------------------------------------------


def parse_chain(text: str) -> tuple[Hop, ...]:
    """Read the chain that `--through` gives.

    Args:
        text: A list in YAML, as `through:` has it: `[nginx, {idle_timeout: {after: 5s}}, …]`; or
            the names of products alone, `cloudflare,nginx`. A script in it is relative to the
            current directory.

    Raises:
        ScenarioError: It is not such a list.
    """
    if not _BARE_WORDS.fullmatch(text):
        document = parse_inline(text, _OPTION)
        return read_chain(document, (), document.value)
    words = list(_WORD.finditer(text))
    document = Document(
        _OPTION,
        [word[0] for word in words],
        {(): Place(_OPTION, 1, 1)}
        | {(at,): Place(_OPTION, 1, word.start() + 1) for at, word in enumerate(words)},
        {},
        {},
    )
    return read_chain(document, (), document.value)


def read_chain(document: Document, path: YamlPath, hops: Value) -> tuple[Hop, ...]:
    """Read the chain that stands at `path` of a document.

    Raises:
        ScenarioError: It is not a list of hops with known faults and settings that make sense, or
            a script is missing. Further problems are its `also`.
    """
    if not isinstance(hops, list):
        hint = "; write a list, [{…}]" if isinstance(hops, dict) else ""
        raise document.error(path, f"expected a list of hops, got {shown(hops)}{hint}")
    problems: list[ScenarioError] = []
    chain = [_hop(document, (*path, at), hop, problems) for at, hop in enumerate(hops)]
    for at, hop in enumerate(chain[:-1]):
        if hop.via is not None and hop.via.listen is None:
            wanted = "say where it forwards to, {via: {url: …, listen: PORT}}, or let it stand last"
            problems.append(document.error((*path, at), f"the chain goes on behind it: {wanted}"))
    raise_all(problems)
    return tuple(chain)


def raise_all(problems: Iterable[ScenarioError]) -> None:
    """Raise the problem that stands first, with the others as its `also`; nothing without any.

    Raises:
        ScenarioError: There is a problem.
    """
    flat = [it for problem in problems for it in (problem, *problem.also)]
    flat.sort(key=lambda it: (it.place.line, it.place.col) if it.place else (0, 0))
    if flat:
        first, *rest = [ScenarioError(it.message, it.place, it.path) for it in flat]
        raise ScenarioError(first.message, first.place, first.path, tuple(rest))


def _hop(document: Document, path: YamlPath, hop: Value, problems: list[ScenarioError]) -> Hop:
    try:
        match hop:
            case str():
                return _placed(document, path, hop, {})
            case {"real": inner, **others} if not others:
                return _real(document, (*path, REAL), inner)
            case {"via": inner, **others} if not others:
                return Hop(faults=(), via=read_via(document, (*path, VIA), inner))
            case dict() if hop and not any(map(_is_product, hop)):
                return _faults(document, path, hop)
            case dict() if len(hop) == 1:
                ((name, settings),) = hop.items()
                if settings is not None and not isinstance(settings, dict):
                    message = f"expected a mapping of settings, got {shown(settings)}"
                    raise document.error((*path, name), message)
                return _placed(document, (*path, name), name, settings or {})
            case dict() if hop:
                name = next(filter(_is_product, hop))
                message = f"{name} is a hop of its own; write it and the rest as two hops"
            case dict() | None:
                message = "expected one fault or more, got an empty hop"
            case _:
                message = f"expected a product or a mapping of faults, got {shown(hop)}"
        raise document.error(path, message)
    except ScenarioError as error:
        problems.append(error)
        return Hop(faults=())


def _faults(document: Document, path: YamlPath, hop: dict[str, Value]) -> Hop:
    specs = [FaultSpec(name=name, settings=settings) for name, settings in hop.items()]
    problems: list[ScenarioError] = []
    for spec in specs:
        try:
            check_fault(document, (*path, spec.name), spec)
        except ScenarioError as error:
            problems.append(error)
    raise_all(problems)
    late = [it.name for it in specs[1:] if it.name in FAULTS and FAULTS[it.name].stands_first]
    if late:
        at = (*path, late[0])
        message = f"{late[0]} makes attempts of its own: it has to stand first in its hop"
        raise ScenarioError(message, document.key_place(at), format_path(at))
    return Hop(faults=tuple(specs))


def _real(document: Document, path: YamlPath, inner: Value) -> Hop:
    """The hop of a product's own program, which stands at `path`."""
    match inner:
        case str():
            return _placed(document, path, inner, {}, is_real=True)
        case dict() if len(inner) == 1:
            ((word, settings),) = inner.items()
            if settings is None or isinstance(settings, dict):
                return _placed(document, (*path, word), word, settings or {}, is_real=True)
            raise document.error((*path, word), f"expected settings, got {shown(settings)}")
        case _:
            message = f"expected a product, nginx or {{nginx: {{…}}}}, got {shown(inner)}"
            raise document.error(path, message)


def _placed(
    document: Document,
    path: YamlPath,
    word: str,
    settings: dict[str, Value],
    *,
    is_real: bool = False,
) -> Hop:
    """The hop of a product that stands at `path`, its settings below."""
    product, version = _product(document, path, word)
    typed = {name: _typed(document, (*path, name), it) for name, it in settings.items()}
    own = _own_config(document, path, product, typed, is_real=is_real)
    written = {name: it for name, it in typed.items() if own is None or name not in own_config.KEYS}
    config = None if own is None else own.use.without(written)
    make = products.real_hop if is_real else products.hop
    try:
        return make(product, version, {**(own.settings if own else {}), **written}, config)
    except ScenarioError as error:
        problems = []
        for it in (error, *error.also):
            at = (*path, it.path) if it.path in settings else path
            message = it.message
            if config and it.path in config.lines:
                at = (*path, own_config.CONFIG)
                message = f"{config.lines[it.path]}: {it.path}: {message}"
            is_key = at == path or it.path not in product.settings
            place = document.key_place(at) if is_key else document.place(at)
            problems.append(ScenarioError(message, place, format_path(at)))
        raise_all(problems)
        raise


def _own_config(
    document: Document,
    path: YamlPath,
    product: Product,
    typed: Mapping[str, object],
    *,
    is_real: bool,
) -> OwnConfig | None:
    """What the user's own configuration says, if one is named."""
    asked = {name: it for name, it in typed.items() if name in own_config.KEYS}
    if product.product not in own_config.READABLE or not asked:
        return None
    for name, value in asked.items():
        if not isinstance(value, str) or not value:
            raise document.error((*path, name), f"expected a text, got {shown(value)}")
    for name in (own_config.CONFIG, own_config.LOCATION):
        if name not in asked:
            there = (*path, next(iter(asked)))
            message = f"{name}: required beside {there[-1]}, but missing"
            raise ScenarioError(message, document.key_place(there), format_path(path))
    words = {name: str(it) for name, it in asked.items()}
    try:
        file = script_path(words[own_config.CONFIG], document.file)
        return own_config.read(product, file, words, is_real=is_real)
    except ScenarioError as error:
        raise document.error((*path, error.path or own_config.CONFIG), error.message) from error


def _product(document: Document, path: YamlPath, word: str) -> tuple[Product, str]:
    """The product and the version that `nginx` or `nginx@1.22` names."""
    name, _, version = word.partition("@")
    if name not in products.names():
        raise ScenarioError(_not_a_product(word), document.key_place(path), format_path(path))
    return products.product(name), version


def _is_product(name: str) -> bool:
    return name.partition("@")[0] in products.names()


def _typed(document: Document, path: YamlPath, value: Value) -> object:
    """A value with its scalars as they were typed: a product reads 1.10 its own way."""
    match value:
        case dict():
            return {key: _typed(document, (*path, key), it) for key, it in value.items()}
        case list():
            return [_typed(document, (*path, at), it) for at, it in enumerate(value)]
        case None:
            return None
        case _:
            return document.texts.get(path, value)


def _not_a_product(word: str) -> str:
    if word in FAULTS:
        return f"{word} is a fault, not a product; write {{{word}: {{…}}}}"
    return unknown("product", word, products.names())


# -- of a chain ------------------------------------------------------------------------------------


def remarks(hops: Sequence[Hop]) -> Iterator[str]:
    """What is to be said of the users' own settings and configurations in a chain, a line each."""
    for at, hop in enumerate(hops):
        if hop.via is not None and hop.via.listen is None:
            where = f"through[{at}].via: {hop.via.url} stands right before the target"
            yield f"{where}: what one of them does is not told from what the other does"
        where = f"through[{at}].{hop.product}"
        yield from (f"{where}.{it}" for it in _without_effect(hop))
        config = hop.product.config if hop.product is not None else None
        if config is not None:
            yield f"{where}: {config.location} is proxied by {config.found}"
            yield from (f"{where}: not modelled: {it}" for it in config.unmodelled)
            yield from (f"{where}: {it}" for it in config.notes)


def _without_effect(hop: Hop) -> Iterator[str]:
    """Of the settings that were written in a scenario those that do nothing for a stream."""
    use = hop.product
    if use is None:
        return
    read = use.config.lines if use.config is not None else {}  # their remarks name the line
    known = products.product(use.name).settings
    for name in use.settings:
        if known[name].no_effect and name not in read:
            yield f"{name}: {known[name].meaning}"


def longest_limit_s(hops: Iterable[Hop]) -> float:
    """The longest time that a fault of these hops may take to act, in seconds; 0 without any.

    A limit that a product's own limit on every response always comes before is left out: Envoy's
    300 s of silence behind its 15 s for a route.
    """
    limits_s: list[float] = []
    most_s = math.inf
    for hop in hops:
        for _, config in configs(hop):
            limit_s = config.limit_s()
            limits_s.append(limit_s)
            if hop.product is not None and config.always_ends and limit_s:
                most_s = min(most_s, limit_s)
    return max((it for it in limits_s if math.isfinite(it) and it <= most_s), default=0.0)


def limit_paths(hops: Iterable[Hop]) -> tuple[str, ...]:
    """What ends every response whatever the target says: `through[0].max_duration`.

    Of a product it is its directive: `through[0].envoy.route_timeout`.
    """
    return tuple(
        f"through[{at}].{hop.path_of(position)}"
        for at, hop in enumerate(hops)
        for position, spec in enumerate(hop.faults)
        if spec.name != SCRIPT and FAULTS[spec.name].always_ends
    )


def configs(hop: Hop) -> list[tuple[FaultSpec, FaultConfig]]:
    """The faults of a hop, with their settings read; scripts are left out."""
    return [
        (spec, registry.built(spec.name, spec.settings))
        for spec in hop.faults
        if spec.name != SCRIPT
    ]


def show_chain(hops: Sequence[Hop]) -> tuple[str, ...]:
    """Each hop in a few words, client first: what `CaseVerdict.through` holds."""
    return tuple(map(show_hop, hops))


def show_hop(hop: Hop) -> str:
    """One hop in a few words: `nginx@1.22 proxy_read_timeout=5s`, `idle_timeout 5s + buffer 4KiB`.

    The setting a fault is mostly about, its first one, stands without its key; what is as it would
    be anyway is left out.
    """
    if hop.via is not None:
        return hop.called
    if hop.product is not None:
        settings = (f"{name}={show_value(value)}" for name, value in hop.product.written.items())
        return " ".join([hop.called, *settings])
    return " + ".join(show_fault(spec) for spec in hop.faults)


def show_fault(spec: FaultSpec) -> str:
    """One fault in a few words: `buffer 4KiB hold_head=true`."""
    if spec.name == SCRIPT:
        return f"{spec.name} {spec.settings}"
    settings = spec.settings or {}
    config = registry.built(spec.name, settings)
    words = [spec.name]
    for at, (name, field) in enumerate(registry.settings_of(type(config))):
        key = key_of(name, field)
        default = field.get_default(call_default_factory=True)
        if key in settings and getattr(config, name) != default:
            value = show_value(settings[key])
            words.append(value if at == 0 else f"{key}={value}")
    if config.when is not None:
        words.append(f"when={show_value(settings['when'])}")
    return " ".join(words)


def show_value(value: Value) -> str:
    """A value in YAML's flow style, strings as they are."""
    match value:
        case None:
            return "null"
        case "":
            return '""'
        case bool():
            return str(value).lower()
        case dict():
            return f"{{{', '.join(f'{key}: {show_value(item)}' for key, item in value.items())}}}"
        case list():
            return f"[{', '.join(map(show_value, value))}]"
        case _:
            return str(value)
