"""`make up` brings an instance up step by step, and goes on from whatever an earlier run left."""

from __future__ import annotations

import errno
import json
import shlex
import socket
import stat
from pathlib import Path

import pytest

from contract.documents import read_catalog
from offline import commands, container_tools, doctor, simulation
from offline.completion import CompletionFailed
from offline.instance import PREFERRED, find_home, make_instance
from offline.locks import LockHeld
from offline.podman import NotOurs, PodmanFailed
from tests.unit.offline.commands.conftest import (
    HEALTHY,
    REFERENCES,
    REQUEST,
    UP,
    Model,
    Run,
    Simulation,
    install_builder,
    install_runner,
    list_played,
    list_tree,
)
from tests.unit.offline.conftest import FakePodman, Machine
from tests.unit.offline.test_stack import NO_STACK, printing

STEPS = ["Preflight", "Container tools", "Pulumi CLI", "Images", "Simulated AWS", "Stack", "Containers", "Completion"]


def read_steps(printed: str) -> list[tuple[str, str, str]]:
    """Return the number, title and outcome of each step that was printed."""
    steps = []
    for line in printed.splitlines():
        if line.startswith("[") and line.endswith(" s"):
            number, _, rest = line.partition(" ")
            title, outcome = rest[: rest.index("  ")], rest[rest.index("  ") :].split("  ")
            steps.append((number, title, next(word.strip() for word in outcome if word.strip())))
    return steps


# ---- what it does


def test_up_makes_the_instance_step_by_step(run: Run, machine: Machine, simulated: Simulation, model: Model) -> None:
    machine.install_pulumi(HEALTHY | {"stack ls": NO_STACK})
    install_builder(machine, built=2)
    install_runner(machine, {"changed": True}, {"changed": False}, {"changed": True})
    code, printed, complaints = run("up", "--purpose", "test")
    assert (code, complaints) == (0, "")
    outcomes = [
        *("done", "podman 4.3.1", "from PATH", "2 built"),
        *("started", "+ 30 created", "2 changed", "paid with 0.0000045 USD"),
    ]
    assert read_steps(printed) == [
        (f"[{number}/8]", title, outcome)
        for number, (title, outcome) in enumerate(zip(STEPS, outcomes, strict=True), start=1)
    ]
    assert simulated.asked == [f"start blue from {REFERENCES['simulation']}"]
    assert list_played(machine) == ["site.yml"]
    assert model.asked == [("http://127.0.0.1:8080", next(iter(read_catalog().models)), "fg_demo")]
    home = find_home("blue")
    assert home.read().purpose == "test"
    assert list(json.loads(home.steps.read_text())["seconds"]) == STEPS
    assert "stack init local --non-interactive" in machine.pulumi_commands


def test_up_ends_with_the_outputs_an_answer_of_the_model_its_receipt_and_what_comes_next(run: Run) -> None:
    _, printed, _ = run("up")
    assert "gateway_url" in printed
    assert "http://127.0.0.1:8080" in printed
    assert "billing_database.secret" in printed
    assert "Name three primary colors." in printed
    assert "Red, [blue]." in printed
    for words in (
        "34 in, 2 in from the cache, 5 out",
        "version 1: 0.10 USD in, 0.05 USD cached, 0.20 USD out; per 1,000,000",
        "0.0000045 USD",
        "5.00 USD before, 4.9999955 USD after",
        "INSTANCE=blue source offline/activate",
        f"python -m services.billing show {REQUEST}",
        "pulumi preview -s local",
    ):
        assert words in printed
    assert [line.split("│")[2].strip() for line in printed.splitlines() if "ledger transaction" in line] == ["7"]
    assert "fg_demo" not in printed


def test_up_again_goes_on_with_what_is_there(run: Run, machine: Machine) -> None:
    run("up")
    made = find_home("blue").read()
    code, printed, _ = run("up")
    assert code == 0
    assert [outcome for _, _, outcome in read_steps(printed)][3:7] == ["here", "runs", "+ 30 created", "unchanged"]
    assert find_home("blue").read() == made
    assert not any("init" in command for command in machine.pulumi_commands)


