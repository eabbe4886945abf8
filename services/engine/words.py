"""What the engine says: a line on standard output for each step, on standard error for each failure."""

from __future__ import annotations

import sys

MEGABYTE = 1_000_000


def say(line: str) -> None:
    print(f"engine: {line}", flush=True)


def complain(lines: str) -> None:
    for line in lines.splitlines():
        print(f"engine: {line}", file=sys.stderr, flush=True)


def count_megabytes(size: int) -> str:
    """Return a number of bytes as people read it: `98 MB`, `0.4 MB`."""
    return f"{size / MEGABYTE:.{0 if size >= MEGABYTE else 1}f} MB"
