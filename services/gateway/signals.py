"""SIGTERM and SIGINT: the first asks the gateway to drain, the second to end at once."""

from __future__ import annotations

import asyncio
import signal


class Stop:
    """What somebody asked the gateway to do."""

    def __init__(self) -> None:
        self.drain = asyncio.Event()
        self.at_once = asyncio.Event()

    def ask(self) -> None:
        if self.drain.is_set():
            self.at_once.set()
        self.drain.set()

    def listen(self) -> None:
        """Have signals ask."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ask)