def test_the_default_instance_needs_no_name_in_the_next_command(
    run: Run, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.setitem(PREFERRED, "gateway", closed_port)
    _, printed, _ = run("up", instance="local")
    assert "│ source offline/activate " in printed


def test_what_will_be_installed_is_said_before_it_is(run: Run, machine: Machine) -> None:
    helper = machine.programs / "aardvark-dns"
    helper.unlink()
    machine.install("apt-get", f"printf '#!/bin/sh\\n' > {helper}; /bin/chmod 755 {helper}; echo Setting it up")
    code, printed, _ = run("up")
    assert code == 0
    first, second, third = printed.splitlines()[:3]
    assert first.startswith("[1/8] Preflight ")
    assert second.startswith("      will install: containers: apt-get installs aardvark-dns")
    assert read_steps(third) == [("[2/8]", "Container tools", "podman 4.3.1 installed")]


def test_nothing_that_up_leaves_can_be_read_by_others(run: Run) -> None:
    run("up")
    home = find_home("blue")
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.record.stat().st_mode) == 0o600


def test_podman_reads_our_configuration_in_every_step(run: Run, machine: Machine, fake: FakePodman) -> None:
    seen = machine.root / "seen"
    for name in ("podman", "python", "ansible-runner"):
        program = machine.programs / name
        rest = program.read_text().removeprefix("#!/bin/sh\n")
        machine.install(name, f'echo "{name} ${{CONTAINERS_CONF-none}} ${{CONTAINER_HOST-none}}" >> {seen}\n{rest}')
    assert run("up")[0] == 0
    lines = set(seen.read_text().splitlines()) - {"podman none none"}  # asked for its version only
    assert lines == {f"{name} {container_tools.config_path()} none" for name in ("podman", "python", "ansible-runner")}
    assert 'runtime = "runc"' in container_tools.config_path().read_text()
    assert fake.names("containers") == ["faregate-blue-simulation"]


