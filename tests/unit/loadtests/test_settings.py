"""A run is told by variables, and a mistake in one is told by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.documents import read_catalog, read_slos
from contract.outputs import Outputs
from contract.problems import ContractError
from loadtests import settings
from loadtests.settings import RESULTS, read_settings
from tests.unit.outputs import OUTPUTS

KEY = {"OPENAI_API_KEY": "fg_demo"}


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the environments whose outputs were asked for."""
    asked: list[str] = []

    def ask_outputs(environment: str) -> Outputs:
        asked.append(environment)
        return Outputs.model_validate(OUTPUTS)

    monkeypatch.setattr(settings, "ask_outputs", ask_outputs)
    return asked


def refuse(variables: dict[str, str]) -> str:
    with pytest.raises(ContractError) as refused:
        read_settings(variables)
    return str(refused.value)


@pytest.mark.parametrize("empty", [{}, dict.fromkeys(("ENV", "MODEL", "SEED", "RESULTS"), "")])
def test_a_key_is_all_that_a_run_must_be_told(empty: dict[str, str], asked: list[str]) -> None:
    found = read_settings({**empty, **KEY})
    assert (found.key, found.seed, found.results) == ("fg_demo", 1, RESULTS)
    assert found.model == next(iter(read_catalog().models))
    assert (found.catalog, found.slos) == (read_catalog(), read_slos())
    assert found.outputs == Outputs.model_validate(OUTPUTS)
    assert asked == ["local"]


def test_every_variable_is_heard(asked: list[str]) -> None:
    found = read_settings({**KEY, "ENV": "prod", "SEED": "0", "MODEL": "smollm2-135m", "RESULTS": "elsewhere"})
    assert (found.seed, found.model, found.results) == (0, "smollm2-135m", Path("elsewhere"))
    assert asked == ["prod"]


@pytest.mark.parametrize("variables", [{}, {"OPENAI_API_KEY": ""}])
def test_a_run_without_a_key_is_refused(variables: dict[str, str], asked: list[str]) -> None:
    assert refuse(variables) == (
        "OPENAI_API_KEY: given nothing; allowed: the key of an account, which `source offline/activate` sets on this "
        "machine"
    )
    assert asked == []


@pytest.mark.parametrize(
    "seed", ["-1", "1.0", "one", " 1", "\N{ARABIC-INDIC DIGIT ONE}", "\N{SUPERSCRIPT TWO}", "1" * 19]
)
def test_a_seed_that_is_no_number_is_refused(seed: str) -> None:
    allowed = "an integer of at least 0, of 1 to 18 digits"
    assert refuse({**KEY, "SEED": seed}) == f"SEED: given {seed!r} (a string); allowed: {allowed}"


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    assert refuse({**KEY, "MODEL": "smollm2-135"}) == (
        "MODEL: given 'smollm2-135' (a string); allowed: one of smollm2-135m (did you mean smollm2-135m?)"
    )


def test_results_lie_beside_the_load_tests() -> None:
    assert Path(settings.__file__).parents[1] / "results" == RESULTS


def test_outputs_that_can_t_be_used_are_told_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("PATH", "")
    assert refuse({**KEY, "ENV": "prod"}).startswith("outputs of prod: pulumi: given nothing; allowed: ")
