"""A real `ansible-playbook` on one role, in the repository's own configuration."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[3]
PATIENCE_SECONDS = 240
"""Longest wait for what takes five seconds: a loaded machine must not fail a test."""


@dataclass(frozen=True)
class Ended:
    """What a run came to."""

    code: int
    printed: str
    """Everything on both streams, with its lines joined by spaces, as it was not wrapped for a screen."""

    @property
    def changed(self) -> int:
        """How many tasks changed something; every task must have succeeded."""
        assert self.code == 0, self.printed
        return int(re.findall(r"changed=(\d+)", self.printed)[-1])


@dataclass(frozen=True)
class Play:
    """A play with a folder of its own, on this machine."""

    folder: Path
    plays: list[dict[str, Any]]
    variables: Mapping[str, Any]
    environment: Mapping[str, str]

    def run(self, *arguments: str, **variables: Any) -> Ended:
        """Run it with other variables than its own where they are given; one that is None is not set."""
        playbook = self.folder / "playbook.yml"
        playbook.write_text(json.dumps(self.plays))
        inventory = self._write_inventory(variables)
        program = Path(sys.executable).with_name("ansible-playbook")
        ended = subprocess.run(
            [program, "-i", inventory, playbook, *arguments],
            cwd=self.folder,
            env=self._make_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        return Ended(ended.returncode, " ".join(ended.stdout.split()))

    def refuse(self, *changes: Mapping[str, Any]) -> list[str]:
        """Run the only role in one play once with each of these changes, every one of which must be refused.

        Returns:
            All that was printed of each.
        """
        ((role,),) = (play["roles"] for play in self.plays)
        tasks: list[dict[str, Any]] = [
            {
                "block": [
                    {"include_role": {"name": role}, "vars": _leave_out_none({**self.variables, **change})},
                    {"set_fact": {"accepted": number}},
                ],
                "rescue": [{"debug": {"msg": f"refusal {number} is over"}}],
            }
            for number, change in enumerate(changes)
        ]
        plays = [
            {"hosts": "all", "gather_facts": False, "tasks": [*tasks, {"assert": {"that": "accepted is undefined"}}]}
        ]
        ended = replace(self, plays=plays, variables={}).run()
        assert ended.code == 0, ended.printed
        parts = re.split(r"refusal \d+ is over", ended.printed)
        assert len(parts) == len(changes) + 1, ended.printed
        return parts[:-1]

    def _write_inventory(self, variables: Mapping[str, Any]) -> Path:
        """Write a program that says what `playbooks/inventories/environment.py` says of an environment."""
        given = _leave_out_none({**self.variables, **variables})
        host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, **given}
        said = json.dumps({"all": {"hosts": ["test"]}, "_meta": {"hostvars": {"test": host}}})
        (self.folder / "inventory.json").write_text(said)
        inventory = self.folder / "inventory"
        inventory.write_text('#!/bin/sh\ncat "$(dirname "$0")/inventory.json"\n')
        inventory.chmod(0o755)
        return inventory

    def _make_environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
            "ANSIBLE_PIPELINING": "1",
            "PYTHONPATH": str(REPOSITORY),
            **self.environment,
        }


def _leave_out_none(variables: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in variables.items() if value is not None}


def use_role(
    name: str, folder: Path, variables: Mapping[str, Any], environment: Mapping[str, str] | None = None
) -> Play:
    """Return a play that consists of one role."""
    return Play(folder, [{"hosts": "all", "gather_facts": False, "roles": [name]}], variables, environment or {})
