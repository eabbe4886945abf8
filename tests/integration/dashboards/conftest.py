"""promtool as Prometheus' image has it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from offline import container_tools
from offline.environment import REPOSITORY, apply, for_containers

Completed = subprocess.CompletedProcess[str]

Promtool = Callable[..., Completed]
"""Runs promtool with arguments, in the repository or in another folder, which is all of the machine that it sees."""


@pytest.fixture(scope="session")
def promtool() -> Promtool:
    assert os.geteuid() == 0, "these tests start containers: run them as root"
    missing = container_tools.find_missing()
    assert not missing, f"these tests start containers: install {', '.join(missing)}, or run .ci/run, which does"
    container_tools.write_config()
    environment = apply({**for_containers(os.environ), "FAREGATE_PYTHON": sys.executable}, os.environ)
    environment["PATH"] = container_tools.extend_path(environment["PATH"])
    build = [sys.executable, "-P", "-m", "services.images", "build", "prometheus"]
    subprocess.run(build, cwd=REPOSITORY, env=environment, check=True)

    def run(*arguments: str, folder: Path = REPOSITORY) -> Completed:
        command = [str(REPOSITORY / "offline" / "bin" / "promtool"), *arguments]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return run
