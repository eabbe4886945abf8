"""Each command does what it says, ends with the right code, and tells a user's mistake in a sentence."""

from __future__ import annotations

import errno
import json
import shlex
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from offline import doctor, pulumi_cli, simulation, stack_file
from offline.command_line import COMMANDS, main
from offline.instance import PREFERRED, Home, find_home, make_instance
from offline.locks import LockHeld, hold
from tests.unit.offline.conftest import Machine
from tests.unit.offline.test_stack import NO_STACK, ONE_STACK, OUTPUTS, printing

Told = tuple[int, str, str]
"""An exit code, what was printed, what was complained about."""

NO_PENDING = printing({"deployment": {}})
UP = "printf 'Resources:\\n    + 30 created\\n\\nDuration: 1s\\n'"
HEALTHY = {"stack ls": ONE_STACK, "stack export": NO_PENDING, "stack output": printing(OUTPUTS), "up": UP}


ON_ONE_INSTANCE = [command for command in COMMANDS if command != "sweep"]


@dataclass
class Simulation:
    """Stands in for the server: what was asked of it."""

    running: bool = False
    asked: list[str] = field(default_factory=list)

    def start(self, home: Home, environment: Mapping[str, str]) -> bool:
        assert not any(name.startswith("AWS_") for name in environment)
        self.asked.append(f"start {home.folder.name}")
        was_running, self.running = self.running, True
        return not was_running

    def stop(self, home: Home) -> bool:
        self.asked.append(f"stop {home.folder.name}")
        was_running, self.running = self.running, False
        return was_running

    def is_running(self, _home: Home) -> bool:
        return self.running

    def forget(self, home: Home) -> None:
        self.asked.append(f"forget {home.folder.name}")


