"""The command line: what is listed, what is refused, and the exit code."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from runbooks.command_line import main
from tests.unit.outputs import OUTPUTS

from .fake_prometheus import Prometheus, run_prometheus, sample
from .scene import make_repository, write_page


@pytest.fixture
def prometheus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Prometheus]:
    """Make a Pulumi that knows the outputs, and a Prometheus as they say."""
    with run_prometheus() as fake:
        outputs = json.dumps({**OUTPUTS, "metrics_url": fake.url})
        pulumi = tmp_path / "pulumi"
        pulumi.write_text(f'#!/bin/sh\necho "$*" > {tmp_path}/asked\nprintf %s {shlex.quote(outputs)}\n')
        pulumi.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.delenv("ENV", raising=False)
        yield fake


def run(tmp_path: Path, *arguments: str, **pages: str) -> int:
    return main(list(arguments), make_repository(tmp_path / "repository", **pages))


def test_pages_are_listed_with_their_first_sentences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    storm = write_page("Storm", meaning="There is [red] wind. Really.\n")
    assert run(tmp_path, "--list", Flood=write_page("Flood"), Storm=storm) == 0
    rows = [line.strip("│ ").split("│") for line in capsys.readouterr().out.splitlines()[1:-1]]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["Flood", "There is water."],
        ["Storm", "There is [red] wind."],
    ]


@pytest.mark.usefixtures("prometheus")
def test_a_verified_page_ends_with_zero(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "Flood", Flood=write_page(mitigation="")) == 0
    assert capsys.readouterr().out.endswith("\nFlood: healed; nothing was changed\n")


def test_one_that_is_not_ends_with_one(tmp_path: Path, prometheus: Prometheus) -> None:
    prometheus.answers["water > 1"] = [[sample()]]
    assert run(tmp_path, "Flood", Flood=write_page(mitigation="")) == 1


@pytest.mark.parametrize(
    ("arguments", "variable", "environment"),
    [([], None, "local"), ([], "", "local"), ([], "dev", "dev"), (["--env", "prod"], "dev", "prod")],
)
@pytest.mark.usefixtures("prometheus")
def test_the_environment_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], variable: str | None, environment: str
) -> None:
    if variable is not None:
        monkeypatch.setenv("ENV", variable)
    assert run(tmp_path, "Flood", *arguments, Flood=write_page(mitigation="")) == 0
    assert (tmp_path / "asked").read_text() == f"stack output --json --stack {environment}\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["Flod"], "error: ALERT: given 'Flod' (a string); allowed: one of Flood (did you mean Flood?)\n"),
        ([], "error: ALERT: given nothing; allowed: one of Flood\n"),
        ([""], "error: ALERT: given nothing; allowed: one of Flood\n"),
    ],
)
def test_an_alert_without_a_page_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], prometheus: Prometheus, arguments: list[str], told: str
) -> None:
    assert run(tmp_path, *arguments) == 1
    assert capsys.readouterr().err == told
    assert prometheus.asked == []


def test_pages_mistakes_come_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "Flood", Flood=write_page(), Storm=write_page("Strom")) == 1
    assert capsys.readouterr().err.startswith("error: runbooks/pages/Storm.md: line 1: given `# Strom`")


def test_an_environment_that_is_not_up_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(tmp_path, "Flood", "--env", "prod") == 1
    assert capsys.readouterr().err.startswith("error: outputs of prod: pulumi: given nothing; allowed: the CLI on PATH")


def test_an_unknown_option_ends_with_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--yse"])
    assert caught.value.code == 1
    assert "error: unrecognized arguments: --yse" in capsys.readouterr().err
