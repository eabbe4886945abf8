"""Prometheus' own tool reads every query of every page."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from offline import container_tools
from offline.environment import apply, for_containers
from runbooks.library import read_pages
from runbooks.page import Page, Query, Verify
from runbooks.repository import OURS

PROMTOOL = OURS.root / "offline" / "bin" / "promtool"


@pytest.fixture(scope="module")
def environment() -> Mapping[str, str]:
    assert os.geteuid() == 0, "these tests start containers: run them as root"
    container_tools.write_config()
    environment = apply({**for_containers(os.environ), "FAREGATE_PYTHON": sys.executable}, os.environ)
    environment["PATH"] = container_tools.extend_path(environment["PATH"])
    build = [sys.executable, "-P", "-m", "services.images", "build", "prometheus"]
    subprocess.run(build, cwd=OURS.root, env=environment, check=True)
    return environment


def check(folder: Path, expressions: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    rules = [{"record": f"page:step:{number}", "expr": text} for number, text in enumerate(expressions)]
    folder.chmod(0o755)  # promtool is not root
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "page", "rules": rules}]}))
    command = [str(PROMTOOL), "check", "rules", "rules.yaml"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def list_expressions(page: Page) -> list[str]:
    blocks = [block for section in page.sections for block in section.blocks]
    return [block.expr for block in blocks if isinstance(block, Query | Verify)]


def test_queries_of_pages_are_promql(tmp_path: Path, environment: Mapping[str, str]) -> None:
    expressions = [expression for page in read_pages(OURS).values() for expression in list_expressions(page)]

    checked = check(tmp_path, expressions, environment)

    assert expressions
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(expressions)} rules found" in checked.stdout


def test_a_query_that_is_none_is_found(tmp_path: Path, environment: Mapping[str, str]) -> None:
    assert check(tmp_path, ["up", "sum("], environment).returncode != 0
