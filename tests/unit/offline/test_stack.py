"""The stack is made once, healed of what an interruption left, and read as the contract says."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from contract.problems import ContractError
from offline import stack as stacks
from offline.environment import REPOSITORY
from offline.stack import PulumiFailed, Stack, StackBusy
from tests.unit.offline.conftest import Machine
from tests.unit.outputs import OUTPUTS

NO_STACK = "echo '[]'"
ONE_STACK = """echo '[{"name": "organization/faregate/local", "current": true}]'"""


def printing(document: object) -> str:
    """Return shell code that prints a document."""
    return f"echo {shlex.quote(json.dumps(document))}"


def make_stack(machine: Machine, answers: dict[str, str]) -> Stack:
    """Return a stack whose Pulumi CLI gives these answers, and whose state backend exists."""
    machine.install_pulumi(answers)
    (machine.root / "backend").mkdir(exist_ok=True)
    return Stack(machine.root / "backend", {"PATH": str(machine.programs), "LANG": "C"})


def write_lock(machine: Machine, text: str, name: str = "one") -> None:
    folder = machine.root / "backend" / ".pulumi" / "locks" / "organization" / "faregate" / "local"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(text)


def describe_lock(pid: int, hostname: str | None = None) -> str:
    return json.dumps(
        {
            "pid": pid,
            "username": "root",
            "hostname": hostname or platform.node(),
            "timestamp": "2026-11-24T08:00:00.000000001Z",
        }
    )


@pytest.fixture
def dead_process() -> int:
    """The id of a process that ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


@pytest.fixture
def pulumi_process(tmp_path: Path) -> Iterator[int]:
    """The id of a process called pulumi that lives as long as the test."""
    program = tmp_path / "pulumi"
    program.write_text("#!/bin/sh\nread line\n")
    program.chmod(0o755)
    with subprocess.Popen([program], stdin=subprocess.PIPE) as process:
        assert psutil.Process(process.pid).name() == "pulumi"
        yield process.pid


# ---- made


def test_a_stack_is_made_where_there_is_none(machine: Machine) -> None:
    machine.install_pulumi({"stack ls": NO_STACK})
    state = machine.root / "new" / "backend"
    Stack(state, {"PATH": str(machine.programs)}).make()
    assert state.is_dir()
    assert machine.pulumi_commands == ["stack ls --json --non-interactive", "stack init local --non-interactive"]


@pytest.mark.parametrize("name", ["local", "organization/faregate/local"])
def test_a_stack_that_exists_is_not_made_again(machine: Machine, name: str) -> None:
    stack = make_stack(machine, {"stack ls": printing([{"name": "other"}, {"name": name}])})
    stack.make()
    assert stack.exists()
    assert not any(command.startswith("stack init") for command in machine.pulumi_commands)


def test_another_stack_is_not_taken_for_ours(machine: Machine) -> None:
    assert not make_stack(machine, {"stack ls": printing([{"name": "organization/faregate/local-2"}])}).exists()


def test_without_a_state_backend_there_is_no_stack_and_pulumi_is_not_asked(machine: Machine) -> None:
    machine.install_pulumi({"stack ls": ONE_STACK})
    state = machine.root / "backend"
    assert not Stack(state, {"PATH": str(machine.programs)}).exists()
    assert machine.pulumi_commands == []
    assert not state.exists()


# ---- locks


def write_state(machine: Machine, text: str) -> Path:
    path = machine.root / "backend" / ".pulumi" / "stacks" / "faregate" / "local.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", ["", '{"version": 3, "deploy'])
def test_a_state_that_was_cut_off_is_discarded(machine: Machine, text: str) -> None:
    stack = make_stack(machine, {})
    state = write_state(machine, text)
    assert stack.discard_damaged()
    assert not state.exists()
    assert not stack.discard_damaged()


