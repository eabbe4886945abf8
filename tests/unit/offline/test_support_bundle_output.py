"""The end of what is long is kept in whole lines; of containers' environments there are names alone."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.support_bundle import output
from offline.support_bundle.containers import hide_variables
from offline.support_bundle.output import ToolSilent, ask, ask_for_end, keep_end

EVERYTHING = 10**9

PIECES = st.lists(st.text("ab", min_size=1, max_size=5), max_size=12)
LINES = st.lists(PIECES, max_size=8)


@given(LINES, st.booleans(), st.integers(1, 10))
def test_the_last_lines_are_kept_whatever_pieces_they_come_in(lines: list[list[str]], ended: bool, count: int) -> None:
    pieces = [piece for line in lines for piece in [*line[:-1], f"{line[-1] if line else ''}\n"]]
    if pieces and not ended:
        pieces[-1] = pieces[-1].removesuffix("\n")
    pieces = [piece for piece in pieces if piece]
    text = "".join(pieces)

    assert keep_end(pieces, count, EVERYTHING) == "".join(text.splitlines(keepends=True)[-count:])


@given(LINES, st.integers(1, 30))
def test_no_more_characters_are_kept_than_allowed_and_no_line_is_cut(lines: list[list[str]], characters: int) -> None:
    pieces = [piece for line in lines for piece in [*line, "\n"]]
    text = "".join(pieces)

    kept = keep_end(pieces, EVERYTHING, characters)

    assert len(kept) <= characters
    assert text.endswith(kept)
    assert kept == text or text[: len(text) - len(kept)].endswith("\n")


def test_of_a_line_that_never_ends_nothing_is_kept() -> None:
    assert keep_end(["a" * 10] * 10, 5, 50) == ""
    assert keep_end([*["a" * 10] * 10, "\n", "next\n"], 5, 50) == "next\n"


def test_a_long_log_is_read_without_being_held() -> None:
    script = "for number in range(300000): print('line', number)"
    assert ask_for_end([sys.executable, "-c", script], 2) == "line 299998\nline 299999\n"


def test_what_a_program_complains_of_is_in_its_log_and_why_it_failed_is_told() -> None:
    script = "import sys; print('said'); sys.stdout.flush(); print('complained', file=sys.stderr)"
    assert ask_for_end([sys.executable, "-c", script], 10) == "said\ncomplained\n"
    with pytest.raises(ToolSilent, match=r"(?s)failed:\nsaid\ncomplained"):
        ask_for_end([sys.executable, "-c", f"{script}; sys.exit(3)"], 10)
    with pytest.raises(ToolSilent, match=r"(?s)failed:\ncomplained"):
        ask([sys.executable, "-c", f"{script}; sys.exit(3)"])


@pytest.mark.parametrize("read", [ask, lambda command: ask_for_end(command, 1)])
def test_a_program_that_is_not_there_is_named(read: object) -> None:
    assert callable(read)
    with pytest.raises(ToolSilent, match="there is no nonexistent-tool"):
        read(["nonexistent-tool"])


@pytest.mark.parametrize("read", [ask, lambda command: ask_for_end(command, 1)])
def test_a_program_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, read: object) -> None:
    monkeypatch.setattr(output, "COMMAND_SECONDS", 0.1)
    assert callable(read)
    with pytest.raises(ToolSilent, match=r"did not end|failed"):
        read(["sleep", "100000"])


def test_variables_are_told_by_name_alone() -> None:
    said = [
        {
            "Config": {
                "Env": ["PLAIN=open-value", "A=b=c"],
                "CreateCommand": ["podman", "run", "--env", "X=1", "-e", "Y=2", "--env=Z=3", "--label", "a=b", "-d"],
            },
            "Labels": {"faregate.instance": "blue"},
        }
    ]
    assert hide_variables(said) == [
        {
            "Config": {
                "Env": ["A", "PLAIN"],
                "CreateCommand": ["podman", "run", "--env", "X", "-e", "Y", "--env=Z", "--label", "a=b", "-d"],
            },
            "Labels": {"faregate.instance": "blue"},
        }
    ]
