"""The language host's decisions."""

from __future__ import annotations

import os
import threading

import pytest

from offline.language.host import PREVIEW_VARIABLE, _read_streams, refuse_real_account

REAL = {"faregate:cloud": "aws"}
SIMULATED = {"faregate:cloud": "simulated"}


@pytest.fixture(autouse=True)
def no_preview(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PREVIEW_VARIABLE, raising=False)


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_simulated_stack_may_run(dry_run: bool) -> None:
    assert refuse_real_account("faregate", "local", SIMULATED, dry_run=dry_run) is None


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(
    "config", [REAL, {}, {"other:cloud": "simulated"}, {"cloud": "simulated"}, {"faregate:cloud": "Simulated"}]
)
def test_every_other_stack_is_refused_with_the_way_out(config: dict[str, str], dry_run: bool) -> None:
    refusal = refuse_real_account("faregate", "prod", config, dry_run=dry_run)

    assert refusal is not None
    assert "stack prod belongs to a real account" in refusal
    assert "run `deactivate`" in refusal
    assert "FAREGATE_PREVIEW=1 pulumi preview -s prod" in refusal


def test_a_preview_that_was_asked_for_may_run_and_nothing_but_a_preview(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREVIEW_VARIABLE, "1")

    assert refuse_real_account("faregate", "prod", REAL, dry_run=True) is None
    assert refuse_real_account("faregate", "prod", REAL, dry_run=False) is not None


def test_streams_are_read_as_they_come_until_all_are_closed() -> None:
    """Each chunk is written only after the one before it was read: nothing is held back."""
    ends = {name: os.pipe() for name in ("stdout", "stderr")}
    script = [("stdout", b"one"), ("stderr", b"two"), ("stdout", b"three"), ("stderr", b"four")]
    turns = threading.Semaphore(1)

    def write() -> None:
        for name, chunk in script:
            turns.acquire()
            os.write(ends[name][1], chunk)
        turns.acquire()
        os.close(ends["stdout"][1])
        os.write(ends["stderr"][1], b"five")
        os.close(ends["stderr"][1])

    writer = threading.Thread(target=write)
    writer.start()
    read = []
    with os.fdopen(ends["stdout"][0], "rb") as stdout, os.fdopen(ends["stderr"][0], "rb") as stderr:
        for item in _read_streams({"stdout": stdout, "stderr": stderr}):
            read.append(item)
            turns.release()
    writer.join()

    assert read == [*script, ("stderr", b"five")]
