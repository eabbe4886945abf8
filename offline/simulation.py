"""The simulated AWS of an instance: a moto server on loopback, as a process of its own.

It keeps everything in memory and forgets it when it stops; `pulumi up --refresh` heals that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import psutil

from offline.cache import write_atomically
from offline.instance import Home
from offline.ports import PortTaken, is_free

START_SECONDS = 60
"""Longest wait for the server; it takes about 2 s on an idle machine."""

STOP_SECONDS = 10

# Whatever proxy the environment names does not find this machine's loopback.
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class SimulationFailed(Exception):
    """The server did not start; the text holds the end of its log."""


def endpoint_of(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def is_running(home: Home) -> bool:
    """Say whether the instance's own server is alive and answers."""
    return _find_process(home) is not None and _answers(home.read().ports.simulation)


def start(home: Home, environment: Mapping[str, str]) -> bool:
    """Start the server unless it runs; return whether this call started it.

    A server that is alive and does not answer is ended first: it would keep the port.

    Raises:
        PortTaken: something else listens on the port.
        SimulationFailed: the server ended or did not answer in time.
    """
    if is_running(home):
        return False
    stop(home)
    port = home.read().ports.simulation
    if not is_free(port):
        raise PortTaken(port, "simulation")
    with home.simulation_log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "offline.simulation_server", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(environment),
            start_new_session=True,  # ^C in the terminal is not for it
        )
    write_atomically(home.simulation_record, json.dumps(_identify(process.pid)), mode=0o600)
    deadline = time.monotonic() + START_SECONDS
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            stop(home)
            raise SimulationFailed(f"the simulation did not start:\n{_tail(home)}")
        time.sleep(0.05)
    return True


def stop(home: Home) -> bool:
    """End the server; return whether there was one."""
    process = _find_process(home)
    home.simulation_record.unlink(missing_ok=True)
    if process is None:
        return False
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECONDS)
    return True


def forget(home: Home) -> None:
    """Make the simulation forget everything that was created in it."""
    request = urllib.request.Request(f"{endpoint_of(home.read().ports.simulation)}/moto-api/reset", method="POST")  # noqa: S310
    with _open(request, timeout=STOP_SECONDS):
        pass


def _identify(pid: int) -> dict[str, int | str]:
    """Return what only this process has: a process id alone may be another's by now, above all after a reboot.

    Its start is counted in clock ticks since this boot (`man proc_pid_stat`, field 22), which no change of the clock
    moves.
    """
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return {"pid": pid, "started": f"{boot} {ticks}"}


def _find_process(home: Home) -> psutil.Process | None:
    try:
        record = json.loads(home.simulation_record.read_text())
        process = psutil.Process(int(record["pid"]))
        alive = _identify(process.pid) == record and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, KeyError, TypeError, psutil.NoSuchProcess):
        return None
    return process if alive else None


def _answers(port: int) -> bool:
    try:
        with _open(f"{endpoint_of(port)}/moto-api/", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _tail(home: Home) -> str:
    return "\n".join(home.simulation_log.read_text(errors="replace").splitlines()[-20:])


def clean_environment() -> dict[str, str]:
    """Return this process's environment without anything of AWS's, for a server that must not know an account."""
    return {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
