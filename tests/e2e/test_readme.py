"""The README's commands, as a newcomer runs them: block by block, line by line, in a shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.readme import Command, list_blocks, read_python

from .conftest import Environment

RUN_ELSEWHERE = {
    "make up": "conftest.py",
    "make test": "CI, which calls this",
    "make load": "test_judging.py",
    "locust": "test_judging.py",
    "make runbook ALERT=EngineDown": "test_operating.py",
}


def compose_script(block: list[Command]) -> str:
    """Return a script that ends at the first line that fails, with its number."""
    lines = [command.text for command in block if " ".join(command.words) not in RUN_ELSEWHERE]
    return "\n".join(f"{{ {line.partition('  #')[0]}; }} || exit {10 + number}" for number, line in enumerate(lines))


BLOCKS = [script for script in map(compose_script, list_blocks()) if script]


@pytest.mark.parametrize("script", BLOCKS, ids=lambda script: script.splitlines()[-1].split(";")[0][2:])
def test_every_line_of_a_block_works(environment: Environment, tmp_path: Path, script: str) -> None:
    ended = environment.shell(script, check=False, RESULTS=str(tmp_path))

    assert ended.returncode == 0, f"{script}\n{ended.stdout}\n{ended.stderr}"


def test_the_python_prints_an_answer(environment: Environment) -> None:
    ended = environment.shell(f"python - <<'EOF'\n{read_python()}\nEOF")

    assert "red" in ended.stdout.lower()
