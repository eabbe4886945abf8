"""Playbooks run through ansible-runner; its events are told as progress, and what failed as sentences."""

from __future__ import annotations

import json
import os
import shlex
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from offline.environment import REPOSITORY
from offline.instance import Home, find_home, make_instance
from offline.playbook import Outcome, PlaybookFailed, run_playbook
from tests.unit.offline.conftest import Machine

pytestmark = pytest.mark.usefixtures("machine")

CENSORED = "the output has been hidden due to the fact that 'no_log: true' was specified for this result"


def no_report(_line: str) -> None:
    """Take a line of progress and show it nobody."""


@pytest.fixture
def home() -> Home:
    make_instance("blue", "test")
    return find_home("blue")


def task(name: str) -> dict[str, Any]:
    return {"event": "playbook_on_task_start", "stdout": f"\r\nTASK [{name}] ***", "event_data": {"name": name}}


def ok(**result: Any) -> dict[str, Any]:
    return {"event": "runner_on_ok", "stdout": "ok: [local]", "event_data": {"task": "x", "res": result}}


def failed(*, ignore: object = None, event: str = "runner_on_failed", **result: Any) -> dict[str, Any]:
    return {"event": event, "stdout": "fatal: [local]", "event_data": {"ignore_errors": ignore, "res": result}}


def verbose(text: str) -> dict[str, Any]:
    return {"event": "verbose", "stdout": text, "event_data": {}}


def install(
    machine: Machine, *lines: Mapping[str, Any] | str, code: int = 0, before: str = ":", after: str = ":"
) -> None:
    """Put an ansible-runner on PATH that prints events and text, and ends with this code."""
    printed = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    machine.install("ansible-runner", f"{before}\nprintf %s {shlex.quote(printed)}\n{after}\nexit {code}")


def run(home: Home) -> Outcome:
    return run_playbook("site.yml", home, os.environ, no_report)


def fail(home: Home) -> str:
    with pytest.raises(PlaybookFailed) as caught:
        run(home)
    return str(caught.value)


# ---- what is run


def test_the_repositorys_playbook_is_run_with_its_inventory(machine: Machine, home: Home) -> None:
    seen = machine.root / "seen"
    install(machine, before=f'echo "$*" > {seen}; cat >> {seen}')
    run_playbook("status.yml", home, os.environ, no_report)
    folder = REPOSITORY / "playbooks"
    assert seen.read_text().split() == [
        *("run", f"{home.runner}/{os.getpid()}", "--playbook", "status.yml", "--project-dir", str(folder)),
        *("--inventory", str(folder / "inventories" / "environment.py"), "--json"),
    ], "and it gets no input"
    assert (folder / "inventories" / "environment.py").exists()
    assert (folder / "status.yml").exists()


def test_it_sees_the_given_environment_and_the_repositorys_settings(
    machine: Machine, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "prod")
    seen = machine.root / "seen"
    install(machine, before=f"env > {seen}")
    run_playbook("site.yml", home, {"PATH": f"{machine.programs}:/usr/bin:/bin", "INSTANCE": "blue"}, no_report)
    lines = seen.read_text().splitlines()
    assert {
        f"PATH={machine.programs}:/usr/bin:/bin",
        "INSTANCE=blue",
        f"ANSIBLE_CONFIG={REPOSITORY}/ansible.cfg",
        "ANSIBLE_NOCOLOR=1",
    } <= set(lines)
    assert not any(line.startswith("AWS_PROFILE=") for line in lines)
    assert (REPOSITORY / "ansible.cfg").exists()


