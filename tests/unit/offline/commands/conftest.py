"""The commands on a machine where every tool is a stand-in that starts nothing and says that all is well."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from offline import commands, container_tools, doctor, health, podman, pulumi_cli, simulation
from offline.command_line import main
from offline.completion import Completion
from offline.container_names import compose_labels, name_container
from offline.instance import Home
from offline.podman import Podman
from offline.receipt import Receipt
from offline.support_bundle import bundle
from tests.unit.offline.conftest import FakePodman, Machine
from tests.unit.offline.test_stack import ONE_STACK, printing
from tests.unit.outputs import OUTPUTS

Told = tuple[int, str, str]
"""An exit code, what was printed, what was complained about."""

Run = Callable[..., Told]

UP = "printf 'Resources:\\n    + 30 created\\n\\nDuration: 1s\\n'"
HEALTHY = {
    "stack ls": ONE_STACK,
    "stack export": printing({"deployment": {}}),
    "stack output": printing(OUTPUTS),
    "up": UP,
}

REFERENCES = {"simulation": "localhost/faregate/simulation:1", "gateway": "localhost/faregate/gateway:1"}

REQUEST = "31e10610-6695-4863-a880-bcce921710df"

READY = {"changed": False, "ready": ["faregate-blue-gateway-1"], "unfit": [], "surplus": []}


@dataclass
class Simulation:
    """Stands in for the server: what was asked of it. It leaves a container, as the real one does."""

    running: bool = False
    asked: list[str] = field(default_factory=list)

    def start(self, home: Home, tool: Podman, image: str) -> bool:
        self.asked.append(f"start {home.folder.name} from {image}")
        name = name_container(home.folder.name, "simulation")
        if not self.running:
            tool.run(name, image, compose_labels(home.read(), "simulation"))
        was_running, self.running = self.running, True
        return not was_running

    def is_running(self, _home: Home, _tool: Podman) -> bool:
        return self.running

    def forget(self, home: Home) -> None:
        self.asked.append(f"forget {home.folder.name}")


@dataclass
class Model:
    """Stands in for the model: what it was asked."""

    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def answer(self, gateway_url: str, model: str, key: str) -> Completion:
        self.asked.append((gateway_url, model, key))
        return Completion("\nRed, [blue].", REQUEST, 36, 5)


def show_receipt(request_id: str, environment: Mapping[str, str]) -> Receipt:
    """Stand in for the ledger."""
    assert request_id == REQUEST
    assert environment["PGSERVICEFILE"]
    prices = {"input_tokens": 100_000_000, "cached_input_tokens": 50_000_000, "output_tokens": 200_000_000}
    return Receipt(34, 2, 5, 1, prices, 4_500, 5_000_000_000, 4_999_995_500, 7)


@pytest.fixture(autouse=True)
def machine(machine: Machine, monkeypatch: pytest.MonkeyPatch, closed_port: int) -> Machine:
    """Have all tools on PATH of a machine that is large enough, and reach none of Pulumi's servers."""
    monkeypatch.setattr(pulumi_cli, "ARCHIVES", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setattr(pulumi_cli, "CHECKSUMS", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setattr(doctor, "NEEDED_DISK_GIB", 0)
    monkeypatch.setattr(doctor, "NEEDED_IMAGES_GIB", 0)
    monkeypatch.setattr(doctor, "NEEDED_MEMORY_GIB", 0)
    monkeypatch.setattr(doctor, "CAPABILITIES", {})
    monkeypatch.setattr("os.geteuid", lambda: 0)
    for name in ("ADMINISTRATION", "HELPERS"):
        monkeypatch.setattr(container_tools, name, (str(machine.programs),))
    for program in container_tools.PACKAGES:
        machine.install(program, "exit 1")
    machine.install("dpkg-query", "exit 1")
    monkeypatch.setattr(bundle, "RESULTS", machine.root / "results")
    machine.install("apt-get", f'echo "$*" >> {machine.root}/apt; exit 1')
    machine.install_pulumi(HEALTHY)
    return machine


@pytest.fixture(autouse=True)
def fake(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> FakePodman:
    fake = machine.install_podman()
    monkeypatch.setattr(podman, "PROCESSES", fake.processes)
    return fake


@pytest.fixture(autouse=True)
def own_tools(machine: Machine, fake: FakePodman, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have stand-ins in the folder of the interpreter, too, and let it build images by saying so."""
    assert fake.asked == []  # made with the interpreter that there is
    monkeypatch.setattr(sys, "executable", str(machine.programs / "python"))
    install_builder(machine)
    install_runner(machine, READY)


@pytest.fixture(autouse=True)
def simulated(monkeypatch: pytest.MonkeyPatch) -> Simulation:
    stand_in = Simulation()
    for name in ("start", "is_running", "forget"):
        monkeypatch.setattr(simulation, name, getattr(stand_in, name))
    return stand_in


@pytest.fixture(autouse=True)
def model(monkeypatch: pytest.MonkeyPatch) -> Model:
    stand_in = Model()
    monkeypatch.setattr(commands, "ask", stand_in.answer)
    monkeypatch.setattr(commands, "read_receipt", show_receipt)
    monkeypatch.setattr(Home, "read_demo_key", lambda _home: "fg_demo")
    return stand_in


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no alert fire."""
    monkeypatch.setattr(health, "list_firing", lambda _port: [])


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a command on the instance `blue`."""

    def run_command(command: str, *options: str, instance: str = "blue") -> Told:
        code = main([command, "--instance", instance, *options])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run_command


def install_builder(machine: Machine, built: int = 0, before: str = ":") -> None:
    """Let images be built, as many as are said, after something in shell code."""
    result = {"references": REFERENCES, "built": list(REFERENCES.values())[:built]}
    machine.install("python", f"{before}\necho {shlex.quote(json.dumps(result))}")


def install_runner(machine: Machine, *results: Mapping[str, Any], before: str = ":", code: int = 0) -> None:
    """Let a playbook return the results of its tasks, after something in shell code."""
    events = [{"event": "runner_on_ok", "event_data": {"res": result}} for result in results]
    printed = "".join(f"{json.dumps(event)}\n" for event in events)
    record = f'echo "$4" >> {machine.root}/played'
    machine.install("ansible-runner", f"{record}\n{before}\nprintf %s {shlex.quote(printed)}\nexit {code}")


def list_played(machine: Machine) -> list[str]:
    """Return the playbooks that were run so far."""
    record = machine.root / "played"
    return record.read_text().splitlines() if record.exists() else []


def list_tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
