"""Every command tells a user's mistake in a sentence, refuses other environments, and has help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from offline import doctor, stack_file
from offline.command_line import COMMANDS, main
from offline.failures import KNOWN_FAILURES
from offline.instance import find_home, make_instance
from tests.unit.offline.commands.conftest import Run
from tests.unit.offline.conftest import FakePodman, Machine

ON_ONE_INSTANCE = [command for command in COMMANDS if command != "sweep"]

PYTHON = sys.executable  # before a fixture replaces it

# ---- instances


@pytest.mark.parametrize("command", ON_ONE_INSTANCE)
@pytest.mark.parametrize("name", ["../x", "A", ""])
def test_a_name_that_is_not_allowed_is_refused_by_every_command(
    run: Run, machine: Machine, fake: FakePodman, command: str, name: str
) -> None:
    code, _, complaints = run(command, instance=name)
    assert code == 1
    assert complaints.startswith(f"error: INSTANCE: given {name!r} (a string); allowed: ")
    assert not machine.state.exists()
    assert fake.asked == []


@pytest.mark.parametrize("command", ON_ONE_INSTANCE)
def test_a_damaged_record_is_a_sentence_in_every_command(run: Run, command: str) -> None:
    make_instance("blue", "test")
    find_home("blue").record.write_text("{")
    code, printed, complaints = run(command)
    if command in ("down", "clean"):
        assert (code, complaints) == (0, ""), "what is damaged can always be removed"
        assert not find_home("blue").folder.exists()
    elif command == "logs":
        assert (code, complaints.count("\n")) == (1, 1), "there is none"
    elif command == "support-bundle":
        assert (code, complaints) == (0, ""), "it is wanted when things are broken"
        assert "given text that is not JSON" in printed
    elif command == "doctor":
        assert code == 1
        assert "given text that is not JSON" in printed
    else:
        assert code == 1
        assert "given text that is not JSON" in complaints


# ---- environments


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_environment_is_refused_with_the_known_ones(run: Run, machine: Machine, command: str) -> None:
    known = ", ".join(stack_file.list_environments())
    assert run(command, "--env", "produktion") == (
        1,
        "",
        f"error: ENV: given 'produktion' (a string); allowed: an environment that has a file in stacks/: {known}\n",
    )
    assert not machine.state.exists()


NATIVE = {
    "up": "pulumi up -s prod",
    "prepare": "pulumi about -s prod",
    "down": "pulumi destroy -s prod",
    "clean": "pulumi destroy -s prod",
    "status": "pulumi stack -s prod",
    "doctor": "pulumi about -s prod",
    "logs": "pulumi logs -s prod",
    "preview": "pulumi preview -s prod",
    "support-bundle": "pulumi about -s prod --json",
    "sweep": "pulumi destroy -s prod",
    "load": "ENV=prod locust",
    "runbook": "python -m runbooks ALERT --env prod",
    "dashboard": "python -m dashboards.page --env prod",
    "environment": "pulumi stack output -s prod --json",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_another_environment_is_refused_with_its_native_command(
    run: Run,
    machine: Machine,
    fake: FakePodman,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: str,
) -> None:
    (tmp_path / "Pulumi.prod.yaml").write_text("config: {}\n")
    monkeypatch.setattr(stack_file, "FOLDER", tmp_path)
    assert run(command, "--env", "prod") == (
        1,
        "",
        f"error: `make {command}` works for the environment local only; for prod run: {NATIVE[command]}\n",
    )
    assert not machine.state.exists()
    assert machine.pulumi_commands == []
    assert fake.asked == []


# ---- failures


def test_every_failure_that_a_module_declares_is_known() -> None:
    modules = [module for name, module in sys.modules.items() if name.startswith("offline.") and name.count(".") == 1]
    declared = {
        thing
        for module in modules
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, Exception) and thing.__module__ == module.__name__
    }
    assert OSError in KNOWN_FAILURES
    assert declared - {doctor.Unfit} == {known for known in KNOWN_FAILURES if known.__module__.startswith("offline.")}


@pytest.mark.parametrize("failure", KNOWN_FAILURES)
def test_a_known_failure_of_any_command_is_one_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch, failure: type[Exception]
) -> None:
    words = {"__init__": lambda _self: None, "__str__": lambda _self: "it is [broken]"}
    known = type("Known", (failure,), words)

    def fail() -> None:
        raise known

    monkeypatch.setattr("offline.commands.open_podman", fail)
    assert run("down") == (1, "", "error: it is [broken]\n")


# ---- help


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    printed = capsys.readouterr().out
    assert ended.value.code == 0
    assert printed.startswith(f"usage: offline {command} ")
    documented = (COMMANDS[command].run.__doc__ or "").split()
    assert documented
    assert " ".join(documented) in " ".join(printed.split())


def test_the_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    words = capsys.readouterr().out.split()
    assert set(COMMANDS) <= set(words)


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["up", "--fast"], ["down", "--port", "1"], ["up", "--yes"], ["sweep", "--yes"]]
)
def test_a_command_line_that_is_not_understood_ends_with_two(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: offline" in capsys.readouterr().err


def test_the_module_is_a_program(machine: Machine) -> None:
    ended = subprocess.run(
        [PYTHON, "-P", "-m", "offline", "down", "--instance", "blue"],
        cwd=machine.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "instance blue does not exist: nothing to do\n", "")
