"""The simulation is one container of the instance's own: kept while it lives and answers, else made anew."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError

import pytest

from contract.instance import Instance
from offline import podman, simulation
from offline.instance import Home, find_home, make_instance
from offline.podman import NotOurs, Podman, PodmanFailed
from offline.ports import PortTaken
from offline.simulation import SimulationFailed
from offline.tools import open_podman
from tests.unit.offline.conftest import FakePodman, Machine, Site

NAME = "faregate-blue-simulation"
IMAGE = "localhost/faregate/simulation:new"


pytestmark = pytest.mark.usefixtures("fake")


@pytest.fixture
def fake(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> FakePodman:
    fake = machine.install_podman()
    monkeypatch.setattr(podman, "PROCESSES", fake.processes)
    return fake


@pytest.fixture
def tool() -> Podman:
    return open_podman()


def make_home(port: int) -> Home:
    """Return the home of an instance, with the simulation on the given port."""
    made = make_instance("blue", "test")
    home = find_home("blue")
    ports = made.ports.model_copy(update={"simulation": port})
    home.record.write_text(Instance(**{**dict(made), "ports": ports}).model_dump_json())
    return home


@pytest.fixture
def home(site: Site) -> Home:
    """An instance on whose port a simulation will answer, as soon as a test lets it."""
    return make_home(int(site.url.rpartition(":")[2]))


@pytest.fixture
def answering(fake: FakePodman, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is run lives and answers, on a port that was free before."""
    fake.live()
    answer(site)
    monkeypatch.setattr(simulation, "is_free", lambda _port: True)


def answer(site: Site) -> None:
    site.files["/moto-api/"] = b"ok"


@dataclass
class Clock:
    """The time as the start sees it, which passes only while it waits."""

    now: float = 1000.0
    pauses: int = 0
    happen: Callable[[], None] = lambda: None
    """What happens in every pause."""

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses += 1
        self.happen()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(simulation, "time", clock)
    return clock


def list_runs(fake: FakePodman) -> list[str]:
    return [command for command in fake.asked if command.startswith("run ")]


# ---- whether it runs


@pytest.mark.parametrize("alive", [True, False])
@pytest.mark.parametrize("answers", [True, False])
def test_it_runs_if_its_process_lives_and_its_port_answers(
    home: Home, fake: FakePodman, tool: Podman, site: Site, alive: bool, answers: bool
) -> None:
    fake.add("containers", NAME)
    (fake.live if alive else fake.die)()
    if answers:
        answer(site)
    assert simulation.is_running(home, tool) is (alive and answers)


@pytest.mark.parametrize(("name", "instance"), [("faregate-blue-database-1", "blue"), (NAME, "green")])
def test_no_other_container_is_taken_for_it(
    home: Home, fake: FakePodman, tool: Podman, site: Site, name: str, instance: str
) -> None:
    fake.add("containers", name, instance)
    fake.live()
    answer(site)
    assert not simulation.is_running(home, tool)


def test_an_answer_with_another_code_is_none(site: Site) -> None:
    answer(site)
    site.codes["/moto-api/"] = 204
    assert not simulation.answers(int(site.url.rpartition(":")[2]))


def test_what_listens_and_speaks_something_else_does_not_answer() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        code = f"from offline import simulation; print(simulation.answers({port}))"
        with subprocess.Popen([sys.executable, "-P", "-c", code], stdout=subprocess.PIPE, text=True) as asking:
            connection, _ = server.accept()
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            connection.close()
            assert asking.communicate()[0] == "False\n"


def test_no_proxy_is_asked_for_it(site: Site, closed_port: int) -> None:
    answer(site)
    code = f"from offline import simulation; print(simulation.answers({site.url.rpartition(':')[2]}))"
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy"), f"http://127.0.0.1:{closed_port}")
    # A process of its own, for proxies are looked up as early as modules are imported.
    printed = subprocess.run(
        [sys.executable, "-P", "-c", code], env={**os.environ, **proxies}, capture_output=True, text=True, check=True
    ).stdout
    assert printed == "True\n"


# ---- started


@pytest.mark.usefixtures("answering")
def test_it_is_run_on_the_instances_network_and_reached_on_loopback_only(
    home: Home, fake: FakePodman, tool: Podman
) -> None:
    assert simulation.start(home, tool, IMAGE) is True
    port = home.read().ports.simulation
    labels = "--label=faregate.instance=blue --label=faregate.purpose=test"
    assert fake.rows("networks") == [
        {"name": "faregate-blue", "labels": {"faregate.instance": "blue", "faregate.purpose": "test"}}
    ]
    (run,) = list_runs(fake)
    beginning = f"run --detach --pull never --name {NAME} {labels} --label=faregate.workload=simulation "
    assert run.startswith(beginning)
    assert sorted(run.removeprefix(beginning).split()) == sorted(
        [
            "--network=faregate-blue",
            "--network-alias=simulation",
            f"--publish=127.0.0.1:{port}:5000",
            "--read-only",
            "--cap-drop=all",
            "--security-opt=no-new-privileges",
            "--http-proxy=false",
            "--memory=1g",
            "--log-driver=k8s-file",
            "--log-opt=max-size=10mb",
            IMAGE,
        ]
    )
    assert fake.asked.index(f"network create {labels} faregate-blue") < fake.asked.index(run)


