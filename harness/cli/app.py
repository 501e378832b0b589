"""The application: its verbs, and what they share."""

from __future__ import annotations

import typer

from harness.cli.check import check
from harness.cli.compare import compare
from harness.cli.explain import explain
from harness.cli.fidelity import fidelity
from harness.cli.run import run
from harness.cli.serve import serve
from harness.cli.trace import trace
from harness.version import VERSION

app = typer.Typer(
    name="sse-harness",
    help="Put hostile intermediaries between an SSE server and its clients, and judge it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"sse-harness {VERSION}")
        raise typer.Exit


@app.callback()
def _shared(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Print the version."
    ),
) -> None:
    del version  # its callback has done everything


app.command("check")(check)
app.command("run")(run)
app.command("compare")(compare)
app.command("trace")(trace)
app.command("serve")(serve)
app.command("explain")(explain)
app.command("fidelity")(fidelity)
