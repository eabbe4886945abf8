"""Numbered steps with elapsed time, and the record of them that is kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from offline.cache import write_atomically

Report = Callable[[str], None]
"""Takes a line that says what is going on now."""


class Steps:
    """Prints `[2/5] title ... 3.1 s` for each step; a terminal shows a line of progress under way."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._seconds: dict[str, float] = {}

    @contextmanager
    def step(self, title: str) -> Iterator[Progress]:
        """Time what happens inside; yields what progress is reported to. A step that raises is printed as failed."""
        label = f"[{len(self._seconds) + 1}/{self._total}] {title}"
        started = time.monotonic()
        outcome, style = "failed", "red"
        with Progress(self._console, label) as progress:
            try:
                yield progress
                outcome, style = progress.outcome, ""
            finally:
                elapsed = time.monotonic() - started
                self._seconds[title] = round(elapsed, 3)
                progress.stop()
                line = Text.assemble(f"{label:<56} ", (f"{outcome:<24}", style), f" {elapsed:6.1f} s")
                self._console.print(line)

    def save(self, path: Path) -> None:
        """Keep the times as JSON: seconds by step, and their sum."""
        document = {"seconds": self._seconds, "total_seconds": round(sum(self._seconds.values()), 3)}
        write_atomically(path, json.dumps(document, indent=2) + "\n")


class Progress:
    """What a long step shows of itself: a live line in a terminal, a line every ten seconds elsewhere."""

    QUIET_SECONDS = 10

    def __init__(self, console: Console, label: str) -> None:
        self._console = console
        self._label = label
        self._status = console.status(escape(label)) if console.is_terminal else None
        self._last_printed = time.monotonic()
        self.outcome = "done"

    def __enter__(self) -> Progress:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        if self._status:
            self._status.stop()

    def report(self, line: str) -> None:
        """Show what is going on now."""
        if self._status:
            self._status.update(escape(f"{self._label}: {line}"))
        elif time.monotonic() - self._last_printed >= self.QUIET_SECONDS:
            self._last_printed = time.monotonic()
            self._console.print(f"      {escape(line)}", highlight=False)
