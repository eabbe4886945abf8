"""The commands that look say what there is, change nothing, and end well only where all is well."""

from __future__ import annotations

import json
import shlex

import pytest

from offline import container_tools, doctor
from offline.command_line import main
from offline.instance import find_home, make_instance
from tests.unit.offline.commands.conftest import (
    HEALTHY,
    Run,
    Simulation,
    install_runner,
    list_played,
    list_tree,
)
from tests.unit.offline.conftest import FakePodman, Machine
from tests.unit.offline.test_stack import printing
from tests.unit.outputs import OUTPUTS

# ---- status


def test_status_is_good_only_where_every_part_is_healthy(run: Run, machine: Machine, simulated: Simulation) -> None:
    run("up")
    code, printed, complaints = run("status")
    assert (code, complaints) == (0, "")
    assert "Instance blue" in printed
    assert f"127.0.0.1:{find_home('blue').read().ports.simulation}" in printed
    assert "local in us-east-1, outputs as the contract says" in printed
    assert "faregate-blue-gateway-1" in printed
    assert "answers its probe" in printed
    assert "not ok" not in printed
    assert list_played(machine) == ["site.yml", "status.yml"]
    simulated.running = False
    code, printed, _ = run("status")
    assert code == 1
    assert "does not answer: run `make up`" in printed


def test_status_says_which_container_is_not_as_it_should_be(run: Run, machine: Machine) -> None:
    run("up")
    unfit = [{"name": "faregate-blue-[x]-1", "reason": "is [dead]"}]
    install_runner(machine, {"ready": [], "unfit": unfit, "surplus": ["faregate-blue-old"]})
    code, printed, complaints = run("status")
    assert (code, complaints) == (1, "")
    lines = [line for line in printed.splitlines() if "not ok" in line]
    assert ["faregate-blue-[x]-1" in lines[0], "is [dead]: run `make up`" in lines[0]] == [True, True]
    assert ["faregate-blue-old" in lines[1], "is more than the spec names: run `make up`" in lines[1]] == [True, True]
    assert len(lines) == 2


def test_status_says_what_is_wrong_with_the_stack_as_it_is(run: Run, machine: Machine) -> None:
    run("up")
    machine.install_pulumi(HEALTHY | {"stack output": printing({**OUTPUTS, "account": "[/red]"})})
    code, printed, complaints = run("status")
    assert (code, complaints) == (1, "")
    assert "outputs: account: given '[/red]' (a string)" in printed


def test_status_without_a_cli_says_what_to_run(run: Run, machine: Machine) -> None:
    run("up")
    machine.install_pulumi({}, version="v1.0.0")
    code, printed, _ = run("status")
    assert code == 1
    assert "there is no Pulumi CLI yet: run `make up`" in printed


def test_status_changes_nothing(run: Run, machine: Machine, fake: FakePodman) -> None:
    run("up")
    before, asked = list_tree(machine.state), fake.asked
    run("status")
    assert list_tree(machine.state) == before
    assert fake.asked == asked


@pytest.mark.parametrize("command", ["status", "logs", "preview", "load", "environment"])
def test_a_command_that_needs_an_instance_names_the_one_that_makes_it(run: Run, machine: Machine, command: str) -> None:
    assert run(command) == (1, "", "error: instance blue does not exist: run `make up`\n")
    assert not machine.state.exists()


# ---- doctor


def test_doctor_is_good_on_a_fit_machine_and_changes_nothing(run: Run, machine: Machine) -> None:
    before = [path for path in list_tree(machine.root) if path != "podman/asked"]
    code, printed, _ = run("doctor")
    assert code == 0
    assert "not ok" not in printed
    assert "models: smollm2-135m" in printed
    assert "podman 4.3.1" in printed
    assert [path for path in list_tree(machine.root) if path not in ("podman/asked", "podman/shelf.json")] == before


