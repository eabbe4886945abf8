"""Every command that the README shows is parsed by what it calls; tests/e2e/test_readme.py runs what can be run."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping

import pytest
import yaml

from dashboards.page import __main__ as dashboard_page
from offline import command_line as offline_commands
from offline.container_names import name_container
from runbooks import command_line as runbook_command
from services.billing import command_line as billing_commands
from tests.readme import PROGRAMS, README, Command, list_blocks, list_kinds, list_named, read_python

ROOT = README.parent
MAKEFILE = (ROOT / "Makefile").read_text()

PARSERS: Mapping[str, Callable[[list[str]], object]] = {
    "dashboards.page": lambda arguments: dashboard_page._read_order(arguments, {}),
    "offline": offline_commands._parse,
    "runbooks": runbook_command._parse,
    "services.billing": billing_commands._parse,
}

STANDS_FOR = {"REQUEST_ID": "4b639bb6-0efa-4e70-ad61-52c328f05980"}
"""The words that a reader replaces."""

BLOCKS = list_blocks()
IN_BLOCKS = [command for block in BLOCKS for command in block]
SHOWN = [*IN_BLOCKS, *list_named()]


def of(program: str) -> list[str]:
    return sorted({command.text for command in SHOWN if command.words[0] == program})


def test_every_block_says_what_it_holds_and_every_line_of_a_shell_s_is_a_command() -> None:
    assert list_kinds() == {"sh", "python", "text"}
    assert len(IN_BLOCKS) > 20
    assert [command.text for command in IN_BLOCKS if command.words[0] not in PROGRAMS] == []


@pytest.mark.parametrize("text", of("make"))
def test_make_knows_target_and_variables_and_what_it_runs_knows_its_arguments(text: str) -> None:
    given = Command(text).words[1:]
    names = {word.partition("=")[0] for word in given if "=" in word}
    assert names <= set(re.findall(r"^([A-Z]+) \?=", MAKEFILE, re.MULTILINE))

    ended = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "--old-file=.venv/.ready", *given],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    for line in filter(None, (match.group(1) for match in re.finditer(r"-m offline (.*)", ended.stdout))):
        parse("offline", shlex.split(line))


@pytest.mark.parametrize("text", of("python"))
def test_our_own_programs_know_their_arguments(text: str) -> None:
    _, option, module, *arguments = Command(text).words
    assert option == "-m"
    parse(module, [STANDS_FOR.get(argument, argument) for argument in arguments])


@pytest.mark.parametrize("text", sorted({command.text for command in list_named()}))
def test_what_a_sentence_names_is_a_command_of_ours_or_the_beginning_of_one_that_is_run(text: str) -> None:
    words = Command(text).words
    if words[0] in ("make", "python"):
        return
    if words[:2] == ["podman", "kill"]:
        assert words[2:] in [[name_container("local", f"{workload}-1")] for workload in list_workloads()]
        return
    assert any(command.words[: len(words)] == words for command in IN_BLOCKS)


def list_workloads() -> list[str]:
    document = yaml.safe_load((ROOT / "playbooks" / "workloads.yml").read_text())
    return [workload["name"] for workload in document["workloads"]]


def test_the_python_is_python() -> None:
    assert "OpenAI()" in ast.unparse(ast.parse(read_python()))


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("services.billing", ["accounts", "open", "acme"]),
        ("runbooks", ["EngineDown", "--force"]),
        ("dashboards.page", ["--hours", "1"]),
        ("offline", ["upp"]),
    ],
)
def test_a_command_that_is_wrong_would_be_found(module: str, arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        parse(module, arguments)


def parse(module: str, arguments: list[str]) -> None:
    PARSERS[module](arguments)
