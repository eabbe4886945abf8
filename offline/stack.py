"""The stack `local` of an instance, through the Pulumi CLI: made, healed, brought up, read."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from contract.documents import read_outputs
from contract.outputs import Outputs
from offline.environment import REPOSITORY

STACK = "local"

Report = Callable[[str], None]


class PulumiFailed(Exception):
    """A Pulumi command failed; the text holds the command and what it printed."""


class StackBusy(Exception):
    """Another Pulumi command works on the stack right now."""


@dataclass(frozen=True)
class Lock:
    """A lock of Pulumi's state backend, as its file says."""

    path: Path
    pid: int
    hostname: str

    def is_stale(self) -> bool:
        """Say whether the command that took the lock is gone. Another machine's can't be judged from here."""
        if self.hostname != platform.node():
            return False
        try:
            return "pulumi" not in psutil.Process(self.pid).name()
        except psutil.NoSuchProcess:
            return True


class Stack:
    """One instance's stack. Every method can be called again after an interruption."""

    def __init__(self, state: Path, environment: Mapping[str, str]) -> None:
        self._state = state
        self._environment = dict(environment)

    def exists(self) -> bool:
        listed = json.loads(self._run("stack", "ls", "--json")) if self._state.exists() else []
        return any(stack["name"].split("/")[-1] == STACK for stack in listed)

    def make(self) -> None:
        """Make the stack if there is none. The checked-in `stacks/Pulumi.local.yaml` holds its salt and stays as it is."""
        self._state.mkdir(parents=True, exist_ok=True)
        if not self.exists():
            self._run("stack", "init", STACK)

    def unlock(self) -> bool:
        """Remove locks whose command is dead; return whether there were any.

        Raises:
            StackBusy: a lock's command is alive.
        """
        locks = list(self._locks())
        for lock in locks:
            if not lock.is_stale():
                raise StackBusy(
                    f"process {lock.pid} on {lock.hostname} works on stack {STACK}: wait for it, "
                    f"or end it and run this again"
                )
        if locks:
            self._run("cancel", "--yes", "--stack", STACK)
        return bool(locks)

    def pending_operations(self) -> list[str]:
        """Return the URNs of operations that an interrupted command began and never finished."""
        deployment = json.loads(self._run("stack", "export", "--stack", STACK)).get("deployment") or {}
        pending: list[dict[str, Any]] = deployment.get("pending_operations") or []
        return [operation["resource"]["urn"] for operation in pending]

    def clear_pending(self) -> None:
        """Drop pending creates from the state; what they may have made must be gone already."""
        self._run("refresh", "--yes", "--clear-pending-creates", "--skip-preview", "--stack", STACK)

    def up(self, report: Report) -> str:
        """Bring the stack up and return Pulumi's summary, like `+ 30 created`. The environment makes it refresh first."""
        output = self._run("up", "--yes", "--skip-preview", "--stack", STACK, report=report)
        return _summarize(output)

    def outputs(self) -> Outputs:
        """Return the environment's outputs.

        Raises:
            ContractError: they are not what the contract says.
        """
        return read_outputs(json.loads(self._run("stack", "output", "--json", "--stack", STACK)))

    def _locks(self) -> Iterator[Lock]:
        for path in self._state.glob(".pulumi/locks/**/*.json"):
            document = json.loads(path.read_text())
            yield Lock(path, document["pid"], document["hostname"])

    def _run(self, *arguments: str, report: Report | None = None) -> str:
        """Run a Pulumi command and return what it printed to standard output."""
        process = subprocess.Popen(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=REPOSITORY,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if report else subprocess.PIPE,
            text=True,
        )
        if process.stdout is None:
            raise AssertionError("standard output is a pipe")
        printed = []
        if report:
            for line in process.stdout:
                printed.append(line)
                if line.strip():
                    report(line.strip())
            errors = ""
        else:
            output, errors = process.communicate()
            printed.append(output)
        if process.wait() != 0:
            raise PulumiFailed(f"pulumi {' '.join(arguments)}\n{''.join(printed)}{errors}".rstrip())
        return "".join(printed)


def _summarize(output: str) -> str:
    """Return the counts under the last `Resources:` of what `pulumi up` printed."""
    counts = []
    for line in output.rpartition("Resources:")[2].splitlines()[1:]:
        if not line.strip():
            break
        counts.append(line.strip())
    return ", ".join(counts)
