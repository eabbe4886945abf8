"""A page's playbook through the real Ansible: what it changes, what fails, what is left, and how it is ended."""

from __future__ import annotations

import signal
import stat
import time
from pathlib import Path

import psutil
import pytest

from tests.unit.runbooks.scene import make_repository

from .conftest import MARKS
from .engineer import Engineer

MARK = MARKS["FAREGATE_MARK"]
PATIENCE_SECONDS = 60

CHANGES = """
    - name: Look
      ansible.builtin.command: "true"
      changed_when: false
    - name: Start the pump
      ansible.builtin.command: "true"
      changed_when: true
    - name: Open the valves
      ansible.builtin.command: "true"
      changed_when: true
      loop: [1, 2]
    - name: Say where
      ansible.builtin.copy:
        content: "{{ inventory_hostname }} {{ lookup('ansible.builtin.env', 'FAREGATE_MARK') }}"
        dest: "{{ playbook_dir }}/where"
        mode: "600"
"""
FAILS = """
    - name: Start the pump
      ansible.builtin.command: "true"
      changed_when: true
    - name: Open the valve
      ansible.builtin.fail:
        msg: the valve is stuck
    - name: Never
      ansible.builtin.command: touch {{ playbook_dir }}/never
"""
WAITS = """
    - name: Pump
      ansible.builtin.shell: |
        trap '' INT
        echo $$ > {{ playbook_dir }}/begun.new
        mv {{ playbook_dir }}/begun.new {{ playbook_dir }}/begun
        while ! [ -e {{ playbook_dir }}/go ]; do sleep 0.05; done
      changed_when: true
"""


def test_changes_are_counted_and_named_on_the_environment_that_was_chosen(engineer: Engineer) -> None:
    repository = make_repository(engineer.root, CHANGES)

    ended = engineer.run("Flood", "--yes", "--env", "prod")

    assert ended.code == 0, ended.text
    assert "changed: Start the pump\n" in ended.text
    assert "changed: Open the valves\n" in ended.text
    assert "changed: Look" not in ended.text
    [step] = [line for line in ended.text.splitlines() if line.startswith("[3/4] playbooks/pump.yml ")]
    assert "3 changed" in step
    assert ended.last == "Flood: healed; 3 changed"
    assert (repository.playbooks / "where").read_text() == f"prod {MARK}", "it sees the engineer's environment"
    assert "--stack prod" in (engineer.root.parent / "programs" / "asked").read_text()


def test_the_variable_env_chooses_where_no_option_does(engineer: Engineer) -> None:
    repository = make_repository(engineer.root, CHANGES)
    assert (
        Engineer(engineer.root, engineer.scratch, {**engineer.variables, "ENV": "dev"}).run("Flood", "--yes").code == 0
    )
    assert (repository.playbooks / "where").read_text().startswith("dev ")


def test_a_task_that_fails_is_told_with_its_message(engineer: Engineer) -> None:
    repository = make_repository(engineer.root, FAILS)

    ended = engineer.run("Flood", "--yes")

    assert ended.code == 1
    assert ended.last == "Flood: not healed: playbooks/pump.yml: Open the valve: the valve is stuck; 1 changed", (
        ended.text
    )
    assert not (repository.playbooks / "never").exists()
    assert list(engineer.scratch.iterdir()) == []


def test_a_playbook_that_cannot_run_is_told_in_ansibles_words(engineer: Engineer) -> None:
    repository = make_repository(engineer.root, CHANGES)
    repository.inventory.write_text("#!/bin/sh\necho no outputs >&2\nexit 1\n")

    ended = engineer.run("Flood", "--yes")

    assert ended.code == 1
    assert "Flood: not healed: playbooks/pump.yml: " in ended.text
    assert "no outputs" in ended.text
    assert "Traceback" not in ended.text


def test_meanwhile_no_file_holds_the_environment_and_afterwards_nothing_is_left(engineer: Engineer) -> None:
    repository = make_repository(engineer.root, WAITS)

    with engineer.start("Flood", "--yes") as process:
        _await_file(repository.playbooks / "begun")
        folders = list(engineer.scratch.iterdir())
        readable = [path for path in engineer.root.parent.rglob("*") if path.is_file() and MARK in _read(path)]
        modes = [
            stat.S_IMODE(folder.stat().st_mode) for folder in folders if folder.name.startswith("faregate-runbook-")
        ]
        (repository.playbooks / "go").touch()
        assert process.stdout is not None
        assert "healed; 1 changed" in process.stdout.read()

    assert modes == [0o700]
    assert readable == []
    assert list(engineer.scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "tasks"),
    [
        (signal.SIGINT, WAITS),
        (signal.SIGTERM, WAITS),
        (signal.SIGHUP, WAITS),
        pytest.param(signal.SIGINT, WAITS.replace("INT", "INT TERM"), id="a module that does not let itself be ended"),
    ],
)
def test_an_interruption_ends_ansible_and_its_modules(engineer: Engineer, number: signal.Signals, tasks: str) -> None:
    repository = make_repository(engineer.root, tasks)

    with engineer.start("Flood", "--yes") as process:
        module = int(_await_file(repository.playbooks / "begun"))
        started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        assert process.stdout is not None
        text = process.stdout.read()
        assert process.wait() == 130
        left = [child for child in started if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
        (repository.playbooks / "go").touch()  # for what is left

    assert module in [child.pid for child in started]
    assert text.endswith("interrupted; run the same command again to go on\n")
    assert "Traceback" not in text
    assert left == []
    assert list(engineer.scratch.glob("faregate-*")) == []


def test_a_signal_that_is_ignored_ends_nothing(engineer: Engineer) -> None:
    repository = make_repository(engineer.root, WAITS)
    ignoring = {**engineer.variables, "IGNORED": str(int(signal.SIGHUP))}

    with Engineer(engineer.root, engineer.scratch, ignoring).start("Flood", "--yes") as process:
        _await_file(repository.playbooks / "begun")
        process.send_signal(signal.SIGHUP)
        (repository.playbooks / "go").touch()
        assert process.stdout is not None
        assert "healed; 1 changed" in process.stdout.read(), "as `nohup` wants it"


def test_one_that_is_killed_leaves_no_variable_behind(engineer: Engineer) -> None:
    repository = make_repository(engineer.root, WAITS)

    with engineer.start("Flood", "--yes") as process:
        _await_file(repository.playbooks / "begun")
        started = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        left = [path for path in engineer.root.parent.rglob("*") if path.is_file() and MARK in _read(path)]
        # What it left at work comes to its end.
        (repository.playbooks / "go").touch()
        psutil.wait_procs(started, timeout=PATIENCE_SECONDS)

    assert left == []


def _await_file(path: Path) -> str:
    """Wait for a file that a playbook writes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return path.read_text()


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:  # it went meanwhile
        return ""
