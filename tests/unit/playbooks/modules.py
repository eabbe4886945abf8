"""Modules as Ansible runs them, where a script stands in for podman."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[3] / "playbooks" / "library"


def run_module(name: str, arguments: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return what a module of `playbooks/library` answers, and all that it prints."""
    ended = subprocess.run(
        [sys.executable, FOLDER / f"{name}.py"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout, ended.stderr
    return dict(json.loads(ended.stdout.splitlines()[-1])), ended.stdout + ended.stderr


def install_podman(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a script be the podman on PATH."""
    podman = folder / "podman"
    podman.write_text(script, encoding="utf-8")
    podman.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
