"""What is seen while a run is under way.

On a terminal a few lines that keep themselves up to date, with what did not pass above them; in a
log a line for each case once it is judged.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from harness.model.verdict import CaseVerdict
from harness.report.terminal import STYLES, show_line
from harness.report.wording import encodable, total_seconds, visible
from harness.units import show_seconds

_SHOWN_RUNNING = 4
_REFRESHES_PER_S = 5


class Progress:
    """Progress of one run, as a context manager that leaves the terminal as it was.

    Args:
        console: From `terminal.make_console`.
        now_s: A clock in seconds; only differences count.
    """

    def __init__(self, console: Console, now_s: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._now_s = now_s
        self._started_s = now_s()
        self._total = 0
        self._finished = 0
        self._running: dict[str, None] = {}
        self._live: Live | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, total: int) -> None:
        """Begin to show, with `total` cases to run."""
        self._total = total
        self._started_s = self._now_s()
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(
                get_renderable=self._display,
                console=self._console,
                refresh_per_second=_REFRESHES_PER_S,
                transient=True,
                # What tests or scripts print belongs to them: it is not ours to redirect.
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def began(self, case_id: str) -> None:
        """Note that a case runs."""
        self._running[case_id] = None

    def finished(self, case: CaseVerdict) -> None:
        """Note that a case is judged."""
        self._running.pop(case.id, None)
        self._finished += 1
        if self._live is None or case.outcome not in {"PASS", "SKIP"}:
            show_line(self._line(case), self._console)

    def stop(self) -> None:
        """Stop showing; may be called again."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _line(self, case: CaseVerdict) -> Text:
        digits = len(str(self._total))
        twin = " (twin)" if case.is_twin else ""
        return Text.assemble(
            f"[{self._finished:>{digits}}/{self._total}] ",
            (case.outcome, STYLES[case.outcome]),
            f" {visible(case.id)}{twin}",
            (f"  {show_seconds(case.simulated_s)} in {case.wall_s:.2f} s", "dim"),
        )

    def _display(self) -> Text:
        elapsed = total_seconds(self._now_s() - self._started_s)
        text = Text(f"{self._finished}/{self._total} cases · {elapsed}")
        running = list(self._running)
        for case_id in running[:_SHOWN_RUNNING]:
            text.append(f"\n  {visible(case_id)}", "dim")
        if len(running) > _SHOWN_RUNNING:
            text.append(f"\n  and {len(running) - _SHOWN_RUNNING} more", "dim")
        return Text(encodable(text.plain, self._console.encoding), spans=text.spans)
