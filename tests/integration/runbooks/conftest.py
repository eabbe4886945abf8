"""A repository of a test's own, a Prometheus that answers as told, and a Pulumi that knows the outputs."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.unit.outputs import OUTPUTS
from tests.unit.runbooks import fake_prometheus
from tests.unit.runbooks.fake_prometheus import run_prometheus

from .engineer import Engineer

MARKS = {"FAREGATE_MARK": "value-of-a-variable-that-nobody-may-read"}
"""A variable of the environment, to be looked for; PATH ends with its value, too."""


@pytest.fixture
def prometheus() -> Iterator[fake_prometheus.Prometheus]:
    with run_prometheus() as fake:
        yield fake


@pytest.fixture
def variables(tmp_path: Path, prometheus: fake_prometheus.Prometheus) -> Mapping[str, str]:
    """Return the environment of an engineer's shell."""
    programs = tmp_path / "programs"
    programs.mkdir()
    outputs = json.dumps({**OUTPUTS, "metrics_url": prometheus.url})
    pulumi = programs / "pulumi"
    pulumi.write_text(f'#!/bin/sh\necho "$*" >> {programs}/asked\nprintf %s {shlex.quote(outputs)}\n')
    pulumi.chmod(0o755)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    inherited = {name: text for name, text in os.environ.items() if name not in ("ENV", "COLUMNS")}
    # Ansible's own home, too, is the test's.
    home = {"ANSIBLE_HOME": str(tmp_path / "ansible"), "TMPDIR": str(scratch), "TERM": "xterm"}
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"], *MARKS.values()])
    return {**inherited, **MARKS, **home, "PATH": path}


@pytest.fixture
def engineer(tmp_path: Path, variables: Mapping[str, str]) -> Engineer:
    return Engineer(tmp_path / "repository", tmp_path / "scratch", variables)
