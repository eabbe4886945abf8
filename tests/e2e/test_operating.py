"""An engine dies under load: the alert fires, its runbook heals, and nobody pays for what did not come."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .conftest import REPOSITORY, Completed, Environment
from .verdicts import LATENCY, read_verdict

MODEL = "smollm2-135m"
ENGINE = f"engine-{MODEL}-1"
PATIENCE_SECONDS = 180
"""The alert waits for a minute before it fires."""


def test_an_engine_killed_under_load_is_healed_by_the_runbook_of_the_alert_that_fires(
    environment: Environment, tmp_path: Path
) -> None:
    address = environment.find_address(ENGINE)
    before = environment.containers()

    # It dies amid a run: the others serve, and every request is accounted for.
    with _load(environment, tmp_path / "killed") as run:
        environment.kill(ENGINE)
        _finish(run)
    verdict = read_verdict(tmp_path / "killed")
    failed = {check["name"] for check in verdict["checks"] if not check["passed"]}
    ended_by_the_service = [request for request in verdict["apart"] if request["outcome"] != "left"]
    assert failed - {LATENCY} == ({"errors"} if ended_by_the_service else set())
    for request in ended_by_the_service:
        if request["outcome"] == "cut":
            assert request["client"] == request["engine"] == request["ledger"], "all that it sent came, and is paid"
    [totals] = [check for check in verdict["checks"] if check["name"] == "the engines' own totals"]
    assert f"lost with what they did last: {address}:8000" in totals["found"]

    # Somebody is called, and told what to run.
    _await_firing(environment, {"EngineDown"})
    status = environment.make("status", check=False).stdout
    assert "EngineDown fires: `make runbook ALERT=EngineDown`" in status

    # Nobody is there to answer, so nothing is changed.
    refused = environment.make("runbook", "ALERT=EngineDown", check=False)
    assert refused.returncode != 0
    assert "YES=1" in refused.stdout + refused.stderr
    assert {part: found.id for part, found in environment.containers().items()} == {
        part: found.id for part, found in before.items()
    }

    # With an answer it heals, while customers are served by what is left.
    with _load(environment, tmp_path / "healed") as run:
        healed = environment.make("runbook", "ALERT=EngineDown", "YES=1")
        _finish(run)
    assert "EngineDown: healed" in healed.stdout
    after = environment.containers()
    assert {part for part in before if after[part].id != before[part].id} == {ENGINE}
    _await_firing(environment, set(), among={"EngineDown"})
    environment.make("status")
    verdict = read_verdict(tmp_path / "healed")
    assert {check["name"] for check in verdict["checks"] if not check["passed"]} <= {LATENCY}
    assert {request["outcome"] for request in verdict["apart"]} <= {"left"}


def test_an_alert_without_a_page_is_refused_with_those_that_have_one(environment: Environment) -> None:
    refused = environment.make("runbook", "ALERT=EnginDown", "YES=1", check=False)

    assert refused.returncode != 0
    assert "'EnginDown'" in refused.stderr
    assert "did you mean EngineDown?" in refused.stderr


@contextmanager
def _load(environment: Environment, results: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a load test, and begin once its customers have been served for a while."""
    command = ["make", "load", f"INSTANCE={environment.name}", f"RESULTS={results}"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        next(line for line in run.stdout if line.startswith("10 of 30 s"))
        yield run


def _finish(run: subprocess.Popen[str]) -> None:
    assert run.stdout
    assert "verdict: " in run.stdout.read()


def _await_firing(environment: Environment, wanted: set[str], among: set[str] | None = None) -> None:
    """Wait until exactly these alerts fire, of those that are meant."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    meant = among or wanted
    while (firing := set(_list_firing(environment)) & meant) != wanted and time.monotonic() < deadline:
        time.sleep(1)
    assert firing == wanted


def _list_firing(environment: Environment) -> list[Any]:
    """Ask as an on-call engineer does."""
    asked: Completed = environment.shell(
        'amtool alert query --output json --alertmanager.url "$(pulumi stack output alerts_url -s local)"'
    )
    return [alert["labels"]["alertname"] for alert in json.loads(asked.stdout)]