def test_a_whole_state_is_kept(machine: Machine) -> None:
    stack = make_stack(machine, {})
    state = write_state(machine, '{"version": 3}')
    assert not stack.discard_damaged()
    assert state.read_text() == '{"version": 3}'


def test_a_state_that_is_being_written_is_not_discarded(machine: Machine, pulumi_process: int) -> None:
    stack = make_stack(machine, {})
    state = write_state(machine, "")
    write_lock(machine, json.dumps({"pid": pulumi_process, "hostname": platform.node()}))
    with pytest.raises(StackBusy, match=f"process {pulumi_process}"):
        stack.discard_damaged()
    assert state.exists()


def test_without_a_lock_nothing_is_cancelled(machine: Machine) -> None:
    assert make_stack(machine, {}).unlock() is False
    assert machine.pulumi_commands == []


def test_the_lock_of_a_dead_process_is_cancelled(machine: Machine, dead_process: int) -> None:
    stack = make_stack(machine, {})
    write_lock(machine, describe_lock(dead_process))
    assert stack.unlock() is True
    assert machine.pulumi_commands == ["cancel --yes --stack local --non-interactive"]


def test_a_live_pulumi_keeps_its_lock_and_is_named(machine: Machine, pulumi_process: int) -> None:
    stack = make_stack(machine, {})
    write_lock(machine, describe_lock(pulumi_process))
    with pytest.raises(StackBusy) as caught:
        stack.unlock()
    assert str(caught.value) == (
        f"process {pulumi_process} on {platform.node()} works on stack local: wait for it, or end it and run this again"
    )
    assert machine.pulumi_commands == []


def test_one_live_lock_among_dead_ones_is_enough(machine: Machine, pulumi_process: int, dead_process: int) -> None:
    stack = make_stack(machine, {})
    write_lock(machine, describe_lock(dead_process), "a")
    write_lock(machine, describe_lock(pulumi_process), "b")
    write_lock(machine, describe_lock(dead_process), "c")
    with pytest.raises(StackBusy, match=f"process {pulumi_process} "):
        stack.unlock()
    assert machine.pulumi_commands == []


def test_the_lock_of_another_machine_is_never_cancelled(machine: Machine, dead_process: int) -> None:
    stack = make_stack(machine, {})
    write_lock(machine, describe_lock(dead_process, "elsewhere"))
    with pytest.raises(StackBusy, match=f"process {dead_process} on elsewhere works on stack local"):
        stack.unlock()
    assert machine.pulumi_commands == []


def test_a_process_id_that_another_program_got_since_is_a_dead_lock(machine: Machine) -> None:
    stack = make_stack(machine, {})
    assert "pulumi" not in psutil.Process().name()
    write_lock(machine, describe_lock(os.getpid()))
    assert stack.unlock() is True


def test_a_pulumi_that_ended_and_that_nobody_buried_is_dead(machine: Machine) -> None:
    stack = make_stack(machine, {})
    with subprocess.Popen([machine.install("pulumi-dead", ":")]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and stays in the list of processes
        assert psutil.Process(process.pid).name() == "pulumi-dead"
        write_lock(machine, describe_lock(process.pid))
        assert stack.unlock() is True


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"pid": "x", "hostname": "y"}', '{"pid": 1}'])
def test_a_lock_that_a_power_cut_left_half_written_is_dead(machine: Machine, text: str) -> None:
    stack = make_stack(machine, {})
    write_lock(machine, text)
    assert stack.unlock() is True


