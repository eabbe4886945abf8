"""Playbooks through ansible-runner: the same ones that `ansible-playbook` runs, with their progress and results."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ansible_runner  # type: ignore[import-untyped]
import psutil

from runbooks.repository import Repository

_PATIENCE_SECONDS = 5
"""How long Ansible and its modules have to end once they are asked to."""
_MOST_LINES = 20
"""Lines that are told of what was printed where no task failed."""

Report = Callable[[str], None]


class PlaybookFailed(Exception):
    """A playbook failed; the text names the task and what it said."""


@dataclass
class Outcome:
    """What a playbook has done so far."""

    report: Report
    """Takes the name of each task as it starts."""
    report_change: Report
    """Takes the name of each task that changed something."""
    changed: int = 0
    """Tasks that changed something."""
    failures: list[str] = field(default_factory=list)
    _printed: list[str] = field(default_factory=list)

    def take(self, event: Mapping[str, Any]) -> bool:
        """Take an event of ansible-runner; return that it needs not be kept."""
        name, data = event["event"], event.get("event_data") or {}
        task, result = data.get("task", ""), data.get("res") or {}
        if name in ("playbook_on_task_start", "playbook_on_handler_task_start"):
            self.report(data["name"])
        elif name == "verbose":
            self._printed.append(event.get("stdout", "").strip())
        elif name == "runner_on_ok" and result.get("changed"):
            self.changed += 1
            self.report_change(task)
        elif name in ("runner_on_failed", "runner_on_unreachable") and not data.get("ignore_errors"):
            self.failures.append(f"{task}: {_describe(result)}")
        return False

    def describe_failure(self) -> str:
        """Return what went wrong: the tasks that failed, or what was printed where none did."""
        printed = [line for line in self._printed if line][-_MOST_LINES:]
        return "\n".join(self.failures or printed or ["failed without a word"])


def run_playbook(repository: Repository, name: str, environment: str, outcome: Outcome) -> None:
    """Run a playbook on an environment; `outcome` is told everything as it happens.

    Raises:
        PlaybookFailed: a task failed, or the playbook could not run.
    """
    variables = {
        "ANSIBLE_CONFIG": str(repository.ansible_settings),
        "ANSIBLE_NOCOLOR": "1",
        "ENV": environment,  # the inventory reads it
        # Ansible is where this Python is, also where no environment is active.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
    }
    with TemporaryDirectory(prefix="faregate-runbook-") as folder, _end_what_starts():
        runner = ansible_runner.run(
            private_data_dir=folder,
            project_dir=str(repository.playbooks),
            playbook=name,
            inventory=str(repository.inventory),
            envvars=variables,
            settings={"suppress_output_file": True},
            suppress_env_files=True,
            quiet=True,
            event_handler=outcome.take,
            status_handler=_remove_environment,
            cancel_callback=_never,  # else it takes ^C for itself, for good
        )
    if runner.rc != 0:
        raise PlaybookFailed(f"playbooks/{name}: {outcome.describe_failure()}")


def _never() -> bool:
    return False


def _remove_environment(status: Mapping[str, Any], runner_config: Any) -> None:
    """Remove the file that holds every variable of the environment: it is written just before the playbook runs."""
    if status["status"] == "running":
        Path(runner_config.artifact_dir, "command").unlink()


@contextmanager
def _end_what_starts() -> Iterator[None]:
    """End Ansible and all its modules where the run is interrupted: a terminal's ^C does not reach them."""
    before = psutil.Process().children()
    try:
        yield
    except BaseException:
        _end([process for process in psutil.Process().children() if process not in before])
        raise


def _end(processes: Collection[psutil.Process]) -> None:
    everything = [*processes, *(inner for process in processes for inner in process.children(recursive=True))]
    for process in processes:
        # Asked to end, Ansible ends each of its workers with the modules that they run.
        process.terminate()
    _, left = psutil.wait_procs(everything, timeout=_PATIENCE_SECONDS)
    for process in left:
        process.kill()


def _describe(result: Mapping[str, Any]) -> str:
    if result.get("censored"):
        return str(result["censored"])
    if failed := [item for item in result.get("results") or () if item.get("failed")]:
        return "\n".join(map(_describe, failed))  # what a loop says of itself is that something failed
    parts = [result.get("msg"), result.get("stderr")]
    return "\n".join(str(part).strip() for part in parts if part) or "failed without a word"