@pytest.mark.usefixtures("answering")
def test_one_that_runs_from_this_image_is_kept(home: Home, fake: FakePodman, tool: Podman) -> None:
    fake.add("containers", NAME, image=IMAGE)
    assert simulation.start(home, tool, IMAGE) is False
    assert fake.asked == []


@pytest.mark.usefixtures("answering")
def test_one_of_an_older_image_is_replaced(home: Home, fake: FakePodman, tool: Podman) -> None:
    fake.add("containers", NAME, image="localhost/faregate/simulation:old")
    assert simulation.start(home, tool, IMAGE) is True
    assert fake.asked[0] == f"rm --force --ignore --time 10 {NAME}", "it gets time to end"
    (row,) = fake.rows("containers")
    assert row["Image"] == IMAGE


@pytest.mark.usefixtures("answering")
def test_a_dead_one_is_replaced(home: Home, fake: FakePodman, tool: Podman, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.add("containers", NAME, image=IMAGE)
    fake.die()
    run = tool.run

    def run_and_live(*arguments: Any) -> str:
        fake.live()
        return run(*arguments)

    monkeypatch.setattr(tool, "run", run_and_live)
    assert simulation.start(home, tool, IMAGE) is True
    assert fake.asked[0] == f"rm --force --ignore --time 0 {NAME}", "podman would wait for the dead"
    assert len(list_runs(fake)) == 1
    assert fake.names("containers") == [NAME]


@pytest.mark.usefixtures("answering")
def test_one_that_lives_and_does_not_answer_is_replaced(
    home: Home, fake: FakePodman, tool: Podman, site: Site, clock: Clock
) -> None:
    fake.add("containers", NAME, image=IMAGE)
    site.files.clear()
    clock.happen = lambda: answer(site)
    assert simulation.start(home, tool, IMAGE) is True
    assert fake.asked[0] == f"rm --force --ignore --time 10 {NAME}", "it gets time to end"
    assert len(list_runs(fake)) == 1


@pytest.mark.usefixtures("answering")
def test_a_start_ends_only_when_the_server_answers(home: Home, tool: Podman, site: Site, clock: Clock) -> None:
    site.files.clear()
    clock.happen = lambda: answer(site) if clock.pauses == 3 else None
    assert simulation.start(home, tool, IMAGE) is True
    assert clock.pauses == 3


@pytest.mark.usefixtures("answering")
def test_the_network_that_is_there_is_used(home: Home, fake: FakePodman, tool: Podman) -> None:
    fake.add("networks", "faregate-blue")
    simulation.start(home, tool, IMAGE)
    assert not any(command.startswith("network create") for command in fake.asked)


# ---- not started


def test_a_port_that_something_else_has_is_refused_and_nothing_is_run(
    fake: FakePodman, tool: Podman, listener: socket.socket
) -> None:
    home = make_home(listener.getsockname()[1])
    with pytest.raises(PortTaken, match=r"\(simulation\) is in use by "):
        simulation.start(home, tool, IMAGE)
    assert list_runs(fake) == []
    assert fake.names("networks") == []


@pytest.mark.usefixtures("answering")
@pytest.mark.parametrize("kind", ["containers", "networks"])
def test_something_of_its_name_that_is_not_ours_is_refused_and_left_alone(
    home: Home, fake: FakePodman, tool: Podman, kind: str
) -> None:
    name = NAME if kind == "containers" else "faregate-blue"
    fake.add(kind, name, instance=None)
    with pytest.raises(NotOurs, match=f"{name} was not made by Faregate"):
        simulation.start(home, tool, IMAGE)
    assert fake.names(kind) == [name]
    assert list_runs(fake) == []


def test_a_server_that_ends_at_once_is_told_with_its_log(
    home: Home, fake: FakePodman, tool: Podman, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "is_free", lambda _port: True)
    fake.die()
    with pytest.raises(SimulationFailed) as caught:
        simulation.start(home, tool, IMAGE)
    assert str(caught.value) == f"the simulation did not start:\n[log] of {NAME}\n"
    assert fake.asked[-1] == f"logs {NAME}"


def test_a_server_that_never_answers_is_told_with_its_log(
    home: Home, fake: FakePodman, tool: Podman, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "is_free", lambda _port: True)
    monkeypatch.setattr(simulation, "START_SECONDS", 0.35)
    fake.live()
    with pytest.raises(SimulationFailed, match=r"did not start:\n\[log\]"):
        simulation.start(home, tool, IMAGE)
    assert clock.pauses == 4


def test_after_a_failed_start_the_next_one_starts_anew(
    home: Home, fake: FakePodman, tool: Podman, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "is_free", lambda _port: True)
    fake.die()
    for _ in range(2):
        with pytest.raises(SimulationFailed):
            simulation.start(home, tool, IMAGE)
    assert len(list_runs(fake)) == 2
    assert fake.names("containers") == [NAME], "what failed is kept for who looks at it"


def test_a_podman_that_fails_is_told(machine: Machine, home: Home) -> None:
    machine.install("podman", "echo no such image >&2; exit 125")
    with pytest.raises(PodmanFailed, match="no such image"):
        simulation.start(home, open_podman(), IMAGE)


# ---- what it remembers


def test_forgetting_asks_its_server_on_loopback(home: Home, site: Site) -> None:
    site.files["/moto-api/reset"] = b"{}"
    simulation.forget(home)
    assert site.asked == [("/moto-api/reset", None)]


def test_forgetting_that_is_refused_is_no_success(home: Home) -> None:
    with pytest.raises(HTTPError, match="404") as caught:
        simulation.forget(home)
    caught.value.close()
