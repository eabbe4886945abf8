"""What a user sees of an exception in the program."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from offline.language.program import _user_traceback


def fail_in(program: Path, kind: type[Exception]) -> Exception:
    with pytest.raises(kind) as raised:
        runpy.run_path(str(program), run_name="__main__")
    return raised.value


def test_a_traceback_begins_at_the_first_frame_of_the_user_s_program(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("import json\njson.loads('{')\n")

    lines = _user_traceback(fail_in(tmp_path, json.JSONDecodeError), tmp_path).splitlines()

    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == f'  File "{tmp_path}/__main__.py", line 2, in <module>'
    # What the program called is shown, library or not.
    assert any("json/decoder.py" in line for line in lines)
    assert lines[-1].startswith("json.decoder.JSONDecodeError: ")
    assert "runpy" not in "\n".join(lines)


def test_an_exception_of_our_own_is_shown_whole(tmp_path: Path) -> None:
    try:
        raise ValueError("before the program began")
    except ValueError as error:
        shown = _user_traceback(error, tmp_path / "elsewhere")

    assert Path(__file__).name in shown
    assert shown.endswith("ValueError: before the program began\n")


def test_the_program_s_text_is_shown_with_a_syntax_error(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("settings = (\n")

    shown = _user_traceback(fail_in(tmp_path, SyntaxError), tmp_path)

    assert "settings = (" in shown
    assert "SyntaxError: '(' was never closed" in shown
