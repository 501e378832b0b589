"""What `sse-harness explain` does."""

from __future__ import annotations

from harness.ends.flaws import FLAWS
from harness.report import explain as pages_of
from harness.report import pages
from harness.report.terminal import make_console, show_line
from harness.scenario.builtin import suite
from harness.scenario.load import load
from harness.scenario.select import scenario_files

_WIDEST = 120


def explain(name: str | None, *, no_color: bool) -> None:
    """Print the page of `name`, or what there is.

    Raises:
        UsageError: Nothing has that name.
    """
    scenarios = [load(file, flaws=FLAWS) for file in scenario_files(suite())]
    page = pages_of.contents(scenarios) if name is None else pages_of.page(name, scenarios)
    console = make_console(no_color=no_color)
    for line in pages.lines(page, min(console.width, _WIDEST)):
        show_line(line, console)
