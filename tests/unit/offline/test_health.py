"""Every part of an instance is a finding; one that can't be looked at hides no other."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from offline import health, pulumi_cli, simulation
from offline.alerts import AlertsUnknown
from offline.doctor import Finding
from offline.health import examine_parts
from offline.instance import Home, find_home, make_instance
from offline.podman import Podman, PodmanFailed
from tests.unit.offline.conftest import Machine
from tests.unit.offline.test_stack import NO_STACK, ONE_STACK, printing
from tests.unit.outputs import OUTPUTS

STACK = Finding("stack", True, "local in us-east-1, outputs as the contract says")
PENDING = {"deployment": {"pending_operations": [{"resource": {"urn": "x"}}, {"resource": {"urn": "y"}}]}}
HEALTHY = {"stack ls": ONE_STACK, "stack export": printing({"deployment": {}}), "stack output": printing(OUTPUTS)}


@pytest.fixture
def home(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An instance whose simulation runs and whose stack is healthy; no containers are named."""
    machine.install_podman()
    machine.install_pulumi(HEALTHY)
    install_runner(machine)
    # Its folder comes first on PATH, and has the real ansible-runner.
    monkeypatch.setattr(sys, "executable", str(machine.programs / "python"))
    monkeypatch.setattr(simulation, "is_running", lambda _home, _podman: True)
    monkeypatch.setattr(health, "list_firing", lambda _port: [])
    make_instance("blue", "test")
    (find_home("blue").state).mkdir()
    return find_home("blue")


def install_runner(machine: Machine, *results: Mapping[str, Any], code: int = 0) -> None:
    """Let the playbook that knows what should run return these results."""
    printed = "".join(json.dumps({"event": "runner_on_ok", "event_data": {"res": result}}) + "\n" for result in results)
    machine.install(
        "ansible-runner", f'echo "$*" > {machine.root}/played\nprintf %s {shlex.quote(printed)}; exit {code}'
    )


def find(home: Home, subject: str) -> Finding:
    (found,) = [finding for finding in examine_parts(home) if finding.subject == subject]
    return found


def test_a_healthy_instance_is_good_in_every_part(machine: Machine, home: Home) -> None:
    install_runner(machine, {"ready": ["b-2", "b-1"], "unfit": [], "surplus": []}, {"changed": False}, {"ready": ["a"]})
    port = home.read().ports.simulation
    assert examine_parts(home) == [
        Finding("simulated AWS", True, f"127.0.0.1:{port}"),
        STACK,
        *(Finding(name, True, "answers its probe") for name in ("a", "b-1", "b-2")),
        Finding("alerts", True, "none fires"),
    ]
    assert " --playbook status.yml " in (machine.root / "played").read_text()


def test_a_replica_that_is_not_as_it_should_be_is_found_with_the_reason(machine: Machine, home: Home) -> None:
    install_runner(machine, {"ready": ["b"], "unfit": [{"name": "a", "reason": "is dead"}], "surplus": ["c"]})
    assert examine_parts(home)[2:-1] == [
        Finding("a", False, "is dead: run `make up`"),
        Finding("b", True, "answers its probe"),
        Finding("c", False, "is more than the spec names: run `make up`"),
    ]


def test_alerts_that_fire_are_told_with_their_runbook_and_make_no_part_unhealthy(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "list_firing", lambda port: ["A", "B"] if port == home.read().ports.alerts else [])

    assert find(home, "alerts") == Finding(
        "alerts", True, "A fires: `make runbook ALERT=A`; B fires: `make runbook ALERT=B`"
    )


def test_where_nobody_can_say_which_alerts_fire_the_instance_is_not_healthy(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_port: int) -> list[str]:
        raise AlertsUnknown("it is away")

    monkeypatch.setattr(health, "list_firing", fail)

    assert find(home, "alerts") == Finding("alerts", False, "it is away: run `make up`")
    assert find(home, "stack") == STACK


def test_a_playbook_that_fails_is_a_finding_and_no_traceback(machine: Machine, home: Home) -> None:
    machine.install("ansible-runner", "echo no inventory; exit 1")
    assert examine_parts(home)[2:-1] == [Finding("containers", False, "playbooks/status.yml: no inventory")]
    assert find(home, "stack") == STACK


def test_a_machine_without_ansible_is_a_finding(machine: Machine, home: Home) -> None:
    (machine.programs / "ansible-runner").unlink()
    found = find(home, "containers")
    assert not found.good
    assert "ansible-runner" in found.detail


def test_a_simulation_that_does_not_run_is_found(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "is_running", lambda _home, _podman: False)
    assert find(home, "simulated AWS") == Finding("simulated AWS", False, "does not answer: run `make up`")


def test_a_podman_that_fails_is_a_finding_and_hides_no_other(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_home: Home, _podman: Podman) -> bool:
        raise PodmanFailed("podman ps\nbroken")

    monkeypatch.setattr(simulation, "is_running", fail)
    assert find(home, "simulated AWS") == Finding("simulated AWS", False, "podman ps\nbroken")
    assert find(home, "stack") == STACK


@pytest.mark.parametrize(
    ("answers", "detail"),
    [
        ({"stack ls": NO_STACK}, "not made yet: run `make up`"),
        ({"stack export": printing(PENDING)}, "2 interrupted operation(s): run `make up`"),
        ({"stack ls": "echo broken; exit 1"}, "pulumi stack ls --json\nbroken"),
        ({"stack output": "echo nothing"}, "pulumi stack output --json --stack local printed no JSON"),
        ({"stack output": printing({**OUTPUTS, "account": "x"})}, "outputs: account: given 'x' (a string)"),
    ],
)
def test_a_stack_that_is_not_as_it_should_be_is_found(
    machine: Machine, home: Home, answers: dict[str, str], detail: str
) -> None:
    machine.install_pulumi(HEALTHY | answers)
    found = find(home, "stack")
    assert not found.good
    assert found.detail.startswith(detail)
    assert find(home, "simulated AWS").good


def test_without_a_cli_neither_stack_nor_containers_can_be_looked_at(machine: Machine, home: Home) -> None:
    machine.install_pulumi({}, version="v1.0.0")
    sentence = "there is no Pulumi CLI yet: run `make up`"
    assert not pulumi_cli.cached_path().exists()
    assert examine_parts(home)[1:-1] == [Finding(subject, False, sentence) for subject in ("stack", "containers")]
