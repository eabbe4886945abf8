"""The lock between builds. It ends with the process that holds it, however that ends."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.images.progress import report


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """Let one build at a time in; say so where another one has to be waited for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("waiting for another build of images")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
