"""The stack `local` of an instance, through the Pulumi CLI: made, healed, brought up, read."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from contract.documents import read_outputs
from contract.outputs import Outputs
from offline.environment import REPOSITORY
from offline.steps import Report

STACK = "local"


class PulumiFailed(Exception):
    """A Pulumi command failed; the text holds the command and what it printed."""


class StackBusy(Exception):
    """Another Pulumi command works on the stack right now."""


@dataclass(frozen=True)
class Lock:
    """A lock of Pulumi's state backend, as its file says."""

    pid: int
    hostname: str

    def is_stale(self) -> bool:
        """Say whether the command that took the lock is gone. Another machine's can't be judged from here."""
        if self.hostname != platform.node():
            return False
        try:
            process = psutil.Process(self.pid)
            # A process id is used again, above all after a reboot; and a container may never bury its dead.
            return "pulumi" not in process.name() or process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return False


class Stack:
    """One instance's stack. Every method can be called again after an interruption."""

    def __init__(self, state: Path, environment: Mapping[str, str]) -> None:
        self._state = state
        self._environment = dict(environment)

    def exists(self) -> bool:
        listed = self._read("stack", "ls", "--json") if self._state.exists() else []
        return any(stack["name"].split("/")[-1] == STACK for stack in listed)

    def make(self) -> None:
        """Make the stack if there is none. The checked-in stack file holds its salt already and stays as it is."""
        self._state.mkdir(parents=True, exist_ok=True)
        if not self.exists():
            self._run("stack", "init", STACK)

    def discard_damaged(self) -> bool:
        """Remove a state that is no JSON; return whether there was one. What it described must be gone, too.

        Pulumi's file backend writes the state in place: a command killed meanwhile leaves an empty or half a file, and
        every later command, `stack rm` too, ends with "failed to load checkpoint".

        Raises:
            StackBusy: a command that is alive works on the stack.
        """
        self._require_idle()
        damaged = [path for path in self._state.glob(f".pulumi/stacks/*/{STACK}.json") if not _is_json(path)]
        for path in damaged:
            path.unlink()
        return bool(damaged)

    def unlock(self) -> bool:
        """Remove locks whose command is dead; return whether there were any.

        Raises:
            StackBusy: a lock's command is alive.
        """
        locks = self._require_idle()
        if locks:
            self._run("cancel", "--yes", "--stack", STACK)
        return bool(locks)

    def pending_operations(self) -> list[str]:
        """Return the URNs of operations that an interrupted command began and never finished."""
        deployment = self._read("stack", "export", "--stack", STACK).get("deployment") or {}
        pending: list[dict[str, Any]] = deployment.get("pending_operations") or []
        return [operation["resource"]["urn"] for operation in pending]

    def clear_pending(self) -> None:
        """Drop pending creates from the state; what they may have made must be gone already."""
        self._run("refresh", "--yes", "--clear-pending-creates", "--skip-preview", "--stack", STACK)

    def up(self, report: Report) -> str:
        """Bring the stack up and return Pulumi's summary, like `+ 30 created`. The environment has it refresh first."""
        output = self._run("up", "--yes", "--skip-preview", "--stack", STACK, report=report)
        return _summarize(output)

    def outputs(self) -> Outputs:
        """Return the environment's outputs.

        Raises:
            ContractError: they are not what the contract says.
        """
        return read_outputs(self._read("stack", "output", "--json", "--stack", STACK))

    def _require_idle(self) -> list[Lock]:
        """Return the locks that dead commands left."""
        locks = list(self._locks())
        for lock in locks:
            if not lock.is_stale():
                raise StackBusy(
                    f"process {lock.pid} on {lock.hostname} works on stack {STACK}: wait for it, "
                    f"or end it and run this again"
                )
        return locks

    def _locks(self) -> Iterator[Lock]:
        for path in self._state.glob(".pulumi/locks/**/*.json"):
            if lock := _read_lock(path):
                yield lock

    def _read(self, *arguments: str) -> Any:
        """Run a Pulumi command that prints JSON and return that."""
        printed = self._run(*arguments)
        try:
            return json.loads(printed)
        except json.JSONDecodeError as error:
            raise PulumiFailed(f"pulumi {' '.join(arguments)} printed no JSON ({error})\n{printed}".rstrip()) from None

    def _run(self, *arguments: str, report: Report | None = None) -> str:
        """Run a Pulumi command and return what it printed to standard output; with `report` also line by line."""
        printed: list[str] = []
        with subprocess.Popen(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=REPOSITORY,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if report else subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        ) as process:
            if process.stdout is None:
                raise AssertionError("standard output is a pipe")
            try:
                if report:
                    for line in process.stdout:
                        printed.append(line)
                        if line.strip():
                            report(line.strip())
            finally:
                # After ^C too, which Pulumi got as well: it writes its state and gives its lock back before it ends.
                rest, errors = process.communicate()
        printed += [rest, errors or ""]
        if process.returncode != 0:
            raise PulumiFailed(f"pulumi {' '.join(arguments)}\n{''.join(printed)}".rstrip())
        return "".join(printed[:-1])


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


def _read_lock(path: Path) -> Lock | None:
    try:
        document = json.loads(path.read_text())
        return Lock(int(document["pid"]), str(document["hostname"]))
    except FileNotFoundError:
        return None  # its command ended just now
    except (ValueError, KeyError, TypeError):
        # Pulumi writes a lock whole, so half of one is what a power cut left. No process has the id 0.
        return Lock(0, platform.node())


def _summarize(output: str) -> str:
    """Return the counts under the last `Resources:` of what `pulumi up` printed; nothing where it printed none."""
    _, heading, rest = output.rpartition("Resources:")
    counts = []
    for line in rest.splitlines()[1:] if heading else []:
        if not line.strip():
            break
        counts.append(line.strip())
    return ", ".join(counts)
