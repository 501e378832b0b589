"""What goes wrong in a user's addon ends the case, and is named with its line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from harness.errors import HopError
from tests.testkit.stage import CHUNKED, Stage, Yaml, chunk, play

type Write = Callable[[str], Path]

SCRIPT: Yaml = {"script": "addon.py"}


async def breaks(stage: Stage) -> HopError:
    await stage.get()
    return await stage.a_hop_breaks()


async def breaks_on_a_stream(stage: Stage) -> HopError:
    await stage.get()
    target = await stage.accept()
    await target.head()
    await target.send(CHUNKED, chunk(b"data"))
    return await stage.a_hop_breaks()


RAISES = """\
def boom():
    return 1 / 0

"""


@pytest.mark.parametrize(
    "text",
    [
        "def request(flow):\n    boom()\n",
        "async def request(flow):\n    boom()\n",
        "class A:\n    def request(self, flow): boom()\n\naddons = [A()]\n",
        "def client_connected(client):\n    boom()\n",
        "def running():\n    boom()\n",
    ],
    ids=["hook", "async hook", "method", "connection", "running"],
)
def test_an_exception_in_a_hook_names_the_script_and_the_line(write: Write, text: str) -> None:
    base = write(RAISES + text)
    error = play(breaks, [{}, SCRIPT], base=base)
    assert str(error) == "hop 2: script addon.py:2: ZeroDivisionError: division by zero"


def test_an_exception_in_a_stream_callable_names_the_script_and_the_line(write: Write) -> None:
    base = write(
        RAISES + "def responseheaders(flow):\n    flow.response.stream = lambda data: boom()\n"
    )
    error = play(breaks_on_a_stream, [SCRIPT], base=base)
    assert str(error) == "hop 1: script addon.py:2: ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "\nimport no_such_module\n",
            "addon.py:2: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("\n\ndef x(:\n", "addon.py:3: SyntaxError: invalid syntax"),
        ("def load(loader):\n    1 / 0\n", "addon.py:2: ZeroDivisionError: division by zero"),
        ("def configure(updated):\n    1 / 0\n", "addon.py:2: ZeroDivisionError: division by zero"),
    ],
    ids=["import", "syntax", "load", "configure"],
)
def test_a_script_that_cannot_be_loaded_says_where(write: Write, text: str, message: str) -> None:
    async def scene(stage: Stage) -> None:
        raise AssertionError("the stage is never set")

    (base := write("").joinpath("addon.py")).write_text(text)
    with pytest.raises(HopError) as caught:
        play(scene, [SCRIPT], base=base.parent)
    assert str(caught.value).startswith(f"hop 1: script {message}")


def test_a_script_that_is_not_there_is_named_as_the_user_named_it(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        raise AssertionError("the stage is never set")

    with pytest.raises(HopError, match=r"^hop 2: script \./none\.py: no such file$"):
        play(scene, [{}, {"script": "./none.py"}], base=tmp_path)


EXITS = """\
import sys

def out():
    sys.exit(3)

"""


def test_a_script_that_exits_when_it_is_imported_cannot_be_loaded(write: Write) -> None:
    async def scene(stage: Stage) -> None:
        raise AssertionError("the stage is never set")

    with pytest.raises(HopError, match=r"^hop 1: script addon\.py:4: SystemExit: 3$"):
        play(scene, [SCRIPT], base=write(EXITS + "out()\n"))


@pytest.mark.parametrize("hook", ["load(loader)", "configure(updated)"])
def test_a_script_that_exits_when_it_is_loaded_cannot_be_loaded(write: Write, hook: str) -> None:
    async def scene(stage: Stage) -> None:
        raise AssertionError("the stage is never set")

    with pytest.raises(HopError, match=r"^hop 1: script addon\.py:4: SystemExit: 3$"):
        play(scene, [SCRIPT], base=write(EXITS + f"def {hook}:\n    out()\n"))


@pytest.mark.parametrize(
    "text",
    [
        "def request(flow):\n    out()\n",
        "async def request(flow):\n    out()\n",
        "def client_connected(client):\n    out()\n",
        "def running():\n    out()\n",
        "def responseheaders(flow):\n    flow.response.stream = lambda data: out()\n",
    ],
    ids=["hook", "async hook", "connection", "running", "stream callable"],
)
def test_a_script_that_exits_breaks_its_hop(write: Write, text: str) -> None:
    async def scene(stage: Stage) -> HopError:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_serve_one_stream, stage)
            error = await stage.a_hop_breaks()
            nursery.cancel_scope.cancel()
        return error

    error = play(scene, [{}, SCRIPT], base=write(EXITS + text))
    assert str(error) == "hop 2: script addon.py:4: SystemExit: 3"


async def _serve_one_stream(stage: Stage) -> None:
    await stage.get()
    target = await stage.accept()
    await target.head()
    await target.send(CHUNKED, chunk(b"data"))
