"""What a run shows: a page's prose, numbered steps with elapsed time, tables of samples."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markdown import Markdown
from rich.markup import escape
from rich.prompt import Confirm
from rich.table import Table
from rich.text import Text

from runbooks.prometheus import Sample

MOST_ROWS = 30
"""How many samples are shown."""
_METRIC = "__name__"  # the label that is the metric's name
_VALUE = "value"
_WIDTH = 120  # where nobody's terminal sets one


def make_console(*, stderr: bool = False) -> Console:
    return Console(stderr=stderr, width=None if sys.stdout.isatty() else _WIDTH)


class Screen:
    """Where a run is shown."""

    def __init__(self, console: Console, total: int) -> None:
        """Show a run of so many steps."""
        self._console = console
        self._total = total
        self._begun = 0

    def say(self, text: str, style: str = "") -> None:
        """Print text as it is."""
        self._console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def show_heading(self, text: str) -> None:
        self._console.print()
        self._console.print(Text(text, "bold underline"))

    def show_prose(self, text: str) -> None:
        self._console.print(Markdown(text))

    @contextmanager
    def step(self, title: str) -> Iterator[Progress]:
        """Time what happens inside; a step that raises is printed as failed."""
        label = self._number(title)
        started = time.monotonic()
        outcome, style = "failed", "red"
        progress = Progress(self._console, label)
        try:
            yield progress
            outcome, style = progress.outcome, progress.style
        finally:
            progress.stop()
            elapsed = time.monotonic() - started
            self._console.print(Text.assemble(f"{label:<72} ", (f"{outcome:<24}", style), f" {elapsed:6.1f} s"))

    def ask(self, question: str, given: bool | None) -> bool | None:
        """Return a person's answer to a question, `given` if that is one, None where nobody can be asked."""
        label = self._number(question)
        is_terminal = sys.stdin.isatty() and self._console.is_terminal
        if given is not None or not is_terminal:
            self.say(f"{label} {'' if given is None else 'yes' if given else 'no'}".rstrip())
            return given
        try:
            return Confirm.ask(escape(label), console=self._console, default=False)
        except EOFError:
            self.say("")
            return False

    def show_samples(self, samples: Sequence[Sample], columns: Sequence[str] = ()) -> None:
        """Print samples as a table: these labels, by default all but the metric's name, and the value."""
        if not samples:
            self.say("nothing")
            return
        shown = columns or sorted({label for sample in samples for label in sample.labels} - {_METRIC})
        table = Table()
        for label in shown:
            table.add_column("metric" if label == _METRIC else Text(label), overflow="fold")
        table.add_column(_VALUE, justify="right")
        for sample in samples[:MOST_ROWS]:
            cells = [sample.labels.get(label, "") for label in shown]
            table.add_row(*map(Text, [*cells, write_value(sample.value)]))
        self._console.print(table)
        if len(samples) > MOST_ROWS:
            self.say(f"{len(samples) - MOST_ROWS} more")

    def _number(self, title: str) -> str:
        self._begun += 1
        return f"[{self._begun}/{self._total}] {title}"


class Progress:
    """What a long step shows of itself: a live line in a terminal, a line every ten seconds elsewhere."""

    QUIET_SECONDS = 10

    def __init__(self, console: Console, label: str) -> None:
        self._console = console
        self._label = label
        self._status = console.status(escape(label)) if console.is_terminal else None
        self._last_printed = time.monotonic()
        self.outcome = "done"
        self.style = ""
        if self._status:
            self._status.start()

    def stop(self) -> None:
        if self._status:
            self._status.stop()

    def report(self, line: str) -> None:
        """Show what is going on now."""
        if self._status:
            self._status.update(escape(f"{self._label}: {line}"))
        elif time.monotonic() - self._last_printed >= self.QUIET_SECONDS:
            self._last_printed = time.monotonic()
            self.note(line)

    def note(self, line: str) -> None:
        """Print a line that stays."""
        self._console.print(f"      {line}", markup=False, highlight=False, soft_wrap=True)


def write_value(value: float) -> str:
    """Return a value as people read it: counts as they are, others with four digits that tell."""
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.4g}"
