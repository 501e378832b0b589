"""Which location of an nginx server a URI belongs to.

nginx's rules, at each level of nesting: an exact match (`=`) ends the search. Else the longest
prefix is remembered, and locations inside it are searched first. Regular expressions (`~`, `~*`) of
a level come next, in the order they are written, and the first that matches wins, unless the prefix
remembered at this level says `^~`; a `^~` further inside does not protect from expressions further
outside. Without a match the prefix it is.
Sources: https://nginx.org/en/docs/http/ngx_http_core_module.html#location; for nesting
ngx_http_core_find_location in src/http/ngx_http_core_module.c of nginx.

A URI is compared as nginx normalises it: without query and fragment, percent-decoded, `.` and `..`
resolved, neighbouring slashes merged (`merge_slashes`). Everything is bytes, as in nginx.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal
from urllib.parse import unquote_to_bytes

from harness.errors import shown
from harness.products.nginx_directives import Directive

type Kind = Literal["=", "", "^~", "~", "~*", "@"]

# A location named /x/ which hands to one of these answers /x with a redirect to /x/.
PASSES: Final = (
    "proxy_pass", "fastcgi_pass", "grpc_pass", "memcached_pass", "scgi_pass", "tunnel_pass",
    "uwsgi_pass",
)  # fmt: skip

_MODIFIERS: Final[dict[str, Kind]] = {"=": "=", "^~": "^~", "~*": "~*", "~": "~"}
_NO_BYTE = re.compile(r"%(?![0-9A-Fa-f]{2})|%00|\0")
# What PCRE has under another name, in front of it escapes to be left alone; and what Python would
# take for something else without a word.
_SPELT_OTHERWISE = re.compile(rb"\\.|\(\?<(?=[A-Za-z_])", re.DOTALL)
_OTHERWISE = re.compile(rb"\[[:.=][^\]]*[:.=]\]|\\Q|\(\*|\{,\d")


@dataclass(frozen=True)
class Location:
    """One location.

    Args:
        kind: Its modifier; `@` for a named one.
        name: What follows the modifier.
        directive: Where it is written.
        inner: The locations inside it.
    """

    kind: Kind
    name: bytes
    directive: Directive
    inner: Level

    @cached_property
    def regex(self) -> re.Pattern[bytes]:
        """Its regular expression.

        Raises:
            ScenarioError: Python has none that means the same.
        """
        return regex(self.directive, self.name, is_caseless=self.kind == "~*")

    @property
    def has_slash_redirect(self) -> bool:
        """Whether its name without the last slash is answered with a redirect to its name."""
        return self.name.endswith(b"/") and any(self.directive.having(*PASSES))


@dataclass(frozen=True, slots=True)
class Level:
    """The locations that stand beside each other.

    Args:
        exact: Those with `=`, by name.
        prefixes: Those without a modifier or with `^~`, by name.
        regexes: Those with `~` or `~*`, as they are written.
        named: Those with `@`, by name.
    """

    exact: dict[bytes, Location]
    prefixes: dict[bytes, Location]
    regexes: list[Location]
    named: dict[bytes, Location]


@dataclass(frozen=True, slots=True)
class Match:
    """Where a URI belongs.

    Args:
        chain: The location found, last, after those it stands in; empty when there is none.
        is_redirect: nginx answers with a redirect to the location's name.
    """

    chain: tuple[Location, ...]
    is_redirect: bool = False


def read_locations(block: Directive) -> Level:
    """Read the locations of a server, and the locations inside them.

    Raises:
        ScenarioError: nginx would not take them; the message begins with file and line.
    """
    return _level(block, None)


def find(level: Level, uri: bytes) -> Match:
    """Find where a URI belongs.

    Args:
        level: The locations of a server.
        uri: As `normalised` gives it.

    Raises:
        ScenarioError: It depends on a regular expression that Python has not.
    """
    _, match = _find(level, uri)
    return match


def normalised(uri: str, *, merge_slashes: bool = True) -> bytes:
    """The form of a URI that locations are compared with.

    Args:
        uri: A path, percent-encoded or not, with or without query and fragment.
        merge_slashes: The server's setting.

    Raises:
        ValueError: nginx answers 400 to it.
    """
    path = re.split("[?#]", uri, maxsplit=1)[0]
    if not path.startswith("/") or _NO_BYTE.search(path):
        raise ValueError(f"expected a path such as /api/stream, got {shown(uri)}")
    parts = unquote_to_bytes(path).split(b"/")[1:]
    kept: list[bytes] = []
    for at, part in enumerate(parts, start=1):
        match part:
            case b".." if kept:
                kept.pop()
            case b"..":
                raise ValueError(f"expected a path inside /, got {shown(uri)}")
            case b".":
                continue
            case b"" if merge_slashes or at == len(parts):
                continue
            case _:
                kept.append(part)
    is_folder = parts[-1] in (b"", b".", b"..")
    return b"/" + b"/".join([*kept, b""] if is_folder else kept)


def regex(directive: Directive, pattern: bytes, *, is_caseless: bool) -> re.Pattern[bytes]:
    """Compile a regular expression of nginx's.

    Args:
        directive: Where it is written.
        pattern: For PCRE.
        is_caseless: Whether case counts for nothing.

    Raises:
        ScenarioError: Python has none that means the same.
    """
    problem: object = "Python takes it for something else"
    if not _OTHERWISE.search(pattern):
        flags = re.IGNORECASE if is_caseless else re.NOFLAG
        try:
            with warnings.catch_warnings(action="error", category=FutureWarning):
                return re.compile(_SPELT_OTHERWISE.sub(_in_python, pattern), flags)
        except (re.error, FutureWarning, OverflowError, RecursionError) as error:
            problem = error
    raise directive.line.error(f"cannot tell what {shown(str(directive))} matches: {problem}")


def _in_python(found: re.Match[bytes]) -> bytes:
    return {b"(?<": b"(?P<", rb"\z": rb"\Z"}.get(found[0], found[0])


# -- reading ---------------------------------------------------------------------------------------


def _level(block: Directive, outside: tuple[Kind, bytes] | None) -> Level:
    level = Level({}, {}, [], {})
    for directive in block.having("location"):
        kind, name = _named(directive)
        _check_inside(directive, kind, name, outside)
        location = Location(kind, name, directive, _level(directive, (kind, name)))
        if kind in ("~", "~*"):
            level.regexes.append(location)
            continue
        beside = {"=": level.exact, "@": level.named}.get(kind, level.prefixes)
        if name in beside:
            first = beside[name].directive.line
            raise directive.line.error(f"duplicate {directive}, first at {first}")
        beside[name] = location
    return level


def _named(directive: Directive) -> tuple[Kind, bytes]:
    """The modifier and the name, which may be written as one word."""
    match directive.args:
        case (modifier, name) if modifier in _MODIFIERS:
            return _MODIFIERS[modifier], name.encode()
        case (name,) if name.startswith("@"):
            return "@", name.encode()
        case (word,) if word:
            modifier = next((it for it in _MODIFIERS if word.startswith(it)), "")
            return _MODIFIERS.get(modifier, ""), word.removeprefix(modifier).encode()
        case _:
            message = f"expected a modifier (= ^~ ~ ~*) and a name, got {shown(str(directive))}"
            raise directive.line.error(message)


def _check_inside(
    directive: Directive, kind: Kind, name: bytes, outside: tuple[Kind, bytes] | None
) -> None:
    """Refuse what nginx refuses of a location inside a location."""
    if outside is None:
        return
    outer, outer_name = outside
    if outer in ("=", "@"):
        raise directive.line.error(f"{directive} cannot be inside a location with {outer}")
    if kind == "@":
        raise directive.line.error(f"{directive} can be on the server's level only")
    if kind not in ("~", "~*") and not name.startswith(outer_name):
        raise directive.line.error(f"{directive} is outside the location it stands in")


# -- matching --------------------------------------------------------------------------------------


def _find(level: Level, uri: bytes) -> tuple[bool, Match]:
    """Search a level and what is inside; whether that ends the search of the levels outside."""
    if location := level.exact.get(uri):
        return True, Match((location,))
    if uri not in level.prefixes and (redirecting := _redirecting(level, uri)):
        return True, Match((redirecting,), is_redirect=True)
    found: tuple[Location, ...] = ()
    if prefixes := [it for name, it in level.prefixes.items() if uri.startswith(name)]:
        prefix = max(prefixes, key=lambda it: len(it.name))
        is_over, inner = _find(prefix.inner, uri)
        match = Match((prefix, *inner.chain), inner.is_redirect)
        if is_over or prefix.kind == "^~":
            return is_over, match
        found = match.chain
    for location in level.regexes:
        if location.regex.search(uri):
            _, inner = _find(location.inner, uri)
            return True, Match((location, *inner.chain))
    return False, Match(found)


def _redirecting(level: Level, uri: bytes) -> Location | None:
    """The location that is the URI and a slash, if it redirects to itself."""
    both = (level.exact.get(uri + b"/"), level.prefixes.get(uri + b"/"))
    there = [it for it in both if it]
    return there[0] if any(it.has_slash_redirect for it in there) else None
