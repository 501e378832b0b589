"""The server under test, and what to start where it does not run already."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from harness.model.base import Strict
from harness.model.promises import NOTHING, Promises
from harness.units import Duration
from harness.wire.headers import Headers

PORT = "{port}"
"""Stands for a free port, in a target's URL and in whatever starts the target."""

READY_TIMEOUT_S = 30.0


class Command(Strict):
    """A server to start for each case, from its command line.

    Args:
        words: The program and its arguments; no shell reads them.
        cwd: Where it runs, absolute; "" where this process does.
        env: Variables added to those of this process.
        ready: When it is ready: a URL that answers, a port, or a text in its output; "" once
            somebody accepts connections at the URL of the target.
        ready_timeout_s: How long that may take.
    """

    words: Annotated[tuple[str, ...], Field(min_length=1)]
    cwd: str = ""
    env: tuple[tuple[str, str], ...] = ()
    ready: str = ""
    ready_timeout_s: Annotated[Duration, Field(gt=0)] = READY_TIMEOUT_S


class App(Strict):
    """An ASGI application to serve in this process.

    Args:
        name: `module:attribute`.
        cwd: Where its modules are, absolute.
        env: Variables set before it is imported.
    """

    name: str
    cwd: str
    env: tuple[tuple[str, str], ...] = ()


class Trigger(Strict):
    """What makes a quiet server speak, once a stream of its is open.

    Args:
        url: Where a request goes to, itself or a path of the target; None: there is a command.
        method: Of that request.
        headers: Of that request.
        body: Of that request.
        command: A program and its arguments that come to an end; () there is a request.
        cwd: Where it runs, absolute.
        after_s: How long after the stream has opened.
        every_s: How long until it is pulled again; None: once is enough.
    """

    url: str | None = None
    method: str = "POST"
    headers: Headers = ()
    body: str | None = None
    command: tuple[str, ...] = ()
    cwd: str = ""
    after_s: Duration = 0.2
    every_s: Annotated[Duration, Field(gt=0)] | None = None


class Target(Strict):
    """The server under test.

    Args:
        url: Its address; None: the reference server.
        flaws: Flaws of the reference server.
        method: As `curl -X`.
        body: As `curl -d`.
        headers: As `curl -H`.
        insecure: As `curl -k`: whoever answers over TLS is believed.
        cacert: As `curl --cacert`: a file of certificates to trust in place of this machine's, as
            an absolute path; "": this machine's.
        command: What to start, which `url` then leads to; None: it runs already.
        app: What to serve, of which `url` then says the path; None: no application of ours.
        trigger: What makes it speak; None: it speaks by itself.
        promises: What is said of its streams.
        secrets: Names of header fields, parameters, keys and variables whose values are never
            shown, beside those that are usually secret.
    """

    url: str | None = None
    flaws: tuple[str, ...] = ()
    method: str = "GET"
    body: str | None = None
    headers: Headers = ()
    insecure: bool = False
    cacert: str = ""
    command: Command | None = None
    app: App | None = None
    trigger: Trigger | None = None
    promises: Promises = NOTHING
    secrets: tuple[str, ...] = ()

    @property
    def is_reference(self) -> bool:
        """Whether this is the built-in reference server."""
        return self.url is None

    @property
    def is_inside(self) -> bool:
        """Whether it runs in this process, so that the virtual clock can move it."""
        return self.is_reference or self.app is not None
