"""One server for a volume.

Postgres' own interlock compares process ids and shared memory, which two containers do not see of each other: both
servers are process 1. A lock on a file of the volume is seen by every container of the machine, and the kernel takes it
back when the last process that has it open ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from services.database.failures import Refused

FILE = "lock"

PATIENCE_SECONDS = 30.0
"""Longest wait for the processes of a server that was killed: they notice within moments."""


def take_lock(folder: Path) -> int:
    """Make the volume's folder if there is none, and return the file descriptor that is the lock.

    It is inheritable: the server and all its processes keep it until the last of them ends.

    Raises:
        Refused: another server has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / FILE, os.O_RDWR | os.O_CREAT, 0o600)
    os.set_inheritable(lock, True)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(lock)
                raise Refused(f"another server uses {folder}; end it first") from None
            time.sleep(0.05)
        else:
            return lock
