"""A lock lets one process at a time in, and never outlives the process that holds it."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from offline.locks import LockHeld, hold


def test_a_held_lock_refuses_with_the_given_text(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    with hold(path), pytest.raises(LockHeld, match=r"^somebody builds$"), hold(path, refusal="somebody builds"):
        pytest.fail("two are inside")


def test_a_lock_is_free_again_after_the_body_ends_or_fails(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(KeyError), hold(path, refusal="held"):
        raise KeyError
    entered = []
    with hold(path, refusal="held"):
        entered.append("again")
    assert entered == ["again"]


def test_without_a_refusal_a_lock_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    order: list[str] = []

    def enter_second() -> None:
        with hold(path):
            order.append("second")

    with hold(path):
        thread = threading.Thread(target=enter_second)
        thread.start()
        thread.join(timeout=0.05)  # time to come in, if it could
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_blocked_call_inside_is_not_taken_for_a_held_lock(tmp_path: Path) -> None:
    with pytest.raises(BlockingIOError), hold(tmp_path / "lock", refusal="held"):
        raise BlockingIOError


def test_a_killed_process_gives_its_lock_back(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import sys, pathlib, offline.locks as locks\n"
        "with locks.hold(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-P", "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockHeld), hold(path, refusal="held"):
            pytest.fail("two are inside")
        holder.kill()
        holder.wait()
        entered = []
        with hold(path, refusal="held"):
            entered.append("after")
    assert entered == ["after"]