def test_a_lock_that_is_given_back_just_now_does_not_matter(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = make_stack(machine, {})
    write_lock(machine, describe_lock(1, "elsewhere"))

    def vanish(path: Path) -> str:
        raise FileNotFoundError(2, "No such file or directory", str(path))

    monkeypatch.setattr(Path, "read_text", vanish)
    assert list(stack._locks()) == []


def test_a_process_that_may_not_be_looked_at_is_taken_to_live(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, dead_process: int
) -> None:
    def refuse(pid: int) -> None:
        raise psutil.AccessDenied(pid)

    stack = make_stack(machine, {})
    write_lock(machine, describe_lock(dead_process))
    monkeypatch.setattr(psutil, "Process", refuse)
    with pytest.raises(StackBusy):
        stack.unlock()


# ---- pending operations


def test_pending_operations_are_listed_by_urn(machine: Machine) -> None:
    urns = [
        "urn:pulumi:local::faregate::aws:ec2/vpc:Vpc::network",
        "urn:pulumi:local::faregate::aws:s3/bucket:Bucket::m",
    ]
    pending = [{"resource": {"urn": urn}, "type": "creating"} for urn in urns]
    stack = make_stack(
        machine, {"stack export": printing({"version": 3, "deployment": {"pending_operations": pending}})}
    )
    assert stack.pending_operations() == urns


@pytest.mark.parametrize(
    "state", [{}, {"deployment": None}, {"deployment": {}}, {"deployment": {"pending_operations": None}}]
)
def test_a_state_without_pending_operations_has_none(machine: Machine, state: dict[str, object]) -> None:
    assert make_stack(machine, {"stack export": printing(state)}).pending_operations() == []


def test_pending_creates_are_dropped_by_a_refresh(machine: Machine) -> None:
    make_stack(machine, {}).clear_pending()
    assert machine.pulumi_commands == [
        "refresh --yes --clear-pending-creates --skip-preview --stack local --non-interactive"
    ]


# ---- commands


def test_a_command_runs_in_the_repository_with_the_given_environment_and_no_input(machine: Machine) -> None:
    seen = machine.root / "seen"
    code = f'echo "$PWD|$LANG|${{AWS_PROFILE-none}}" > {seen}; read line || echo "no input" >> {seen}; {NO_STACK}'
    make_stack(machine, {"stack ls": code}).exists()
    assert seen.read_text() == f"{REPOSITORY}|C|none\nno input\n"


def test_each_question_is_asked_as_the_cli_takes_it(machine: Machine) -> None:
    # Word for word: `stack export` has no --json, and the others print a table without it.
    answers = {"stack ls": ONE_STACK, "stack export": printing({}), "stack output": printing(OUTPUTS)}
    stack = make_stack(machine, answers)
    stack.exists()
    stack.pending_operations()
    stack.outputs()
    assert machine.pulumi_commands == [
        "stack ls --json --non-interactive",
        "stack export --stack local --non-interactive",
        "stack output --json --stack local --non-interactive",
    ]


def test_a_failed_command_is_told_with_all_that_it_printed(machine: Machine) -> None:
    stack = make_stack(machine, {"stack export": "echo out; echo 'error: no stack' >&2; exit 255"})
    with pytest.raises(PulumiFailed) as caught:
        stack.pending_operations()
    assert str(caught.value) == "pulumi stack export --stack local\nout\nerror: no stack"


def test_a_failed_up_is_told_with_all_that_it_printed_in_order(machine: Machine) -> None:
    stack = make_stack(machine, {"up": "echo one; echo two >&2; echo three; exit 1"})
    lines: list[str] = []
    with pytest.raises(PulumiFailed) as caught:
        stack.up(lines.append)
    assert str(caught.value) == "pulumi up --yes --skip-preview --stack local\none\ntwo\nthree"
    assert lines == ["one", "two", "three"]


@pytest.mark.parametrize("code", ["echo no json", ":", "echo '{'"])
def test_a_command_that_prints_no_json_is_told_with_what_it_printed(machine: Machine, code: str) -> None:
    stack = make_stack(machine, {"stack ls": code})
    with pytest.raises(PulumiFailed, match=r"^pulumi stack ls --json printed no JSON"):
        stack.exists()


def test_warnings_beside_json_do_not_matter(machine: Machine) -> None:
    assert make_stack(machine, {"stack ls": f"echo 'warning: old' >&2; {ONE_STACK}"}).exists()


def test_bytes_that_are_no_text_do_not_matter(machine: Machine) -> None:
    lines: list[str] = []
    make_stack(machine, {"up": "printf 'a\\377b\\n'"}).up(lines.append)
    assert lines == ["a\N{REPLACEMENT CHARACTER}b"]


def test_much_output_on_both_streams_does_not_block(machine: Machine) -> None:
    flood = (
        "n=0; while [ $n -lt 3000 ]; do echo 'a line that fills the pipe between two processes' >&2; n=$((n+1)); done"
    )
    assert make_stack(machine, {"stack ls": f"{flood}; {ONE_STACK}"}).exists()


def test_an_interrupted_up_waits_until_pulumi_has_given_its_lock_back(machine: Machine) -> None:
    given_back = machine.root / "given-back"
    flood = "n=0; while [ $n -lt 3000 ]; do echo 'cancelling: a line that fills the pipe'; n=$((n+1)); done"
    stack = make_stack(machine, {"up": f"echo creating; {flood}; echo yes > {given_back}"})

    def interrupt(line: str) -> None:
        assert line == "creating"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stack.up(interrupt)
    assert given_back.read_text() == "yes\n"


# ---- the summary and the outputs

UP = """Updating (local):
 +  pulumi:pulumi:Stack faregate-local creating (0s)
    Resources: 9 are read

Outputs:
    region: "us-east-1"

Resources:
    + 30 created
    ~ 1 updated
    31 changes. 5 unchanged

Duration: 12s
"""


def test_the_summary_is_what_stands_under_the_last_heading(machine: Machine) -> None:
    lines: list[str] = []
    stack = make_stack(machine, {"up": f"printf %s {shlex.quote(UP)}"})
    assert stack.up(lines.append) == "+ 30 created, ~ 1 updated, 31 changes. 5 unchanged"
    assert lines == [line.strip() for line in UP.splitlines() if line.strip()]
    assert machine.pulumi_commands == ["up --yes --skip-preview --stack local --non-interactive"]


@pytest.mark.parametrize(
    ("output", "summary"),
    [
        ("Resources:\n    30 unchanged\n\nDuration: 1s\n", "30 unchanged"),
        ("Resources:\n    30 unchanged", "30 unchanged"),
        ("Resources:\n\nDuration: 1s\n", ""),
        ("Resources:", ""),
        ("Updating (local):\nno summary at all\n", ""),
        ("", ""),
    ],
)
def test_a_summary_is_empty_where_pulumi_printed_none(output: str, summary: str) -> None:
    assert stacks._summarize(output) == summary


def test_outputs_are_read_as_the_contract_says(machine: Machine) -> None:
    outputs = make_stack(machine, {"stack output": printing(OUTPUTS)}).outputs()
    assert outputs.model_dump(mode="json", exclude_none=True) == OUTPUTS


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"gateway_url": "https://eu-central-1.amazonaws.com"}, "outputs: gateway_url: given"),
        ({"account": 123456789012}, "outputs: account: given 123456789012 (an integer)"),
        ({"surprise": "x"}, "outputs: surprise: given an unknown key"),
    ],
)
def test_outputs_that_break_the_contract_are_refused_by_name(
    machine: Machine, change: dict[str, object], problem: str
) -> None:
    stack = make_stack(machine, {"stack output": printing(OUTPUTS | change)})
    with pytest.raises(ContractError) as caught:
        stack.outputs()
    assert problem in str(caught.value)


def test_a_stack_without_outputs_is_refused_by_every_name_that_is_missing(machine: Machine) -> None:
    with pytest.raises(ContractError) as caught:
        make_stack(machine, {"stack output": printing({})}).outputs()
    missing = OUTPUTS.keys() - {"instance"}
    assert {line.split(": ")[1] for line in str(caught.value).splitlines()} == missing
