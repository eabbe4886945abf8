"""`make load` is Locust at the root of the repository, as a customer of one instance."""

from __future__ import annotations

from pathlib import Path

import pytest

from offline.environment import REPOSITORY
from offline.instance import find_home, make_instance
from tests.unit.offline.commands.conftest import Run
from tests.unit.offline.conftest import Machine

KEY = "fg_demo"  # what the stand-in of every instance says


def install_locust(machine: Machine, code: int = 0) -> None:
    """Put a `locust` on PATH that records where it runs, what it is told, and by which variables."""
    machine.install("locust", f'{{ pwd; echo "$0 $*"; env; }} > {machine.root}/loaded\nexit {code}')


def read_loaded(machine: Machine) -> tuple[Path, str, dict[str, str]]:
    """Return the folder, the command line and the variables of the `locust` that ran."""
    folder, command, *variables = (machine.root / "loaded").read_text().splitlines()
    return Path(folder), command, dict(line.split("=", 1) for line in variables if "=" in line)


def give_key() -> None:
    """Leave the key of account `demo`, as `make up` does."""
    path = find_home("blue").demo_key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(KEY)


def test_load_runs_locust_at_the_root_with_the_instance_s_variables(
    run: Run, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "somebody else's")
    monkeypatch.setenv("SHAPE", "ambient")
    made = make_instance("blue", "test")
    give_key()
    install_locust(machine)
    assert run("load", "--shape", "mixed") == (0, "", "")
    folder, _, variables = read_loaded(machine)
    assert folder == REPOSITORY
    assert variables["SHAPE"] == "mixed"
    assert variables["INSTANCE"] == "blue"
    assert variables["PULUMI_BACKEND_URL"] == f"file://{find_home('blue').state}"
    assert variables["AWS_ENDPOINT_URL"] == f"http://127.0.0.1:{made.ports.simulation}"
    assert variables["OPENAI_BASE_URL"] == f"http://127.0.0.1:{made.ports.gateway}/v1"


def test_the_customer_s_key_is_a_variable_and_never_an_argument(run: Run, machine: Machine) -> None:
    make_instance("blue", "test")
    give_key()
    install_locust(machine)
    run("load")
    _, command, variables = read_loaded(machine)
    assert variables["OPENAI_API_KEY"] == KEY
    assert command == f"{machine.programs}/locust "


def test_the_shape_is_smoke_unless_one_is_named(run: Run, machine: Machine) -> None:
    make_instance("blue", "test")
    install_locust(machine)
    run("load")
    assert read_loaded(machine)[2]["SHAPE"] == "smoke"


def test_no_key_of_somebody_else_s_pays_where_the_instance_has_none(
    run: Run, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "somebody else's")
    make_instance("blue", "test")
    install_locust(machine)
    run("load")
    assert "OPENAI_API_KEY" not in read_loaded(machine)[2]


@pytest.mark.parametrize("code", [0, 1, 2])
def test_load_ends_as_locust_ends(run: Run, machine: Machine, code: int) -> None:
    make_instance("blue", "test")
    install_locust(machine, code)
    assert run("load") == (code, "", "")
