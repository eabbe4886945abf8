"""Lines of progress, on standard error: standard output is for the result."""

from __future__ import annotations

import sys


def report(line: str) -> None:
    """Print a line at once."""
    print(line, file=sys.stderr, flush=True)
