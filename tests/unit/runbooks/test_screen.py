"""What a run shows is text as it is, numbered, with times; tables say nothing where there is nothing."""

from __future__ import annotations

import io
import math
import re

import pytest
from rich.console import Console

from runbooks.prometheus import Sample
from runbooks.screen import MOST_ROWS, Screen, write_value


def make_screen(total: int = 2) -> tuple[Screen, io.StringIO]:
    file = io.StringIO()
    return Screen(Console(file=file, width=120), total), file


def test_a_step_is_shown_with_its_number_its_outcome_and_its_time() -> None:
    screen, file = make_screen()
    with screen.step("Water [red]") as progress:
        progress.outcome = "3 rows"
    with screen.step("Dry"):
        pass
    first, second = file.getvalue().splitlines()
    assert re.fullmatch(r"\[1/2\] Water \[red\] +3 rows +\d+\.\d s", first)
    assert re.fullmatch(r"\[2/2\] Dry +done +\d+\.\d s", second)


def test_a_step_that_raises_is_shown_as_failed() -> None:
    screen, file = make_screen()
    with pytest.raises(KeyError), screen.step("Water"):
        raise KeyError
    assert re.fullmatch(r"\[1/2\] Water +failed +\d+\.\d s\n", file.getvalue())


def test_progress_elsewhere_than_in_a_terminal_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, file = make_screen()
    with screen.step("Water") as progress:
        progress.report("one")
        assert file.getvalue() == "", "a log is not flooded"
        monkeypatch.setattr(progress, "QUIET_SECONDS", 0)
        progress.report("[two]")
        assert file.getvalue() == "      [two]\n"


def test_samples_are_a_table_of_all_labels_but_the_name() -> None:
    screen, file = make_screen()
    screen.show_samples([Sample({"__name__": "water", "pool": "[a]"}, 1), Sample({"side": "left"}, 0.12345)])
    lines = [re.split(r"\s*[│┃|]\s*", line.strip(" │┃|")) for line in file.getvalue().splitlines() if "─" not in line]
    cells = [line for line in lines if len(line) > 1 and "━" not in line[0]]
    assert cells == [["pool", "side", "value"], ["[a]", "", "1"], ["left", "0.1235"]]
    assert "water" not in file.getvalue()


def test_columns_choose_labels_and_their_order() -> None:
    screen, file = make_screen()
    screen.show_samples([Sample({"__name__": "water", "a": "1st", "b": "2nd"}, 7)], ["b", "__name__", "none"])
    assert re.search(r"b\W+metric\W+none\W+value", file.getvalue())
    assert re.search(r"2nd\W+water\W+7", file.getvalue())
    assert "1st" not in file.getvalue()


def test_no_sample_is_said() -> None:
    screen, file = make_screen()
    screen.show_samples([])
    assert file.getvalue() == "nothing\n"


def test_of_many_samples_those_left_out_are_counted() -> None:
    screen, file = make_screen()
    screen.show_samples([Sample({"n": f"row{n}."}, n) for n in range(MOST_ROWS + 5)])
    assert file.getvalue().endswith("5 more\n")
    assert f"row{MOST_ROWS - 1}." in file.getvalue()
    assert f"row{MOST_ROWS}." not in file.getvalue()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1234567, "1234567"), (-2, "-2"), (0.00012345, "0.0001234"), (1e18, "1e+18"), (1 / 3, "0.3333")],
)
def test_values_are_written_as_people_read_them(value: float, text: str) -> None:
    assert write_value(float(value)) == text


def test_values_that_are_no_numbers_are_written() -> None:
    assert [write_value(value) for value in (math.nan, math.inf, -math.inf)] == ["nan", "inf", "-inf"]