def test_doctor_fails_where_something_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "NEEDED_MEMORY_GIB", 10**9)
    code, printed, _ = run("doctor")
    assert code == 1
    assert "1000000000 GiB are needed" in printed


# ---- logs


def test_the_log_of_every_container_is_printed_as_it_is(run: Run, fake: FakePodman) -> None:
    make_instance("blue", "test")
    for part in ("simulation", "gateway-1"):
        fake.add("containers", f"faregate-blue-{part}")
    fake.add("containers", "faregate-green-gateway-1", "green")
    code, printed, complaints = run("logs")
    assert (code, complaints) == (0, "")
    assert [line for line in printed.splitlines() if line] == [
        "--- faregate-blue-gateway-1",
        "[log] of faregate-blue-gateway-1",
        "--- faregate-blue-simulation",
        "[log] of faregate-blue-simulation",
    ]
    assert fake.asked == [f"logs faregate-blue-{part}" for part in ("gateway-1", "simulation")]


def test_a_log_may_hold_anything(run: Run, machine: Machine) -> None:
    make_instance("blue", "test")
    row = {"Names": ["[b]c"], "Id": "i", "Image": "x", "Labels": {}, "Pid": 0, "Created": 0}
    listing = shlex.quote(json.dumps([row]))
    machine.install(
        "podman", f"[ $1 = ps ] && {{ echo {listing}; exit; }}; printf '[red]one[/]\\n\\377\\n'; echo {'x' * 500} >&2"
    )
    code, printed, _ = run("logs")
    assert code == 0
    assert printed.splitlines()[:4] == ["--- [b]c", "[red]one[/]", "\N{REPLACEMENT CHARACTER}", "x" * 500]


def test_logs_where_nothing_runs_are_a_sentence(run: Run) -> None:
    make_instance("blue", "test")
    assert run("logs") == (
        1,
        "",
        "error: instance blue has no log, for nothing of it runs: run `make up`\n",
    )


def test_logs_without_podman_are_a_sentence(run: Run, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    make_instance("blue", "test")
    (machine.programs / "podman").unlink()
    monkeypatch.setenv("PATH", str(machine.programs))
    monkeypatch.setattr(container_tools, "ADMINISTRATION", ())
    assert run("logs") == (1, "", "error: there is no podman yet: run `make up`\n")


# ---- preview


@pytest.mark.parametrize("code", [0, 255])
def test_preview_shows_what_pulumi_shows_and_ends_as_it_ends(
    machine: Machine, capfd: pytest.CaptureFixture[str], code: int
) -> None:
    make_instance("blue", "test")
    machine.install_pulumi({"preview": f"echo + 1 to create; exit {code}"})
    assert main(["preview", "--instance", "blue"]) == code
    assert capfd.readouterr().out == "+ 1 to create\n"
    assert machine.pulumi_commands == ["preview --stack local --diff"]


# ---- environment


def test_the_environment_is_printed_as_lines_that_a_shell_understands(
    run: Run, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTAINER_HOST", "ssh://elsewhere")
    made = make_instance("blue", "test")
    code, printed, complaints = run("environment")
    assert (code, complaints) == (0, "")
    lines = [shlex.split(line) for line in printed.splitlines()]
    variables = {words[1]: words[2] for words in lines if words[0] == "_faregate_set"}
    assert variables["INSTANCE"] == "blue"
    assert variables["AWS_ENDPOINT_URL"] == f"http://127.0.0.1:{made.ports.simulation}"
    assert variables["CONTAINERS_CONF"] == str(container_tools.config_path())
    assert variables["PATH"].split(":")[1] == str(machine.programs)
    assert ["_faregate_unset", "CONTAINER_HOST"] in lines


def test_the_environment_of_an_instance_whose_cli_is_not_there_yet_is_refused(run: Run, machine: Machine) -> None:
    make_instance("blue", "test")
    machine.install_pulumi({}, version="v1.0.0")
    assert run("environment") == (1, "", "error: there is no Pulumi CLI yet: run `make up`\n")