def test_the_program_is_that_of_the_given_environment(
    machine: Machine, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(machine, ok(changed=True))
    monkeypatch.setenv("PATH", "/nonexistent")
    assert run_playbook("site.yml", home, {"PATH": str(machine.programs)}, no_report).changed == 1


# ---- what it did


def test_every_task_is_told_as_it_starts(machine: Machine, home: Home) -> None:
    told = machine.root / "told"
    # It goes on when the first one was told, or at last without that.
    install(
        machine,
        task("First"),
        after=f"n=0; until [ -e {told} ] || [ $n = 1000 ]; do sleep 0.01; n=$((n+1)); done\n"
        f"printf '%s\\n' {shlex.quote(json.dumps(task('images : Build')))}; [ $n -lt 1000 ] || exit 1",
    )
    lines: list[str] = []

    def report(line: str) -> None:
        lines.append(line)
        told.touch()

    run_playbook("site.yml", home, os.environ, report)
    assert lines == ["First", "images : Build"]


def test_tasks_that_changed_something_are_counted_and_every_result_is_returned(machine: Machine, home: Home) -> None:
    results: list[dict[str, Any]] = [
        {"changed": True, "msg": "made"},
        {"changed": False, "ready": ["a"]},
        {},
        {"changed": True},
    ]
    items = {"event": "runner_item_on_ok", "event_data": {"res": {"changed": True}}}
    stats = {"event": "playbook_on_stats", "event_data": {"changed": {"local": 9}}}
    install(machine, {"event": "playbook_on_start"}, *(ok(**result) for result in results), items, stats)
    outcome = run(home)
    assert outcome.changed == 2
    assert outcome.results == results


@pytest.mark.parametrize(
    "line",
    [
        {"event": "runner_on_ok", "event_data": {}},
        {"event": "runner_on_ok", "event_data": {"res": None}},
        {"event": "runner_on_ok", "event_data": None},
        {"event": "runner_on_skipped", "event_data": {"res": {"changed": False}}},
        {"event": "playbook_on_start", "event_data": None},
        {"event": "verbose"},
        {"no": "event"},
        *("", "[WARNING]: something", "3", "null", "[]", '"text"', "{"),
    ],
)
def test_what_says_nothing_is_no_change_and_no_traceback(
    machine: Machine, home: Home, line: Mapping[str, Any] | str
) -> None:
    install(machine, line)
    assert run(home).changed == 0


def test_text_that_is_not_utf_8_is_no_traceback(machine: Machine, home: Home) -> None:
    machine.install("ansible-runner", "printf '\\377\\n'")
    assert run(home).changed == 0


# ---- what failed


def test_a_failed_task_is_told_by_its_name_and_its_message(machine: Machine, home: Home) -> None:
    install(
        machine, task("Fine"), ok(), task("workload : Run"), failed(msg=" no port\n"), verbose("PLAY RECAP"), code=2
    )
    assert fail(home) == "playbooks/site.yml: workload : Run: no port"


def test_what_a_command_complained_about_is_told_too(machine: Machine, home: Home) -> None:
    result: dict[str, Any] = {"msg": "non-zero return code", "stderr": "no such image\n", "stdout": "much"}
    install(machine, task("Run"), failed(ignore=False, **result), code=2)
    assert fail(home) == "playbooks/site.yml: Run: non-zero return code\nno such image"


def test_of_a_loop_the_items_that_failed_are_told(machine: Machine, home: Home) -> None:
    results = [
        {"failed": False, "msg": "fine"},
        {"failed": True, "msg": "first", "stderr": "why"},
        {"failed": True, "censored": CENSORED, "msg": "secret"},
    ]
    install(machine, task("Run"), failed(msg="One or more items failed", results=results), code=2)
    assert fail(home) == f"playbooks/site.yml: Run: first\nwhy\n{CENSORED}"


def test_what_must_not_be_logged_is_not(machine: Machine, home: Home) -> None:
    install(machine, task("Set the password"), failed(censored=CENSORED, msg="secret", stderr="secret"), code=2)
    assert fail(home) == f"playbooks/site.yml: Set the password: {CENSORED}"


def test_a_task_that_fails_without_a_word_is_named(machine: Machine, home: Home) -> None:
    install(machine, task("Run"), failed(), code=2)
    assert fail(home) == "playbooks/site.yml: Run: failed without a word"


def test_a_host_that_is_not_reached_is_told(machine: Machine, home: Home) -> None:
    install(machine, task("Run"), failed(event="runner_on_unreachable", msg="no Python"), code=4)
    assert fail(home) == "playbooks/site.yml: Run: no Python"


def test_every_failure_is_told_but_for_those_that_are_ignored(machine: Machine, home: Home) -> None:
    lines = [task("A"), failed(msg="one"), task("B"), failed(ignore=True, msg="two"), task("C"), failed(msg="three")]
    install(machine, *lines, code=2)
    assert fail(home) == "playbooks/site.yml: A: one\nC: three"


def test_a_failure_that_the_playbook_rescued_is_none(machine: Machine, home: Home) -> None:
    install(machine, task("A"), failed(msg="one", changed=True), task("B"), ok(changed=True))
    assert run(home).changed == 1


def test_an_inventory_that_cannot_be_read_is_told_as_ansible_does(machine: Machine, home: Home) -> None:
    texts = ["Failed to parse inventory with 'script' plugin.\r", "\r", "outputs: region: given nothing\r"]
    install(machine, *texts, verbose("[ERROR]: Completely failed to parse\r"), code=1)
    assert fail(home).splitlines() == [
        "playbooks/site.yml: Failed to parse inventory with 'script' plugin.",
        "outputs: region: given nothing",
        "[ERROR]: Completely failed to parse",
    ]


def test_of_much_text_the_end_is_told(machine: Machine, home: Home) -> None:
    install(machine, *(f"line {n}\n" for n in range(50)), code=1)
    assert fail(home).splitlines()[0] == "playbooks/site.yml: line 30"
    assert fail(home).splitlines()[-1] == "line 49"


def test_what_goes_to_standard_error_is_told(machine: Machine, home: Home) -> None:
    install(machine, before="echo broken >&2", code=1)
    assert fail(home) == "playbooks/site.yml: broken"


def test_an_end_without_a_word_is_told(machine: Machine, home: Home) -> None:
    install(machine, before="kill -9 $$")
    assert fail(home) == "playbooks/site.yml: failed without a word"


# ---- the folder, which holds the whole environment


def list_folders(home: Home) -> list[str]:
    return [path.name for path in home.runner.iterdir()]


def test_the_folder_is_nobody_elses_and_goes_with_the_playbook(machine: Machine, home: Home) -> None:
    seen = machine.root / "seen"
    install(machine, before=f'stat -c %a "$2" "$2/.." > {seen}; echo secret > "$2/env"')
    run(home)
    assert seen.read_text().split() == ["700", "700"]
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    assert list_folders(home) == []


def test_the_folder_of_a_playbook_that_failed_goes_too(machine: Machine, home: Home) -> None:
    install(machine, before='echo secret > "$2/env"', code=2)
    fail(home)
    assert list_folders(home) == []


def test_without_an_ansible_runner_no_folder_is_left(machine: Machine, home: Home) -> None:
    with pytest.raises(FileNotFoundError, match="ansible-runner"):
        run_playbook("site.yml", home, {"PATH": str(machine.programs)}, no_report)
    assert list_folders(home) == []


@pytest.fixture
def dead_process() -> int:
    """The id of a process that ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


def test_what_a_killed_command_left_goes_before_the_next_playbook(
    machine: Machine, home: Home, dead_process: int
) -> None:
    for name in (str(dead_process), str(os.getpid())):
        (home.runner / name).mkdir(parents=True)
        (home.runner / name / "env").write_text("secret")
    seen = machine.root / "seen"
    install(machine, before=f'ls "$2/.." "$2" > {seen}')
    run(home)
    assert "env" not in seen.read_text()
    assert str(dead_process) not in seen.read_text()
    assert list_folders(home) == []


def test_a_playbook_that_another_command_runs_keeps_its_folder(machine: Machine, home: Home) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as other:
        (home.runner / str(other.pid)).mkdir(parents=True)
        install(machine)
        run(home)
        assert list_folders(home) == [str(other.pid)], "`make status` while `make up` works"


# ---- interrupted

# Whoever started the tests may ignore ^C, as `nohup` does.
INTERRUPTED = """
import os
import signal
from offline.instance import find_home
from offline.playbook import run_playbook

signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    run_playbook("site.yml", find_home("blue"), os.environ, print)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_an_interruption_ends_ansible_before_it_goes_on(machine: Machine, home: Home) -> None:
    ended = machine.root / "ended"
    # A terminal's ^C is for every process of the group, and would end a runner without what it runs.
    install(
        machine,
        task("First"),
        before=f"trap 'exit 9' INT; trap 'sleep 0.5; : > {ended}; exit 254' TERM",
        after="n=0; while [ $n -lt 1000 ]; do sleep 0.01; n=$((n+1)); done",
    )
    with subprocess.Popen(
        [sys.executable, "-P", "-u", "-c", INTERRUPTED], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "First\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout.read() == "interrupted\n"
        assert ended.exists()
    assert list_folders(home) == []


def test_the_playbooks_that_commands_run_exist() -> None:
    assert {"site.yml", "status.yml"} <= {path.name for path in Path(REPOSITORY / "playbooks").iterdir()}
