from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

import pytest

from services.engine.signals import Stopped, stop_on_signals


@pytest.fixture
def _handlers() -> Iterator[None]:
    """Put the handlers back that the test replaces."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_handlers")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_gets_past_whoever_handles_exceptions(number: signal.Signals) -> None:
    stop_on_signals()

    with pytest.raises(Stopped), contextlib.suppress(Exception):
        signal.raise_signal(number)