@pytest.fixture(autouse=True)
def simulated(machine: Machine, monkeypatch: pytest.MonkeyPatch, closed_port: int) -> Simulation:
    """Start no server, reach none of Pulumi's, and have a healthy Pulumi on PATH of a machine that is large enough."""
    stand_in = Simulation()
    for name in ("start", "stop", "is_running", "forget"):
        monkeypatch.setattr(simulation, name, getattr(stand_in, name))
    monkeypatch.setattr(pulumi_cli, "ARCHIVES", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setattr(pulumi_cli, "CHECKSUMS", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setattr(doctor, "NEEDED_DISK_GIB", 0)
    monkeypatch.setattr(doctor, "NEEDED_MEMORY_GIB", 0)
    machine.install_pulumi(HEALTHY)
    return stand_in


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """Return a function that runs a command on the instance `blue`."""

    def run_command(command: str, *options: str, instance: str = "blue") -> Told:
        code = main([command, "--instance", instance, *options])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run_command


Run = Callable[..., Told]


def list_tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# ---- up


def test_up_makes_the_instance_and_shows_its_outputs(run: Run, machine: Machine, simulated: Simulation) -> None:
    machine.install_pulumi(HEALTHY | {"stack ls": NO_STACK})
    code, printed, complaints = run("up", "--purpose", "test")
    assert (code, complaints) == (0, "")
    lines = printed.splitlines()
    for number, (title, outcome) in enumerate(
        [("Preflight", "done"), ("Pulumi CLI", "from PATH"), ("Simulated AWS", "started"), ("Stack", "+ 30 created")]
    ):
        assert lines[number].startswith(f"[{number + 1}/4] {title} ")
        assert f" {outcome} " in lines[number]
    assert "http://127.0.0.1:8080" in printed
    assert "billing_database.secret" in printed
    assert lines[-1].startswith("Next: `INSTANCE=blue source offline/activate`, then `pulumi preview -s local`")
    assert simulated.asked == ["start blue"]
    home = find_home("blue")
    assert home.read().purpose == "test"
    assert list(json.loads(home.steps.read_text())["seconds"]) == ["Preflight", "Pulumi CLI", "Simulated AWS", "Stack"]
    assert "stack init local --non-interactive" in machine.pulumi_commands


def test_up_again_goes_on_with_what_is_there(run: Run, machine: Machine) -> None:
    run("up")
    made = find_home("blue").read()
    code, printed, _ = run("up")
    assert code == 0
    assert " runs " in printed
    assert find_home("blue").read() == made
    assert not any("init" in command for command in machine.pulumi_commands)


def test_the_default_instance_needs_no_name_in_the_next_command(
    run: Run, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.setitem(PREFERRED, "gateway", closed_port)
    _, printed, _ = run("up", instance="local")
    assert "Next: `source offline/activate`, then" in printed


def test_up_gives_the_gateway_the_port_that_was_asked_for(run: Run, closed_port: int) -> None:
    run("up")
    assert run("up", "--port", str(closed_port))[0] == 0
    assert find_home("blue").read().ports.gateway == closed_port
    assert run("up", "--port", "")[0] == 0, "make passes on that nobody asked"
    assert find_home("blue").read().ports.gateway == closed_port


@pytest.mark.parametrize("port", ["abc", "0", "65536", "-5", "8080.0", "80 80", " "])
def test_a_port_that_is_no_number_of_a_port_is_refused(run: Run, port: str, machine: Machine) -> None:
    assert run("up", f"--port={port}") == (
        1,
        "",
        f"error: PORT: given {port!r} (a string); allowed: a number from 1 to 65535\n",
    )
    assert not machine.state.exists()


def test_a_busy_port_is_refused_with_its_owner_and_no_instance_is_made(run: Run, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    code, printed, complaints = run("up", "--port", str(port))
    assert code == 1
    assert printed.splitlines()[0].split()[:3] == ["[1/4]", "Preflight", "failed"]
    assert complaints.startswith(f"error: port {port} (gateway) is in use by ")
    assert not find_home("blue").folder.exists()


def test_an_unfit_machine_is_refused_with_every_reason(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "NEEDED_DISK_GIB", 10**9)
    monkeypatch.setattr(doctor, "NEEDED_MEMORY_GIB", 10**9)
    code, _, complaints = run("up")
    assert code == 1
    first, second = complaints.splitlines()
    assert first.startswith("error: memory: ")
    assert second.startswith("       disk: ")
    assert not find_home("blue").folder.exists()


def test_up_removes_the_lock_of_a_dead_command(run: Run, machine: Machine) -> None:
    make_instance("blue", "test")
    locks = find_home("blue").state / ".pulumi" / "locks" / "organization" / "faregate" / "local"
    locks.mkdir(parents=True)
    (locks / "x.json").write_text("{}")
    assert run("up")[0] == 0
    assert machine.pulumi_commands.index(
        "cancel --yes --stack local --non-interactive"
    ) < machine.pulumi_commands.index("up --yes --skip-preview --stack local --non-interactive")


def test_up_starts_from_nothing_after_interrupted_operations(run: Run, machine: Machine, simulated: Simulation) -> None:
    pending = {"deployment": {"pending_operations": [{"resource": {"urn": "urn:x"}}]}}
    machine.install_pulumi(HEALTHY | {"stack export": printing(pending)})
    assert run("up")[0] == 0
    assert simulated.asked == ["start blue", "forget blue"]
    assert [command.split()[0] for command in machine.pulumi_commands] == ["stack", "stack", "refresh", "up", "stack"]


def test_pulumi_sees_the_instances_environment_and_no_account(
    run: Run, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "prod")
    seen = machine.root / "seen"
    machine.install_pulumi(HEALTHY | {"up": f"/usr/bin/env > {seen}; {UP}"})
    run("up")
    lines = seen.read_text().splitlines()
    assert f"AWS_ENDPOINT_URL=http://127.0.0.1:{find_home('blue').read().ports.simulation}" in lines
    assert f"PULUMI_BACKEND_URL=file://{find_home('blue').state}" in lines
    assert not any(line.startswith("AWS_PROFILE=") for line in lines)


# ---- failures, as sentences


def test_a_failed_pulumi_command_is_told_with_what_it_printed(run: Run, machine: Machine) -> None:
    machine.install_pulumi(HEALTHY | {"up": "echo 'error: [VpcLimit] no more'; exit 1"})
    code, printed, complaints = run("up")
    assert code == 1
    assert printed.splitlines()[-1].split()[:3] == ["[4/4]", "Stack", "failed"]
    assert complaints == "error: pulumi up --yes --skip-preview --stack local\nerror: [VpcLimit] no more\n"


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (simulation.SimulationFailed("the simulation did not start:\n[log]"), "the simulation did not start:\n[log]"),
        (OSError(errno.ENOSPC, "No space left on device", "/state"), "[Errno 28] No space left on device: '/state'"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "[Errno 13] Permission denied: '/x'"),
        (LockHeld("somebody is at it"), "somebody is at it"),
    ],
)
def test_a_known_failure_is_a_sentence_and_no_traceback(
    run: Run, monkeypatch: pytest.MonkeyPatch, failure: Exception, sentence: str
) -> None:
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(simulation, "start", fail)
    code, _, complaints = run("up")
    assert (code, complaints) == (1, f"error: {sentence}\n")


def test_a_mistake_of_ours_is_not_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(simulation, "start", fail)
    with pytest.raises(ZeroDivisionError):
        run("up")


def test_an_interruption_is_a_sentence_with_the_usual_code(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(simulation, "start", interrupt)
    code, _, complaints = run("up")
    assert (code, complaints) == (130, "interrupted; run the same command again to go on\n")


@pytest.mark.parametrize("command", ON_ONE_INSTANCE)
@pytest.mark.parametrize("name", ["../x", "A", ""])
def test_a_name_that_is_not_allowed_is_refused_by_every_command(
    run: Run, machine: Machine, command: str, name: str
) -> None:
    code, printed, complaints = run(command, instance=name)
    assert (code, printed) == (1, "")
    assert complaints.startswith(f"error: INSTANCE: given {name!r} (a string); allowed: ")
    assert not machine.state.exists()


@pytest.mark.parametrize("command", ON_ONE_INSTANCE)
def test_a_damaged_record_is_a_sentence_in_every_command(run: Run, command: str) -> None:
    make_instance("blue", "test")
    find_home("blue").record.write_text("{")
    code, printed, complaints = run(command)
    if command in ("down", "clean"):
        assert (code, complaints) == (0, ""), "what is damaged can always be removed"
        assert not find_home("blue").folder.exists()
    elif command == "logs":
        assert code == 1, "there is none"
    elif command == "doctor":
        assert code == 1
        assert "given text that is not JSON" in printed
    else:
        assert code == 1
        assert "given text that is not JSON" in complaints


# ---- one command at a time


@pytest.mark.parametrize("command", ["up", "down", "clean"])
def test_a_second_command_at_the_same_time_is_refused(run: Run, command: str, simulated: Simulation) -> None:
    make_instance("blue", "test")
    before = list_tree(find_home("blue").folder)
    with hold(find_home("blue").lock):
        code, _, complaints = run(command)
    assert (code, complaints) == (1, "error: another command is changing instance blue: wait for it\n")
    assert list_tree(find_home("blue").folder) == before
    assert simulated.asked == []


@pytest.mark.parametrize("command", ["status", "doctor", "environment"])
def test_a_command_that_only_looks_is_never_refused_for_another(run: Run, command: str, simulated: Simulation) -> None:
    run("up")
    assert simulated.running
    with hold(find_home("blue").lock):
        assert run(command)[0] == 0


def test_commands_on_two_instances_are_not_in_each_others_way(run: Run) -> None:
    with hold(find_home("green").lock):
        assert run("up")[0] == 0


# ---- down and clean


def test_down_removes_the_instance_and_keeps_the_cache(run: Run, machine: Machine, simulated: Simulation) -> None:
    run("up")
    run("up", instance="green")
    machine.cache.mkdir(exist_ok=True)
    (machine.cache / "faregate").mkdir(exist_ok=True)
    code, printed, _ = run("down")
    assert code == 0
    assert printed.startswith(f"instance blue is gone; the cache in {machine.cache}/faregate is kept")
    assert simulated.asked[-1] == "stop blue"
    assert not find_home("blue").folder.exists()
    assert find_home("green").exists
    assert (machine.cache / "faregate").exists()


def test_down_before_any_up_succeeds_and_says_so(run: Run, machine: Machine, simulated: Simulation) -> None:
    assert run("down") == (0, "instance blue does not exist: nothing to do\n", "")
    assert simulated.asked == []
    assert not machine.state.exists()


def test_sweep_removes_what_tests_left_and_nothing_else(run: Run, simulated: Simulation) -> None:
    run("up", "--purpose", "test", instance="left")
    run("up", instance="mine")
    run("up", instance="damaged")
    find_home("damaged").record.write_text("{")

    assert run("sweep")[:2] == (0, "1 instance(s) of tests removed\n")
    assert not find_home("left").folder.exists()
    assert find_home("mine").exists
    assert find_home("damaged").exists
    assert simulated.asked[-1] == "stop left"


def test_down_twice_succeeds(run: Run) -> None:
    run("up")
    assert [run("down")[0], run("down")[0]] == [0, 0]


def test_down_removes_a_folder_that_an_interruption_left_without_a_record(run: Run) -> None:
    find_home("blue").folder.mkdir(parents=True)
    assert run("down")[0] == 0
    assert not find_home("blue").folder.exists()


def test_clean_removes_the_instance_and_the_cache(run: Run, machine: Machine) -> None:
    run("up")
    (machine.cache / "faregate" / "pulumi").mkdir(parents=True)
    (machine.cache / "other").mkdir()
    code, printed, _ = run("clean")
    assert code == 0
    assert printed.splitlines()[-1] == f"{machine.cache}/faregate is gone"
    assert not find_home("blue").folder.exists()
    assert list_tree(machine.cache) == ["other"]


def test_clean_before_any_up_succeeds(run: Run) -> None:
    assert run("clean")[0] == 0


def test_clean_refuses_while_other_instances_use_the_cache(run: Run, machine: Machine) -> None:
    for name in ("blue", "green", "red"):
        make_instance(name, "test")
    (machine.cache / "faregate").mkdir(parents=True)
    assert run("clean") == (
        1,
        "",
        "error: other instances use the cache: green, red; first: make down INSTANCE=green\n",
    )
    assert find_home("blue").exists
    assert (machine.cache / "faregate").exists()


# ---- looking


def test_status_is_good_only_where_every_part_is_healthy(run: Run, simulated: Simulation) -> None:
    run("up")
    code, printed, _ = run("status")
    assert code == 0
    assert "Instance blue" in printed
    assert "local in us-east-1, outputs as the contract says" in printed
    simulated.running = False
    code, printed, _ = run("status")
    assert code == 1
    assert "does not answer: run `make up`" in printed


@pytest.mark.parametrize(
    ("answers", "detail"),
    [
        ({"stack ls": NO_STACK}, "not made yet: run `make up`"),
        (
            {"stack export": printing({"deployment": {"pending_operations": [{"resource": {"urn": "x"}}]}})},
            "1 interrupted operation(s): run `make up`",
        ),
        ({"stack output": printing({**OUTPUTS, "account": "[/red]"})}, "outputs: account: given '[/red]' (a string)"),
        ({"stack ls": "echo '[bold]broken'; exit 1"}, "[bold]broken"),
    ],
)
def test_status_says_what_is_wrong_with_the_stack(
    run: Run, machine: Machine, simulated: Simulation, answers: dict[str, str], detail: str
) -> None:
    run("up")
    machine.install_pulumi(HEALTHY | answers)
    simulated.running = True
    code, printed, complaints = run("status")
    assert (code, complaints) == (1, "")
    assert detail in printed


def test_status_without_a_cli_says_what_to_run(run: Run, machine: Machine) -> None:
    run("up")
    machine.install_pulumi({}, version="v1.0.0")
    code, printed, _ = run("status")
    assert code == 1
    assert "there is no Pulumi CLI yet: run `make up`" in printed


@pytest.mark.parametrize("command", ["status", "logs", "preview", "environment"])
def test_a_command_that_needs_an_instance_names_the_one_that_makes_it(run: Run, machine: Machine, command: str) -> None:
    assert run(command) == (1, "", "error: instance blue does not exist: run `make up`\n")
    assert not machine.state.exists()


def test_doctor_is_good_on_a_fit_machine_and_changes_nothing(run: Run, machine: Machine) -> None:
    before = list_tree(machine.root)
    code, printed, _ = run("doctor")
    assert code == 0
    assert "not ok" not in printed
    assert "models: smollm2-135m" in printed
    assert list_tree(machine.root) == before


def test_doctor_fails_where_something_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "NEEDED_MEMORY_GIB", 10**9)
    code, printed, _ = run("doctor")
    assert code == 1
    assert "1000000000 GiB are needed" in printed


def test_logs_are_printed_as_they_are(run: Run) -> None:
    make_instance("blue", "test")
    find_home("blue").simulation_log.write_bytes(b"[red]one[/]\n\xff\n" + b"x" * 500)
    code, printed, _ = run("logs")
    assert code == 0
    assert printed == "[red]one[/]\n\N{REPLACEMENT CHARACTER}\n" + "x" * 500 + "\n"


def test_logs_before_anything_was_started_are_a_sentence(run: Run) -> None:
    make_instance("blue", "test")
    assert run("logs") == (
        1,
        "",
        "error: instance blue has no log, for nothing of it was started yet: run `make up`\n",
    )


@pytest.mark.parametrize("code", [0, 255])
def test_preview_shows_what_pulumi_shows_and_ends_as_it_ends(
    machine: Machine, capfd: pytest.CaptureFixture[str], code: int
) -> None:
    make_instance("blue", "test")
    machine.install_pulumi({"preview": f"echo + 1 to create; exit {code}"})
    assert main(["preview", "--instance", "blue"]) == code
    assert capfd.readouterr().out == "+ 1 to create\n"
    assert machine.pulumi_commands == ["preview --stack local --diff"]


def test_the_environment_is_printed_as_lines_that_a_shell_understands(run: Run, machine: Machine) -> None:
    made = make_instance("blue", "test")
    code, printed, complaints = run("environment")
    assert (code, complaints) == (0, "")
    variables = {words[1]: words[2] for words in map(shlex.split, printed.splitlines()) if words[0] == "_faregate_set"}
    assert variables["INSTANCE"] == "blue"
    assert variables["AWS_ENDPOINT_URL"] == f"http://127.0.0.1:{made.ports.simulation}"
    assert variables["PATH"].split(":")[2] == str(machine.programs)


def test_the_environment_of_an_instance_whose_cli_is_not_there_yet_is_refused(run: Run, machine: Machine) -> None:
    make_instance("blue", "test")
    machine.install_pulumi({}, version="v1.0.0")
    assert run("environment") == (1, "", "error: there is no Pulumi CLI yet: run `make up`\n")


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


@pytest.mark.parametrize(
    ("command", "native"),
    [
        ("up", "pulumi up -s prod"),
        ("down", "pulumi destroy -s prod"),
        ("clean", "pulumi destroy -s prod"),
        ("status", "pulumi stack -s prod"),
        ("doctor", "pulumi about -s prod"),
        ("logs", "pulumi logs -s prod"),
        ("preview", "pulumi preview -s prod"),
        ("environment", "pulumi stack output --json -s prod"),
    ],
)
def test_another_environment_is_refused_with_its_native_command(
    run: Run, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, native: str
) -> None:
    (tmp_path / "Pulumi.prod.yaml").write_text("config: {}\n")
    monkeypatch.setattr(stack_file, "FOLDER", tmp_path)
    assert run(command, "--env", "prod") == (
        1,
        "",
        f"error: `make {command}` works for the environment local only; for prod run: {native}\n",
    )
    assert not machine.state.exists()
    assert machine.pulumi_commands == []


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


@pytest.mark.parametrize("arguments", [[], ["fly"], ["up", "--fast"], ["down", "--port", "1"]])
def test_a_command_line_that_is_not_understood_ends_with_two(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: offline" in capsys.readouterr().err


def test_nothing_that_up_leaves_can_be_read_by_others(run: Run) -> None:
    run("up")
    home = find_home("blue")
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.record.stat().st_mode) == 0o600


def test_the_module_is_a_program(machine: Machine) -> None:
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "offline", "down", "--instance", "blue"],
        cwd=machine.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "instance blue does not exist: nothing to do\n", "")
