from __future__ import annotations

import pytest

from services.engine.words import complain, count_megabytes, say


def test_a_step_is_a_line_and_a_failure_a_line_for_each_reason(capsys: pytest.CaptureFixture[str]) -> None:
    say("step")
    complain("one\ntwo")

    assert capsys.readouterr() == ("engine: step\n", "engine: one\nengine: two\n")


@pytest.mark.parametrize(("size", "text"), [(98362432, "98 MB"), (1_000_000, "1 MB"), (400_000, "0.4 MB")])
def test_bytes_are_told_as_people_read_them(size: int, text: str) -> None:
    assert count_megabytes(size) == text
