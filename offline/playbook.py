"""Playbooks through ansible-runner: the same ones that `ansible-playbook` runs, with their progress and results."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from offline.environment import REPOSITORY
from offline.instance import Home
from offline.steps import Report

FOLDER = REPOSITORY / "playbooks"


class PlaybookFailed(Exception):
    """A playbook failed; the text names the task and what it said."""


@dataclass
class Outcome:
    """What a playbook did."""

    changed: int = 0
    """Tasks that changed something."""
    results: list[dict[str, Any]] = field(default_factory=list)
    """What each task returned."""
    _task: str = ""
    _failures: list[str] = field(default_factory=list)
    _printed: list[str] = field(default_factory=list)

    def take(self, line: str, report: Report) -> None:
        """Take one line that ansible-runner printed: an event as JSON, or what Ansible says outside of any."""
        try:
            event = json.loads(line)
            name, data = event["event"], event.get("event_data") or {}
        except (ValueError, KeyError, TypeError):
            self._printed.append(line)
            return
        if name == "verbose":
            self._printed.append(event.get("stdout", ""))
        elif name == "playbook_on_task_start":
            self._task = data["name"]
            report(self._task)
        elif name in ("runner_on_ok", "runner_on_failed", "runner_on_unreachable"):
            result = data.get("res") or {}
            if name == "runner_on_ok":
                self.results.append(result)
                self.changed += bool(result.get("changed"))
            elif not data.get("ignore_errors"):
                self._failures.append(f"{self._task}: {_describe(result)}")

    def describe_failure(self) -> str:
        """Return what went wrong: the tasks that failed, or what was printed where none did."""
        printed = [line for line in self._printed if line.strip()][-20:]
        return "\n".join(self._failures or printed or ["failed without a word"])


def run_playbook(name: str, home: Home, environment: Mapping[str, str], report: Report) -> Outcome:
    """Run a playbook of this repository on an instance.

    Raises:
        PlaybookFailed: a task failed, or the playbook could not run.
    """
    options = ["--project-dir", str(FOLDER), "--inventory", str(FOLDER / "inventories" / "environment.py"), "--json"]
    settings = {"ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    outcome = Outcome()
    with (
        _make_folder(home) as folder,
        subprocess.Popen(
            ["ansible-runner", "run", str(folder), "--playbook", name, *options],
            env={**environment, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        ) as process,
    ):
        if process.stdout is None:
            raise AssertionError("standard output is a pipe")
        try:
            for line in process.stdout:
                outcome.take(line.rstrip(), report)
        except BaseException:
            # ^C is kept from it: it would end and leave Ansible at work. Asked to end, it ends Ansible and all modules.
            process.terminate()
            process.communicate()
            raise
    if process.returncode != 0:
        raise PlaybookFailed(f"playbooks/{name}: {outcome.describe_failure()}")
    return outcome


@contextmanager
def _make_folder(home: Home) -> Iterator[Path]:
    """Give ansible-runner a folder of this process's own: `make status` may run a playbook while `make up` does.

    The whole environment of the command is written into it, so it goes with the playbook; what a killed command left
    goes before the next one.
    """
    home.runner.mkdir(mode=0o700, exist_ok=True)
    folder = home.runner / str(os.getpid())
    for left in home.runner.iterdir():
        if left == folder or not psutil.pid_exists(int(left.name)):
            shutil.rmtree(left, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _describe(result: Mapping[str, Any]) -> str:
    if result.get("censored"):
        return str(result["censored"])
    if failed := [item for item in result.get("results") or () if item.get("failed")]:
        return "\n".join(map(_describe, failed))  # what a loop says of itself is that something failed
    parts = [result.get("msg"), result.get("stderr")]
    return "\n".join(str(part).strip() for part in parts if part) or "failed without a word"
