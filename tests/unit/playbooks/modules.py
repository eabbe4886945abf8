"""Modules, each run in this process, which is much quicker than in one of its own; a script stands in for podman."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args  # type: ignore[import-untyped]

FOLDER = Path(__file__).parents[3] / "playbooks" / "library"


def load_module(name: str) -> ModuleType:
    """Return the code of a module of `playbooks/library`, which is in no package."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_module(name: str, arguments: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return what a module of `playbooks/library` answers, and all that it prints."""
    printed, complained = io.StringIO(), io.StringIO()
    with (
        patch_module_args(arguments),
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(complained),
        pytest.raises(SystemExit),
    ):
        load_module(name).main()
    said = printed.getvalue()
    return dict(json.loads(said.splitlines()[-1])), said + complained.getvalue()


def install_podman(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a script be the podman on PATH."""
    podman = folder / "podman"
    podman.write_text(script, encoding="utf-8")
    podman.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
