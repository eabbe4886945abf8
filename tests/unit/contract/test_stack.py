"""Outputs are asked of Pulumi's CLI, and whatever it says instead is told in words."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract.outputs import Outputs
from contract.problems import ContractError
from contract.stack import ask_outputs

Install = Callable[[str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that puts a `pulumi` on PATH: some shell code. Until then there is none."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def install_pulumi(body: str) -> None:
        path = tmp_path / "pulumi"
        path.write_text(f'#!/bin/sh\necho "$*" >> {shlex.quote(str(tmp_path / "asked"))}\n{body}\n')
        path.chmod(0o755)

    return install_pulumi


def refuse(environment: str = "prod") -> str:
    with pytest.raises(ContractError) as refused:
        ask_outputs(environment)
    return str(refused.value)


def test_outputs_are_what_pulumi_says_of_the_environment_s_stack(
    install: Install, outputs_data: dict[str, Any], tmp_path: Path
) -> None:
    install(f"echo {shlex.quote(json.dumps(outputs_data))}; echo a warning >&2")
    assert ask_outputs("prod") == Outputs.model_validate(outputs_data)
    assert (tmp_path / "asked").read_text() == "stack output --json --stack prod\n"


@pytest.mark.usefixtures("install")
def test_without_a_cli_that_is_said() -> None:
    assert refuse() == (
        "outputs of prod: pulumi: given nothing; allowed: the CLI on PATH: is `source offline/activate` active? "
        "(No such file or directory)"
    )


def test_a_cli_that_may_not_be_run_is_told(install: Install, tmp_path: Path) -> None:
    install("true")
    [pulumi] = tmp_path.rglob("pulumi")
    pulumi.write_text("no program")
    assert "outputs of prod: pulumi: given nothing; allowed: the CLI on PATH" in refuse()


def test_what_pulumi_complains_about_is_passed_on(install: Install) -> None:
    install("echo '{}'; echo 'error: no stack named prod' >&2; exit 255")
    assert refuse() == (
        "outputs of prod: given no answer of `pulumi stack output --json --stack prod`; allowed: a stack that is up: "
        "is `source offline/activate` active? error: no stack named prod"
    )


@pytest.mark.parametrize("printed", ["", "hello", "[]", "null", "1"])
def test_an_answer_that_is_no_object_is_told(install: Install, printed: str) -> None:
    install(f"printf %s {shlex.quote(printed)}")
    assert refuse() == f"outputs of prod: given {printed!r} (a string); allowed: a JSON object"


def test_every_output_that_can_t_be_used_is_told(install: Install, outputs_data: dict[str, Any]) -> None:
    del outputs_data["gateway_url"]
    install(f"echo {shlex.quote(json.dumps({**outputs_data, 'account': 1, 'surprise': 'x'}))}")
    told = refuse().splitlines()
    assert [line.split(": given ")[0] for line in sorted(told)] == [
        "outputs of prod: account",
        "outputs of prod: gateway_url",
        "outputs of prod: surprise",
    ]


def test_a_stack_without_outputs_is_told_by_what_it_lacks(install: Install) -> None:
    install("echo '{}'")
    assert "outputs of prod: environment: given nothing; allowed: " in refuse()
