"""The tools at work. What they print is kept and shown if they fail; none outlives the command that started it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import IO

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that ask the command to end."""

GRACE_SECONDS = 20
"""How long a tool may clean up after itself."""

_LAST_LINES = 10
_LAST_BYTES = 16 * 1024

PACKAGES = {"mmdebstrap": "mmdebstrap", "podman": "podman"}
"""Which Debian package a tool comes with."""


class ToolMissing(Exception):
    """A tool is not here; the text says how to get it."""


class ToolFailed(Exception):
    """A tool did not do what it was asked for; the text says for what, and its last lines."""


class Interrupted(BaseException):
    """A signal asked the command to end. No Exception: nothing may take it for a failure."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Process:
    """A tool at work for something that has a name."""

    def __init__(self, popen: subprocess.Popen[bytes], output: IO[bytes], tool: str, purpose: str) -> None:
        self._popen = popen
        self._output = output
        self._tool = tool
        self._purpose = purpose

    def finish(self, good: Sequence[int] = (0,)) -> int:
        """Wait for its end; return its exit code, which is one of `good`.

        Raises:
            ToolFailed: it is another one.
        """
        code = self._popen.wait()
        if code in good:
            return code
        lines = "".join(f"\n  {line}" for line in self._read_last_lines()) or " nothing"
        raise ToolFailed(f"{self._purpose}: {self._tool} failed with exit code {code}; its last lines:{lines}")

    def stop(self) -> None:
        """End it and what it started, and wait for that."""
        if self._popen.poll() is not None:
            return
        try:
            os.killpg(self._popen.pid, signal.SIGTERM)
            self._popen.wait(GRACE_SECONDS)
        except BaseException as reason:
            # Too slow, or a second interruption while waiting.
            os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.wait()
            if not isinstance(reason, subprocess.TimeoutExpired):
                raise

    def _read_last_lines(self) -> list[str]:
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - _LAST_BYTES))
        lines = self._output.read().decode(errors="replace").splitlines()
        return [line for line in lines if line.strip()][-_LAST_LINES:]


def run(
    command: Sequence[str],
    purpose: str,
    good: Sequence[int] = (0,),
    environment: Mapping[str, str] | None = None,
) -> int:
    """Run a tool to its end, in another environment if one is given; return its exit code, which is one of `good`.

    Raises:
        ToolMissing: it is not here.
        ToolFailed: it ended with another exit code.
    """
    with start(command, purpose, environment=environment) as process:
        return process.finish(good)


def read(command: Sequence[str], purpose: str) -> str:
    """Run a tool to its end; return what it printed to standard output.

    Raises:
        ToolMissing: it is not here.
        ToolFailed: it failed.
    """
    with tempfile.TemporaryFile() as answer:
        with start(command, purpose, answer) as process:
            process.finish()
        answer.seek(0)
        return answer.read().decode()


@contextmanager
def start(
    command: Sequence[str],
    purpose: str,
    answer: IO[bytes] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Process]:
    """Start a tool; it is stopped, if it still runs, when the body ends.

    Args:
        command: the tool and its arguments.
        purpose: what it works for, as words for a failure.
        answer: gets its standard output, if that is no mere progress.
        environment: its environment variables, if not those of this process.
    """
    tool = _find(command[0])
    process: Process | None = None
    with tempfile.TemporaryFile() as output:
        try:
            # A signal in the midst of starting would leave a process that nobody knows of.
            with delay_interruption():
                popen = subprocess.Popen(
                    [tool, *command[1:]],
                    stdin=subprocess.DEVNULL,
                    stdout=answer or output,
                    stderr=output,
                    env=environment,
                    # In a group of its own, ^C does not reach it: it is ended once, by `stop`, with all its children.
                    start_new_session=True,
                )
                process = Process(popen, output, os.path.basename(tool), purpose)  # noqa: PTH119 # a name, no path
            yield process
        finally:
            if process:
                process.stop()


def _find(tool: str) -> str:
    found = shutil.which(tool)
    if found:
        return found
    name = os.path.basename(tool)  # noqa: PTH119
    package = PACKAGES.get(name)
    advice = f"install it (Debian: apt-get install {package})" if package else "run `make tools`"
    raise ToolMissing(f"{name} is not here: {advice}")


@contextmanager
def delay_interruption() -> Iterator[None]:
    """Let signals that ask for the end wait until the body has ended."""
    waiting: list[int] = []
    with _handle(lambda number, _: waiting.append(number)):
        yield
    for number in waiting[:1]:
        signal.raise_signal(number)


@contextmanager
def raise_interruption() -> Iterator[None]:
    """Let each signal that asks for the end raise Interrupted inside the body."""
    with _handle(_interrupt):
        yield


def _interrupt(number: int, _frame: FrameType | None) -> None:
    raise Interrupted(number)


@contextmanager
def _handle(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    # One that is ignored stays so: nohup asks for that.
    heeded = [number for number in ENDING if signal.getsignal(number) != signal.SIG_IGN]
    former = {number: signal.signal(number, handler) for number in heeded}
    try:
        yield
    finally:
        for number, before in former.items():
            signal.signal(number, before)
