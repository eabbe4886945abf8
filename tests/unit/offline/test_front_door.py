"""`make` lists what it can do and passes on what it is asked; the installer says what a machine lacks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from offline.command_line import COMMANDS
from offline.environment import REPOSITORY

MAKEFILE = (REPOSITORY / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE)

# By `offline/activate` and `.ci/run`, which need no make.
CALLED_BY_SCRIPTS = ("environment", "sweep")

ASKING = ("clean", "down", "runbook")
"""The commands that ask before they change what can't be brought back, or what serves."""

Completed = subprocess.CompletedProcess[str]


def make(*arguments: str, **variables: str) -> str:
    """Return what `make` prints; it must succeed."""
    # What an outer make, or the user's shell, has set is not what is tested.
    unset = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "ALERT", "ENV", "INSTANCE", "MINUTES", "PORT", "PURPOSE", "YES")
    ambient = {name: value for name, value in os.environ.items() if name not in unset}
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(
        command, cwd=REPOSITORY, env={**ambient, **variables}, capture_output=True, text=True, check=True
    ).stdout


def dry_run(*arguments: str, **variables: str) -> str:
    """Return the last command that `make` would run, as if the tools were installed."""
    return make("--dry-run", "--old-file=.venv/.ready", *arguments, **variables).splitlines()[-1]


@pytest.mark.parametrize("arguments", [["help"], []])
def test_help_lists_every_target_with_what_it_does(arguments: list[str]) -> None:
    listed = {words[1]: words[2:] for words in map(str.split, make(*arguments).splitlines()) if words[0] == "make"}
    assert sorted(listed) == sorted(TARGETS)
    assert all(listed.values()), "each has a comment"


def test_every_target_is_phony_so_that_a_file_of_its_name_does_not_hide_it() -> None:
    phony = {name for names in re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE) for name in names.split()}
    assert phony == set(TARGETS)


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in CALLED_BY_SCRIPTS])
def test_every_command_has_a_target_that_passes_on_environment_and_instance(command: str) -> None:
    asked = dry_run(command, "ENV=prod", "INSTANCE=blue")
    assert asked.startswith(f".venv/bin/python -P -m offline {command} --env 'prod' --instance 'blue'")
    assert f"offline {command} --env 'local' --instance 'local'" in dry_run(command)
    assert f"offline {command} --env 'local' --instance 'green'" in dry_run(command, INSTANCE="green")


def test_up_passes_on_the_port_and_that_nobody_asked_for_one() -> None:
    assert " --port '8081'" in dry_run("up", "PORT=8081")
    assert " --port ''" in dry_run("up")


def test_runbook_passes_on_the_alert_and_dashboard_how_far_back_it_looks() -> None:
    assert " --alert 'EngineDown'" in dry_run("runbook", "ALERT=EngineDown")
    assert " --alert ''" in dry_run("runbook")
    assert dry_run("dashboard", "MINUTES=5").endswith(" --minutes '5'")
    assert dry_run("dashboard").endswith(" --minutes '60'")


@pytest.mark.parametrize("command", ASKING)
def test_that_questions_are_answered_ahead_is_passed_on_only_where_it_was_said(command: str) -> None:
    assert dry_run(command, "YES=1").endswith(" --yes")
    assert "--yes" not in dry_run(command)
    assert "--yes" not in dry_run(command, "YES=")


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in (*ASKING, *CALLED_BY_SCRIPTS)])
def test_nothing_else_is_answered_ahead(command: str) -> None:
    assert "--yes" not in dry_run(command, "YES=1")


def test_up_passes_on_whose_the_instance_is() -> None:
    assert " --purpose 'user'" in dry_run("up")
    assert " --purpose 'test'" in dry_run("up", PURPOSE="test")


# ---- the installer


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the installer and its lists, and with the programs that it starts recorded in `calls`."""
    shutil.copytree(REPOSITORY / "requirements", tmp_path / "requirements")
    return tmp_path


def write_program(path: Path, body: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def write_python(clone: Path, *, tools: str = "") -> str:
    """Write an interpreter that is new enough and makes environments of programs that only record their calls."""
    return write_program(
        clone / "python",
        f"""
echo "python $*" >> calls
[ "$2" = venv ] || exit 0
mkdir -p .venv/bin
for name in python uv; do
    printf '#!/bin/sh\\necho "%s $*" >> calls\\n{tools}' $name > .venv/bin/$name
    chmod +x .venv/bin/$name
done""",
    )


def install(clone: Path, python: str) -> Completed:
    return subprocess.run(
        [clone / "requirements" / "install"],
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "PYTHON": python},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_installer_checks_every_package_against_its_hash_and_then_is_ready(clone: Path) -> None:
    ended = install(clone, write_python(clone))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert re.fullmatch(r"Installing \d{2,} Python packages into .venv \(.*\)\n", ended.stdout)
    calls = (clone / "calls").read_text().splitlines()
    assert calls[1] == "python -m venv --clear .venv"
    assert "--require-hashes --only-binary :all: -r requirements/uv.txt" in calls[2]
    assert calls[3].startswith("uv pip sync ")
    assert calls[3].endswith("--require-hashes requirements/lock.txt")
    assert calls[4].endswith("--no-deps --no-build-isolation --editable .")
    assert (clone / ".venv" / ".ready").exists()


def test_an_environment_that_works_is_kept_and_a_broken_one_is_made_anew(clone: Path) -> None:
    python = write_python(clone)
    install(clone, python)
    (clone / "calls").unlink()
    install(clone, python)
    assert "python -m venv --clear .venv" not in (clone / "calls").read_text().splitlines()
    write_program(clone / ".venv" / "bin" / "python", "exit 127")
    assert install(clone, python).returncode == 0
    assert "python -m venv --clear .venv" in (clone / "calls").read_text().splitlines()


def test_a_failed_installation_is_not_ready(clone: Path) -> None:
    ended = install(clone, write_python(clone, tools='case "$*" in *sync*) exit 7;; esac\\n'))
    assert ended.returncode == 7
    assert not (clone / ".venv" / ".ready").exists()


def test_a_python_that_is_too_old_is_named_with_what_to_install(clone: Path) -> None:
    python = write_program(clone / "old", '[ "$1" = --version ] && echo "Python 3.9.2"; exit 1')
    ended = install(clone, python)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        f"error: Python 3.11 or newer is needed, {python} is Python 3.9.2",
        "       install it (Debian 12: apt-get install python3 python3-venv) or name it: make PYTHON=...",
    ]
    assert not (clone / ".venv").exists()


def test_a_python_that_does_not_exist_is_named(clone: Path) -> None:
    ended = install(clone, "/nonexistent/python")
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: Python 3.11 or newer is needed, /nonexistent/python is ")


def test_a_python_without_its_module_for_environments_is_named_with_what_to_install(clone: Path) -> None:
    python = write_program(clone / "python", '[ "$2" = venv ] && exit 1; exit 0')
    ended = install(clone, python)
    assert ended.returncode == 1
    assert ended.stderr == f"error: {python} has no venv module (Debian 12: apt-get install python3-venv)\n"


def test_the_lists_of_packages_name_no_registry_and_hash_every_package() -> None:
    for name in ("lock.txt", "uv.txt"):
        text = (REPOSITORY / "requirements" / name).read_text()
        assert "://" not in text
        packages = re.split(r"\n(?=[a-z])", text.strip())
        assert packages
        assert [package.splitlines()[0] for package in packages if "--hash=sha256:" not in package] == []
