"""One server for a volume."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from services.database import lock
from services.database.failures import Refused
from services.database.lock import take_lock


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 0.1)


def test_the_second_one_is_refused(volume: Path) -> None:
    first = take_lock(volume)

    with pytest.raises(Refused, match=f"another server uses {volume}; end it first"):
        take_lock(volume)
    os.close(first)


def test_a_process_that_inherited_the_lock_keeps_it_until_it_ends(volume: Path) -> None:
    descriptor = take_lock(volume)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False) as child:
        os.close(descriptor)
        with pytest.raises(Refused):
            take_lock(volume)
        child.kill()

    os.close(take_lock(volume))


def test_a_volume_that_is_not_there_is_made(volume: Path) -> None:
    os.close(take_lock(volume / "new" / "one"))

    assert (volume / "new" / "one" / "lock").is_file()
