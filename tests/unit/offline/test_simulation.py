"""The simulation's process is known by more than its id, so nobody else's is ever ended; its port is its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from contract.instance import Instance
from offline import simulation
from offline.instance import Home, find_home, make_instance
from offline.ports import PortTaken
from offline.simulation import SimulationFailed
from tests.unit.offline.conftest import Machine, Site

pytestmark = pytest.mark.usefixtures("machine")


def make_home(port: int | None = None) -> Home:
    """Return the home of an instance, with the simulation on the given port."""
    made = make_instance("blue", "test")
    home = find_home("blue")
    if port is not None:
        ports = made.ports.model_copy(update={"simulation": port})
        home.record.write_text(Instance(**{**dict(made), "ports": ports}).model_dump_json())
    return home


@pytest.fixture
def other_process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with us."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def record(home: Home, process: subprocess.Popen[bytes], *, moved: int = 0) -> None:
    """Note that a process is the simulation, as if it had started `moved` clock ticks later."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    ticks = int(Path(f"/proc/{process.pid}/stat").read_text().split()[21]) + moved
    home.simulation_record.write_text(json.dumps({"pid": process.pid, "started": f"{boot} {ticks}"}))


@pytest.fixture
def answering_home(site: Site) -> Home:
    """An instance on whose port something answers as the simulation does."""
    site.files["/moto-api/"] = b"ok"
    return make_home(int(site.url.rpartition(":")[2]))


def test_a_recorded_process_whose_port_answers_runs(
    answering_home: Home, other_process: subprocess.Popen[bytes]
) -> None:
    record(answering_home, other_process)
    assert simulation.is_running(answering_home)
    assert simulation.start(answering_home, {}) is False


def test_no_proxy_is_asked_for_it(
    answering_home: Home, other_process: subprocess.Popen[bytes], closed_port: int
) -> None:
    record(answering_home, other_process)
    code = "from offline import instance, simulation; print(simulation.is_running(instance.find_home('blue')))"
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy"), f"http://127.0.0.1:{closed_port}")
    # A process of its own, for proxies are looked up as early as modules are imported.
    printed = subprocess.run(
        [sys.executable, "-P", "-c", code], env={**os.environ, **proxies}, capture_output=True, text=True, check=True
    ).stdout
    assert printed == "True\n"


def test_a_port_that_answers_without_the_recorded_process_is_somebody_elses(answering_home: Home) -> None:
    assert not simulation.is_running(answering_home)
    with pytest.raises(PortTaken, match=r"\(simulation\) is in use"):
        simulation.start(answering_home, {})


def test_a_process_that_got_the_id_since_is_not_taken_for_it_and_not_ended(
    answering_home: Home, other_process: subprocess.Popen[bytes]
) -> None:
    record(answering_home, other_process, moved=-1000)
    assert not simulation.is_running(answering_home)
    assert simulation.stop(answering_home) is False
    assert other_process.poll() is None


def test_a_recorded_process_that_does_not_answer_is_ended_before_another_is_started(
    other_process: subprocess.Popen[bytes], listener: socket.socket
) -> None:
    home = make_home(listener.getsockname()[1])
    record(home, other_process)
    with pytest.raises(PortTaken):
        simulation.start(home, {})
    assert not psutil.pid_exists(other_process.pid)


def test_stopping_twice_is_fine(other_process: subprocess.Popen[bytes]) -> None:
    home = make_home()
    record(home, other_process)
    assert [simulation.stop(home), simulation.stop(home)] == [True, False]
    assert not home.simulation_record.exists()


def test_a_process_that_ignores_being_asked_is_killed(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "STOP_SECONDS", 0.2)
    home = make_home()
    stubborn = machine.install("stubborn", "trap '' TERM; echo ready; while :; do read line; done")
    with subprocess.Popen([stubborn], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        record(home, process)
        assert simulation.stop(home) is True
        assert not psutil.pid_exists(process.pid)


@pytest.mark.parametrize("text", ["", "{", "{}", '{"pid": PID}', '{"pid": "x", "started": 0}', "[]", "null"])
def test_a_damaged_record_is_no_process(text: str, other_process: subprocess.Popen[bytes]) -> None:
    home = make_home()
    home.simulation_record.write_text(text.replace("PID", str(other_process.pid)))
    assert not simulation.is_running(home)
    assert simulation.stop(home) is False
    assert other_process.poll() is None


def test_a_server_that_ends_at_once_is_told_with_its_log(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    home = make_home()
    seen = machine.root / "seen"
    program = machine.install("python", f'echo "$*|$GREETING|${{AWS_PROFILE-none}}" > {seen}; echo boom >&2; exit 1')
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(SimulationFailed, match="the simulation did not start:\nboom"):
        simulation.start(home, {"GREETING": "hello"})
    assert seen.read_text() == f"-P -m offline.simulation_server {home.read().ports.simulation}|hello|none\n"
    assert not home.simulation_record.exists()


def test_the_server_gets_nothing_of_an_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_PROFILE", "prod")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    environment = simulation.clean_environment()
    assert not any(name.startswith("AWS_") for name in environment)
    assert environment["TMPDIR"] == str(tmp_path)
