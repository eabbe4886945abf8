from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.variables import Variables


def read(**environment: str) -> Variables:
    return Variables("X_", {f"X_{name}": value for name, value in environment.items()})


def test_values_are_read_as_they_are_written() -> None:
    variables = read(TEXT="abc", NUMBER="0042", ADDRESS="::1")

    assert variables.text("TEXT", "[a-c]+", "letters") == "abc"
    assert variables.integer("NUMBER", 1, 100) == 42
    assert variables.address("ADDRESS", "127.0.0.1") == "::1"
    assert variables.list_problems() == []


def test_defaults_stand_where_nothing_is_given() -> None:
    variables = read()

    assert variables.text("TEXT", "[a-c]+", "letters", "cab") == "cab"
    assert variables.integer("NUMBER", 1, 100, 7) == 7
    assert variables.address("ADDRESS", "127.0.0.1") == "127.0.0.1"
    assert variables.list_problems() == []


def test_all_that_is_wrong_is_said_at_once_in_the_order_in_which_it_was_read() -> None:
    variables = read(TEXT="abd", NUMBER="101", ADDRESS="localhost", NUMBR="1")
    variables.text("TEXT", "[a-c]+", "letters")
    variables.integer("NUMBER", 1, 100)
    variables.address("ADDRESS", "127.0.0.1")
    variables.text("MISSING", "[a-c]+", "letters")

    assert variables.list_problems() == [
        "X_TEXT: given 'abd'; allowed: letters",
        "X_NUMBER: given '101'; allowed: an integer from 1 to 100",
        "X_ADDRESS: given 'localhost'; allowed: an IP address",
        "X_MISSING: given nothing; allowed: letters (required)",
        "X_NUMBR: no such variable; did you mean X_NUMBER?",
    ]


def test_variables_of_others_are_not_misspelt() -> None:
    variables = Variables("X_", {"X_SERVICE_HOST": "10.0.0.1", "Y_NUMBR": "1"})
    variables.integer("NUMBER", 1, 100, 7)

    assert variables.list_problems() == []


@pytest.mark.parametrize("text", ["", " 1", "1_0", "+1", "1.0", "٣", "9" * 19])
def test_a_number_is_digits(text: str) -> None:
    variables = read(NUMBER=text)

    assert variables.integer("NUMBER", 0, 100) == 0
    assert len(variables.list_problems()) == 1


@given(st.text(max_size=40))
def test_any_text_is_taken_or_refused_in_one_line(text: str) -> None:
    variables = Variables("X_", {"X_TEXT": text})
    taken = variables.text("TEXT", r"[a-z]*", "small letters")
    problems = variables.list_problems()

    assert (taken, problems) == (text, []) or (taken == "" and len(problems) == 1 and "\n" not in problems[0])
