"""Locks between the commands on this machine. Each ends with the process that holds it, however that ends."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class LockHeld(Exception):
    """Another process holds the lock; the text says what it is doing."""


@contextmanager
def hold(path: Path, *, refusal: str | None = None) -> Iterator[None]:
    """Hold a lock while inside. Where another process holds it, wait for it, or raise with the text of `refusal`.

    Raises:
        LockHeld: `refusal` is given and another process holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (fcntl.LOCK_NB if refusal else 0))
        except BlockingIOError:
            raise LockHeld(refusal) from None
        yield
