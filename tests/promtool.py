"""promtool as Prometheus' image has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from offline import container_tools
from offline.environment import REPOSITORY
from offline.tools import prepare_container_environment

Completed = subprocess.CompletedProcess[str]

Promtool = Callable[..., Completed]
"""Runs promtool with arguments, in the repository or in another folder, which is all of the machine that it sees."""


def make_promtool() -> Promtool:
    """Return what runs promtool, once its image is there."""
    assert os.geteuid() == 0, "these tests start containers: run them as root"
    missing = container_tools.find_missing()
    assert not missing, f"these tests start containers: install {', '.join(missing)}, or run .ci/run, which does"
    container_tools.write_config()
    environment = {**prepare_container_environment(), "FAREGATE_PYTHON": sys.executable}
    build = [sys.executable, "-P", "-m", "services.images", "build", "prometheus"]
    subprocess.run(build, cwd=REPOSITORY, env=environment, check=True)

    def run(*arguments: str, folder: Path = REPOSITORY) -> Completed:
        command = [str(REPOSITORY / "offline" / "bin" / "promtool"), *arguments]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return run


def check_queries(promtool: Promtool, folder: Path, queries: Sequence[str]) -> Completed:
    """Have queries checked as what rules record, in a file of that folder."""
    rules = [{"record": f"asked:{number}", "expr": query} for number, query in enumerate(queries)]
    # JSON is YAML, too.
    (folder / "queries.yaml").write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    return promtool("check", "rules", "queries.yaml", folder=folder)
