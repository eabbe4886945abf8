"""Prometheus takes the rules, and they say what they should of made-up series: quiet, firing, resolved."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dashboards.generated import GENERATED
from offline.environment import REPOSITORY
from tests.promtool import Promtool

HERE = Path(__file__).parent
CASES = sorted(path.name for path in HERE.glob("*.yaml"))


def test_prometheus_takes_the_rules(promtool: Promtool) -> None:
    checked = promtool("check", "rules", "rules.yaml", folder=GENERATED)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "rules found" in checked.stdout


@pytest.mark.parametrize("name", CASES)
def test_rules_say_what_they_should(promtool: Promtool, name: str) -> None:
    tested = promtool("test", "rules", str((HERE / name).relative_to(REPOSITORY)))

    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_rules_that_say_something_else_are_found(promtool: Promtool, tmp_path: Path) -> None:
    case = tmp_path / HERE.relative_to(REPOSITORY) / "engine_down.yaml"
    rules = tmp_path / GENERATED.relative_to(REPOSITORY) / "rules.yaml"
    for path in (case, rules):
        path.parent.mkdir(parents=True)
    shutil.copy(HERE / case.name, case)
    text = (GENERATED / rules.name).read_text()
    rules.write_text(text.replace("for: 1m\n", "for: 2m\n"))
    assert rules.read_text() != text

    tested = promtool("test", "rules", str(case.relative_to(tmp_path)), folder=tmp_path)

    assert tested.returncode != 0
    assert "alertname: EngineDown, time: 2m5s" in tested.stdout + tested.stderr
