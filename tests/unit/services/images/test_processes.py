"""A tool's output is kept, not endlessly shown, and no tool outlives the call that started it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from services.images import processes
from services.images.processes import Interrupted, ToolFailed, delay_interruption, raise_interruption, read, run, start
from tests.unit.services.images.conftest import is_running, wait_until


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_an_exit_code_that_is_good_is_returned() -> None:
    assert run(python("raise SystemExit(1)"), "x", good=(0, 1)) == 1


def test_a_failure_tells_the_last_lines_that_are_not_blank() -> None:
    code = "print('first' + 'x' * 100_000); print(); print('last\\n\\n'); raise SystemExit(2)"

    with pytest.raises(ToolFailed) as failed:
        run(python(code), "image x")

    assert str(failed.value).startswith("image x: ")
    assert str(failed.value).endswith("\n  last")
    assert len(str(failed.value)) < 17_000


def test_an_answer_is_standard_output_without_warnings() -> None:
    assert read(python("import sys; sys.stderr.write('warning'); print('answer')"), "x") == "answer\n"


def test_a_tool_reads_nothing_and_sees_the_environment_given() -> None:
    code = "import os, sys; raise SystemExit(len(sys.stdin.read()) + int(os.environ['CODE']))"

    assert run(python(code), "x", good=(5,), environment={"CODE": "5"}) == 5


def test_a_tool_ends_with_the_body_that_it_was_started_for(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = f"import os, pathlib, time; pathlib.Path({str(pid)!r}).write_text(str(os.getpid())); time.sleep(60)"

    with contextlib.suppress(KeyError), start(python(code), "x"):
        wait_until(lambda: pid.exists() and pid.read_text() != "")
        raise KeyError

    assert not is_running(int(pid.read_text()))


def test_a_tool_that_will_not_end_is_killed_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.2)
    ready = tmp_path / "ready"
    code = (
        "import os, pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); child = os.fork()\n"
        f"if child: pathlib.Path({str(ready)!r}).write_text(f'{{os.getpid()}} {{child}}')\n"
        "time.sleep(60)"
    )

    with start(python(code), "x"):
        wait_until(lambda: ready.exists() and ready.read_text() != "")

    for process in ready.read_text().split():
        wait_until(lambda process=process: not is_running(int(process)))  # type: ignore[misc]


def test_a_tool_may_clean_up_before_it_ends(tmp_path: Path) -> None:
    code = (
        "import pathlib, signal, sys, time\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), (folder / 'cleaned').touch(), sys.exit()))\n"
        "(folder / 'ready').touch()\n"
        "time.sleep(60)"
    )

    with start(python(code), "x"):
        wait_until((tmp_path / "ready").exists)

    assert (tmp_path / "cleaned").exists()


def test_interruptions_wait_for_what_must_not_be_cut() -> None:
    reached = []

    def work() -> None:
        with delay_interruption():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.05)
            reached.append("the end of the body")
        reached.append("what follows")

    with raise_interruption(), pytest.raises(Interrupted) as interrupted:
        work()

    assert interrupted.value.number == signal.SIGTERM
    assert reached == ["the end of the body"]


def test_signals_mean_afterwards_what_they_meant_before() -> None:
    before = [signal.getsignal(number) for number in processes.ENDING]

    with raise_interruption(), delay_interruption():
        pass

    assert [signal.getsignal(number) for number in processes.ENDING] == before


def test_a_tool_is_out_of_reach_of_the_terminal_s_interrupt() -> None:
    assert int(read(python("import os; print(os.getpgid(0))"), "x")) != os.getpgid(0)
