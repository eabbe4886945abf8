"""SLOs are read exactly, and say how much may go wrong."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from contract.slo import Availability, Latency, Slos

Explain = Callable[[type[BaseModel], object], list[str]]

PERCENT = 'a percentage between 0 and 100 as a quoted decimal of at most 6 decimals such as "99.9"'


def test_slos_of_both_kinds_are_read(slos_data: dict[str, Any]) -> None:
    slos = Slos.model_validate(slos_data).slos
    assert slos["gateway-availability"].objective == Decimal("99.9")
    assert slos["gateway-availability"].indicator == Availability(kind="availability")
    assert slos["gateway-first-token"].indicator == Latency(
        kind="latency", quantity="first_token", threshold_ms=500, baseline_multiple=2.5
    )


def test_slos_survive_being_written_and_read(slos_data: dict[str, Any]) -> None:
    slos = Slos.model_validate(slos_data)
    assert Slos.model_validate(slos.model_dump(mode="json")) == slos
    assert '"objective":"99.9"' in slos.model_dump_json()


@pytest.mark.parametrize(
    ("objective", "budget"), [("99.9", "0.001"), ("99", "0.01"), ("99.999999", "0.00000001"), ("0.5", "0.995")]
)
def test_the_error_budget_is_exactly_what_the_objective_leaves(
    slos_data: dict[str, Any], objective: str, budget: str
) -> None:
    slos_data["slos"]["gateway-availability"]["objective"] = objective
    assert Slos.model_validate(slos_data).slos["gateway-availability"].error_budget == Decimal(budget)


def test_an_objective_may_be_given_as_a_decimal(slos_data: dict[str, Any]) -> None:
    slos_data["slos"]["gateway-availability"]["objective"] = Decimal("99.95")
    assert Slos.model_validate(slos_data).slos["gateway-availability"].objective == Decimal("99.95")


@pytest.mark.parametrize(
    ("objective", "given"),
    [
        (99.9, "99.9 (a float)"),
        (99, "99 (an integer)"),
        ("0", "'0' (a string)"),
        ("0.000", "'0.000' (a string)"),
        ("100", "'100' (a string)"),
        ("100.1", "'100.1' (a string)"),
        ("-1", "'-1' (a string)"),
        ("1e1", "'1e1' (a string)"),
        ("099", "'099' (a string)"),
        ("99.9999999", "'99.9999999' (a string)"),
        ("99.9\n", r"'99.9\n' (a string)"),
        (Decimal("1E+1"), "Decimal('1E+1') (Decimal)"),
    ],
)
def test_an_objective_is_a_quoted_percentage(
    slos_data: dict[str, Any], explain: Explain, objective: object, given: str
) -> None:
    slos_data["slos"]["gateway-availability"]["objective"] = objective
    assert explain(Slos, slos_data) == [f"doc: slos.gateway-availability.objective: given {given}; allowed: {PERCENT}"]


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("window_days", 0, "given 0 (an integer); allowed: an integer from 1 to 90"),
        ("window_days", 91, "given 91 (an integer); allowed: an integer from 1 to 90"),
        ("description", "", "given '' (a string); allowed: a text that is not blank"),
        (
            "service",
            "The Gateway",
            (
                "given 'The Gateway' (a string); allowed: a name of 1 to 40 lower-case letters, digits and inner "
                "hyphens that starts with a letter"
            ),
        ),
        ("title", 1, "given an unknown key; allowed: one of description, service, objective, window_days, indicator"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_by_its_field(
    slos_data: dict[str, Any], explain: Explain, key: str, value: object, problem: str
) -> None:
    slos_data["slos"]["gateway-first-token"][key] = value
    assert explain(Slos, slos_data) == [f"doc: slos.gateway-first-token.{key}: {problem}"]


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("kind", "freshness", "given 'freshness' (a string); allowed: one of availability, latency"),
        (
            "quantity",
            "last_token",
            "given 'last_token' (a string); allowed: one of first_token, per_output_token, whole_request",
        ),
        ("threshold_ms", 0, "given 0 (an integer); allowed: an integer of at least 1"),
        ("threshold_ms", 0.5, "given 0.5 (a float); allowed: an integer of at least 1"),
        ("baseline_multiple", 0.9, "given 0.9 (a float); allowed: a number of at least 1"),
        ("baseline_multiple", float("inf"), "given inf (a float); allowed: a number of at least 1"),
        ("baseline_multiple", "3", "given '3' (a string); allowed: a number of at least 1"),
        (
            "threshold",
            1,
            (
                "given an unknown key; allowed: one of kind, quantity, threshold_ms, baseline_multiple "
                "(did you mean threshold_ms?)"
            ),
        ),
    ],
)
def test_an_indicator_that_is_not_allowed_is_refused_by_its_field(
    slos_data: dict[str, Any], explain: Explain, key: str, value: object, problem: str
) -> None:
    slos_data["slos"]["gateway-first-token"]["indicator"][key] = value
    assert explain(Slos, slos_data) == [f"doc: slos.gateway-first-token.indicator.{key}: {problem}"]


def test_an_indicator_without_a_kind_is_refused(slos_data: dict[str, Any], explain: Explain) -> None:
    slos_data["slos"]["gateway-availability"]["indicator"] = {}
    assert explain(Slos, slos_data) == [
        "doc: slos.gateway-availability.indicator.kind: given nothing; allowed: one of availability, latency (required)"
    ]


def test_promising_nothing_is_refused(explain: Explain) -> None:
    assert explain(Slos, {"slos": {}}) == ["doc: slos: given {} (a mapping); allowed: a mapping of length at least 1"]
