"""`make runbook` and `make dashboard` run what works for real accounts, too, at the root of the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from offline.environment import REPOSITORY
from offline.instance import find_home, make_instance
from offline.locks import hold
from tests.unit.offline.commands.conftest import Run
from tests.unit.offline.conftest import Machine


@pytest.fixture(autouse=True)
def instance(machine: Machine) -> None:
    make_instance("blue", "test")
    install_python(machine)


def install_python(machine: Machine, code: int = 0) -> None:
    """Put an interpreter in place that records where it runs, what it is told, and by which variables."""
    machine.install("python", f'{{ pwd; echo "$*"; env; }} > {machine.root}/ran\nexit {code}')


def read_ran(machine: Machine) -> tuple[Path, str, dict[str, str]]:
    """Return the folder, the arguments and the variables of what ran."""
    folder, arguments, *variables = (machine.root / "ran").read_text().splitlines()
    return Path(folder), arguments, dict(line.split("=", 1) for line in variables if "=" in line)


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        (("runbook", "--alert", "EngineDown"), "-P -m runbooks EngineDown"),
        (("runbook", "--alert", "EngineDown", "--yes"), "-P -m runbooks EngineDown --yes"),
        (("runbook",), "-P -m runbooks --list"),
        (("dashboard",), "-P -m dashboards.page --minutes 60"),
        (("dashboard", "--minutes", "5"), "-P -m dashboards.page --minutes 5"),
    ],
)
def test_it_runs_at_the_root_with_the_instance_s_variables(
    run: Run, machine: Machine, given: tuple[str, ...], arguments: str
) -> None:
    assert run(*given) == (0, "", "")

    folder, ran, variables = read_ran(machine)
    assert (folder, ran) == (REPOSITORY, arguments)
    assert variables["INSTANCE"] == "blue"
    assert variables["PULUMI_BACKEND_URL"] == f"file://{find_home('blue').state}"


@pytest.mark.parametrize("command", ["runbook", "dashboard"])
def test_it_is_no_customer(run: Run, machine: Machine, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "somebody's")

    run(command)

    assert "OPENAI_API_KEY" not in read_ran(machine)[2]


@pytest.mark.parametrize("command", ["runbook", "dashboard"])
@pytest.mark.parametrize("code", [0, 1, 2])
def test_its_exit_code_is_the_command_s(run: Run, machine: Machine, command: str, code: int) -> None:
    install_python(machine, code)

    assert run(command)[0] == code


@pytest.mark.parametrize("command", ["runbook", "dashboard"])
def test_an_instance_that_does_not_exist_is_refused(run: Run, machine: Machine, command: str) -> None:
    code, _, complaints = run(command, instance="green")

    assert (code, complaints) == (1, "error: instance green does not exist: run `make up`\n")
    assert not (machine.root / "ran").exists()


def test_no_runbook_changes_an_instance_that_another_command_is_changing(run: Run, machine: Machine) -> None:
    with hold(find_home("blue").lock, refusal="busy"):
        code, _, complaints = run("runbook", "--alert", "EngineDown")

    assert code == 1
    assert complaints == "error: another command is changing instance blue: wait for it\n"
    assert not (machine.root / "ran").exists()
