"""The real processes under test: plugins, started and ended as the engine does it, and the simulated AWS."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

BIN = Path(__file__).parents[3] / "offline" / "bin"
PATIENCE_SECONDS = 60
"""Longest wait for what should be there in two seconds: a loaded machine must not fail a test."""


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Return once the condition holds; fail the test if it never does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_SECONDS} s in vain: {what}"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Say whether a process runs; a zombie, which nobody waited for yet, does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def plugin_environment(**variables: str) -> dict[str, str]:
    """Return this process's environment without what reaches an account, as `source offline/activate` leaves it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PULUMI_"))}
    return {**kept, "FAREGATE_PYTHON": sys.executable, **variables}


@dataclass(frozen=True)
class RunningPlugin:
    """A plugin that serves."""

    process: subprocess.Popen[str]
    port: int
    stderr: Path

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def interrupt(self) -> int:
        """End it as the engine does, with SIGINT; return its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def run_plugin(name: str, folder: Path, environment: Mapping[str, str], *arguments: str) -> Iterator[RunningPlugin]:
    """Start `offline/bin/NAME` in a folder and end it afterwards; it must leave without a word.

    The engine reads the port from the first line of standard output and adds its own address as the last argument.
    """
    stderr = folder / f"{name}.stderr"
    with stderr.open("w") as errors:
        process = subprocess.Popen(
            [str(BIN / name), *(arguments or ["127.0.0.1:1"])],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    with process, process.stdout:
        try:
            line = process.stdout.readline()
            assert line.strip().isdigit(), f"{name} printed {line!r} instead of its port\n{stderr.read_text()}"
            plugin = RunningPlugin(process, int(line), stderr)
            yield plugin
            if process.poll() is None:
                assert plugin.interrupt() == 0
            said = stderr.read_text()
            assert "Traceback" not in said, said
        finally:
            if process.poll() is None:
                process.kill()


@contextmanager
def run_simulation(folder: Path) -> Iterator[str]:
    """Start a simulated AWS of our own and return its endpoint."""
    log = folder / "simulation.log"
    for _ in range(10):  # another process may take the port between the choice and the start
        port = _choose_port()
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "offline.simulation_server", str(port)],
                cwd=folder,
                env=plugin_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        with process:
            try:
                if _comes_up(process, port):
                    yield f"http://127.0.0.1:{port}"
                    return
            finally:
                process.terminate()
    raise AssertionError(f"the simulation did not start\n{log.read_text()}")


def _choose_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _comes_up(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until this very process listens on the port; return whether it does or has ended instead."""

    def listens() -> bool:
        try:
            connections = psutil.Process(process.pid).net_connections("tcp")
        except psutil.NoSuchProcess:
            return False
        return any(found.status == psutil.CONN_LISTEN and found.laddr[1:] == (port,) for found in connections)

    wait_until(lambda: process.poll() is not None or listens(), "the simulation listens")
    return process.poll() is None
