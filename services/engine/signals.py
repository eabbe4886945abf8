"""SIGTERM and SIGINT. Process 1 of a container ignores a signal that it has no handler for."""

from __future__ import annotations

import signal


class Stopped(BaseException):
    """Somebody asked the engine to end. No `except Exception` on the way may keep it."""


def stop_on_signals() -> None:
    """Make SIGTERM and SIGINT raise `Stopped` in the main thread."""
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)


def _stop(*_: object) -> None:
    raise Stopped
