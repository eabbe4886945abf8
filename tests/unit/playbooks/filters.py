"""Filters as Ansible loads them: a file by its path, which knows no package."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[3] / "playbooks" / "filters"


def load_filter(file: str, name: str) -> Any:
    """Return a filter of a file in `playbooks/filters`."""
    spec = importlib.util.spec_from_file_location(file, FOLDER / f"{file}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.FilterModule().filters()[name]
