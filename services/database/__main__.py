"""`python3 -P -m services.database`: become the database server; with `probe`: say whether it answers."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Never

from services.database.cluster import ensure_cluster
from services.database.failures import Refused
from services.database.lock import take_lock
from services.database.probe import check_server
from services.database.programs import find_programs
from services.database.server import become_server
from services.database.settings import read_settings


def main(arguments: Sequence[str]) -> int:
    """Return 1, and say why in a sentence, for what can't be done; a server that starts never returns."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        settings = read_settings(os.environ)
        programs = find_programs()
        if arguments == ["probe"]:
            check_server(programs, settings)
            return 0
        if arguments:
            raise Refused(f"unknown arguments: {' '.join(arguments)}; allowed: none, or probe")
        lock = take_lock(settings.folder)
        cluster = ensure_cluster(programs, settings.folder, lock)
        become_server(programs, settings, cluster)
    except (Refused, OSError) as problem:
        print(f"database: {problem}", file=sys.stderr)
    return 1


def _stop(number: int, _frame: FrameType | None) -> Never:
    """End, which a container's first process does by no signal that it has no handler for; a server has its own."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
