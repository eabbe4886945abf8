"""Plain `locust` at the root of the repository: what can't be judged is told before anybody asks anything."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.offline.conftest import find_closed_port
from tests.unit.outputs import OUTPUTS

REPOSITORY = Path(__file__).parents[3]
UNUSABLE = 2


def run_locust(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run it with nothing but these variables, and a `pulumi` that says the outputs of an instance that is gone."""
    port = find_closed_port()
    outputs = {**OUTPUTS, "billing_database": {**OUTPUTS["billing_database"], "port": port}}
    pulumi = folder / "pulumi"
    pulumi.write_text(f"#!/bin/sh\necho {shlex.quote(json.dumps(outputs))}\n")
    pulumi.chmod(0o755)
    return subprocess.run(
        [Path(sys.executable).parent / "locust"],
        env={
            "PATH": f"{folder}:{os.environ['PATH']}",
            "HOME": os.environ.get("HOME", str(folder)),
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "simulation",
            "AWS_SECRET_ACCESS_KEY": "simulation",
            "AWS_MAX_ATTEMPTS": "1",
            "RESULTS": str(folder / "results"),
            **variables,
        },
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        pytest.param({"SHAPE": "smok"}, "error: SHAPE: given 'smok' (a string); allowed: one of smoke", id="shape"),
        pytest.param(
            {"OPENAI_API_KEY": "fg_demo"},
            "error: the secret secret-reporter, which leads to the ledger: ",
            id="evidence",
        ),
    ],
)
def test_what_a_run_needs_and_has_not_is_a_sentence(tmp_path: Path, variables: dict[str, str], told: str) -> None:
    ended = run_locust(tmp_path, **variables)
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "fg_demo" not in ended.stdout + ended.stderr
    assert ended.returncode == UNUSABLE
    assert not (tmp_path / "results").exists()
