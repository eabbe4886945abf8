"""A request from its first byte to its last: what the log and the metrics say of it, and how it can be ended early."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from services.gateway.bill import Bill


@dataclass(eq=False)
class Flight:
    """A request that is served."""

    request_id: UUID
    client_request_id: str | None = None
    """What the client calls it; for the log only."""
    model: str | None = None
    """A model that is served."""
    stream: bool = False
    bill: Bill | None = None
    """None until it is admitted."""
    replica: str | None = None
    ended_by: str | None = None
    """Why a stream ended before the engine said so."""
    first_word_seconds: float | None = None
    """From the beginning to the first byte of the answer."""
    is_ending: bool = False
    """The gateway drains, and has waited long enough."""
    _began: float = field(default_factory=time.monotonic)
    _close: Callable[[], object] | None = None

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def note_first_word(self) -> None:
        self.first_word_seconds = self.seconds

    def watch(self, close: Callable[[], object] | None) -> None:
        """Say what must be closed so that the request ends: the engine's answer."""
        self._close = close
        if self.is_ending and close is not None:
            close()

    def end(self) -> None:
        """End it early; what was delivered stays."""
        self.is_ending = True
        if self._close is not None:
            self._close()
