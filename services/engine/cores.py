"""How many cores this process may use."""

from __future__ import annotations

import os
from pathlib import Path

CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


def count_usable_cores(cpu_max: Path = CPU_MAX) -> int:
    """Return the cores that it may run on, at most those that its container's CPU limit pays for, at least 1."""
    allowed = len(os.sched_getaffinity(0))
    try:
        quota, period = cpu_max.read_text().split()
        return max(1, min(allowed, int(quota) // int(period)))
    except (OSError, ValueError):  # no control group that says so, or "max": no limit
        return allowed


def choose_threads(cores: int) -> int:
    """Return how many threads compute where nobody says: one core is left to everything else.

    The threads wait for each other at every layer, spinning: where one of them loses its core to a neighbour, all of
    them lose it. Seen on 2 cores with 2 busy neighbours: 1 thread 40 tokens/s, 2 threads fewer than 4.
    """
    return max(1, cores - 1)
