"""What `sse-harness.yaml` says of a server, for everybody who works on it."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from harness.model.base import Strict
from harness.model.promises import EndMarkerField, NumberedField, Promises
from harness.units import Duration


class ProjectTarget(Strict):
    """The server under test, as the file has it.

    Args:
        url: As `--url`.
        command: As `--command`: a line, or its words.
        cwd: As `--cwd`, relative to the file; where the file is.
        env: As `--env`.
        ready: As `--ready`.
        ready_timeout_s: As `--ready-timeout`.
        app: As `--app`.
        python: As `--python`, relative to the file.
        method: As `-X`.
        headers: As `-H`.
        body: As `-d`; what is no text is sent as JSON.
        insecure: As `--insecure`.
        cacert: As `--cacert`, relative to the file.
    """

    url: str | None = None
    command: str | tuple[str, ...] | None = None
    cwd: str = "."
    env: dict[str, str] = Field(default_factory=dict)
    ready: str | Annotated[int, Field(ge=1, le=65535)] | None = None
    ready_timeout_s: Annotated[Duration, Field(gt=0)] | None = None
    app: str | None = None
    python: str | None = None
    method: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    body: str | dict[str, Any] | list[Any] | None = None
    insecure: bool = False
    cacert: str | None = None


class ProjectTrigger(Strict):
    """What makes a quiet server speak, once a stream of its is open: a request, or a command.

    Args:
        url: Where the request goes to: a path of the target, or a whole URL.
        method: Of that request.
        headers: Of that request.
        body: Of that request; what is no text is sent as JSON.
        command: What is run instead, without a shell; `{port}` is the target's port.
        after_s: How long after the stream has opened.
        every_s: How long until it is pulled again; once is enough if not given.
    """

    url: str | None = None
    method: str = "POST"
    headers: dict[str, str] = Field(default_factory=dict)
    body: str | dict[str, Any] | list[Any] | None = None
    command: str | tuple[str, ...] | None = None
    after_s: Duration = 0.2
    every_s: Annotated[Duration, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.url is None) is (self.command is None):
            raise ValueError("expected url: for a request, or command:, and not both")
        return self


class Project(Strict):
    """A file `sse-harness.yaml`.

    Args:
        target: The server under test; None: options name it.
        trigger: What makes it speak.
        end_marker: The event after which a stream has nothing more: its data, such as `[DONE]`, a
            JSON path that begins with `$`, or `event:` and its type. A stream that ends without it
            was cut, and a client that got it does not come back.
        sequence: Where events have consecutive numbers, so that a missing one is a lost event:
            `id`, a JSON path that begins with `$`, or a regular expression with one group.
        broadcast: Whether every client is told the same events: what one client heard, every
            other one is owed.
        resume_window_s: How far back a client may ask to go on with Last-Event-ID; without it, as
            far as anybody likes.
        secrets: Names of header fields, parameters, keys and variables whose values are never
            shown, beside those that are usually secret.
        kind: As `--kind` of `check`.
    """

    target: ProjectTarget | None = None
    trigger: ProjectTrigger | None = None
    end_marker: EndMarkerField | None = None
    sequence: NumberedField | None = None
    broadcast: bool = False
    resume_window_s: Annotated[Duration, Field(gt=0)] | None = None
    secrets: tuple[str, ...] = ()
    kind: str | None = None

    @property
    def promises(self) -> Promises:
        """What it says of the target's streams."""
        return Promises(
            end_marker=self.end_marker,
            sequence=self.sequence,
            broadcast=self.broadcast,
            resume_window_s=self.resume_window_s,
        )