def test_the_users_podman_elsewhere_is_not_used(run: Run, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTAINER_HOST", "ssh://elsewhere")
    seen = machine.root / "seen"
    install_builder(machine, before=f'echo "${{CONTAINER_HOST-none}}" >> {seen}')
    install_runner(machine, before=f'echo "${{CONTAINER_HOST-none}}" >> {seen}')
    assert run("up")[0] == 0
    assert seen.read_text().split() == ["none", "none"]


def test_pulumi_and_ansible_see_the_instances_environment_and_no_account(
    run: Run, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "prod")
    for name in ("pulumi", "ansible"):
        (machine.root / name).touch()
    machine.install_pulumi(HEALTHY | {"up": f"/usr/bin/env > {machine.root}/pulumi; {UP}"})
    install_runner(machine, before=f"/usr/bin/env > {machine.root}/ansible")
    run("up")
    home = find_home("blue")
    for name in ("pulumi", "ansible"):
        lines = (machine.root / name).read_text().splitlines()
        assert f"AWS_ENDPOINT_URL=http://127.0.0.1:{home.read().ports.simulation}" in lines
        assert f"PULUMI_BACKEND_URL=file://{home.state}" in lines
        assert f"FAREGATE_INSTANCE={home.record}" in lines
        assert not any(line.startswith("AWS_PROFILE=") for line in lines)


# ---- its port


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
    assert read_steps(printed) == [("[1/8]", "Preflight", "failed")]
    assert complaints.startswith(f"error: port {port} (gateway) is in use by ")
    assert not find_home("blue").folder.exists()


# ---- a machine that lacks something


def test_an_unfit_machine_is_refused_with_every_reason(
    run: Run, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "NEEDED_DISK_GIB", 10**9)
    monkeypatch.setattr(doctor, "NEEDED_MEMORY_GIB", 10**9)
    code, printed, complaints = run("up")
    assert code == 1
    assert read_steps(printed) == [("[1/8]", "Preflight", "failed")]
    first, second = complaints.splitlines()
    assert first.startswith("error: memory: ")
    assert second.startswith("       disk: ")
    assert not find_home("blue").folder.exists()
    assert not (machine.cache / "faregate").exists(), "nothing was changed"


def test_nothing_goes_on_without_the_tools_of_containers(run: Run, machine: Machine) -> None:
    (machine.programs / "aardvark-dns").unlink()
    code, printed, complaints = run("up")
    assert code == 1
    assert read_steps(printed)[-1] == ("[2/8]", "Container tools", "failed")
    assert complaints.startswith("error: containers need aardvark-dns, which apt-get did not install:")
    assert (machine.root / "apt").exists()


# ---- what an earlier run left


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
    assert [words.split()[0] for words in simulated.asked] == ["start", "forget"]
    assert [command.split()[0] for command in machine.pulumi_commands] == ["stack", "stack", "refresh", "up", "stack"]


def test_up_starts_from_nothing_after_a_state_that_was_cut_off(run: Run, simulated: Simulation) -> None:
    make_instance("blue", "test")
    state = find_home("blue").state / ".pulumi" / "stacks" / "faregate" / "local.json"
    state.parent.mkdir(parents=True)
    state.write_text('{"version": 3, "che')
    assert run("up")[0] == 0
    assert [words.split()[0] for words in simulated.asked] == ["start", "forget"]
    assert not state.exists()


# ---- failures, as sentences


def test_images_that_cannot_be_built_are_told_and_nothing_is_started(
    run: Run, machine: Machine, simulated: Simulation
) -> None:
    install_builder(machine, before="echo 'error: gateway: podman failed' >&2; exit 1")
    code, printed, complaints = run("up")
    assert (code, complaints) == (1, "error: gateway: podman failed\n")
    assert read_steps(printed)[-1] == ("[4/8]", "Images", "failed")
    assert simulated.asked == []


def test_a_failed_pulumi_command_is_told_with_what_it_printed(run: Run, machine: Machine) -> None:
    machine.install_pulumi(HEALTHY | {"up": "echo 'error: [VpcLimit] no more'; exit 1"})
    code, printed, complaints = run("up")
    assert code == 1
    assert read_steps(printed)[-1] == ("[6/8]", "Stack", "failed")
    assert complaints == "error: pulumi up --yes --skip-preview --stack local\nerror: [VpcLimit] no more\n"
    assert list_played(machine) == []


def test_a_failed_task_is_told_by_name(run: Run, machine: Machine, model: Model) -> None:
    events = [
        {"event": "playbook_on_task_start", "event_data": {"name": "workload : Run"}},
        {"event": "runner_on_failed", "event_data": {"res": {"msg": "no [room]"}}},
    ]
    lines = "\n".join(map(json.dumps, events))
    install_runner(machine, before=f"printf '%s\\n' {shlex.quote(lines)}", code=2)
    code, printed, complaints = run("up")
    assert (code, complaints) == (1, "error: playbooks/site.yml: workload : Run: no [room]\n")
    assert read_steps(printed)[-1] == ("[7/8]", "Containers", "failed")
    assert model.asked == []


def test_a_model_that_does_not_answer_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise CompletionFailed("http://127.0.0.1:8080 answers 503: busy")

    monkeypatch.setattr(commands, "ask", fail)
    code, printed, complaints = run("up")
    assert (code, complaints) == (1, "error: http://127.0.0.1:8080 answers 503: busy\n")
    assert read_steps(printed)[-1] == ("[8/8]", "Completion", "failed")
    assert "The environment's outputs" not in printed
    assert not find_home("blue").steps.exists(), "they are those of a whole run"


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (simulation.SimulationFailed("the simulation did not start:\n[log]"), "the simulation did not start:\n[log]"),
        (PodmanFailed("podman run\nno space"), "podman run\nno space"),
        (NotOurs("container x was not made by Faregate"), "container x was not made by Faregate"),
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


# ---- prepare


def test_prepare_does_what_is_done_once_on_a_machine_and_makes_no_instance(
    run: Run, machine: Machine, simulated: Simulation, fake: FakePodman
) -> None:
    install_builder(machine, built=1)
    code, printed, complaints = run("prepare")
    assert (code, complaints) == (0, "")
    assert read_steps(printed) == [
        ("[1/4]", "Preflight", "done"),
        ("[2/4]", "Container tools", "podman 4.3.1"),
        ("[3/4]", "Pulumi CLI", "from PATH"),
        ("[4/4]", "Images", "1 built"),
    ]
    assert container_tools.config_path().exists()
    assert not machine.state.exists()
    assert (simulated.asked, fake.asked, list_played(machine)) == ([], [], [])


def test_prepare_refuses_an_unfit_machine(run: Run, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "NEEDED_MEMORY_GIB", 10**9)
    code, _, complaints = run("prepare")
    assert code == 1
    assert complaints.startswith("error: memory: ")
    assert list_tree(machine.cache if machine.cache.exists() else Path(machine.programs / "none")) == []
