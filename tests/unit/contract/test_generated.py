"""A folder of generated files is made current, and what is not is named."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from contract.generated import find_stale, main, write

FILES = {"one.yaml": "one: 1\n", "two.json": '{"größe": 2}\n'}


def run(folder: Path, arguments: Sequence[str]) -> int:
    return main(arguments, program="python -m x", description="Writes x.", folder=folder, render=lambda: FILES)


def test_writing_makes_the_folder_current_and_checking_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "generated"
    assert run(folder, []) == 0
    assert capsys.readouterr().out == "wrote: one.yaml\nwrote: two.json\n"
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == FILES
    assert run(folder, ["--check"]) == 0
    assert run(folder, []) == 0
    assert capsys.readouterr().out == ""


def test_checking_names_what_is_stale_and_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {**FILES, "three.yaml": ""})
    (tmp_path / "one.yaml").write_text("one: 2\n")
    (tmp_path / "two.json").unlink()
    (tmp_path / "old.yaml").write_bytes(b"\xff")
    assert run(tmp_path, ["--check"]) == 1
    assert capsys.readouterr().out == "stale: old.yaml\nstale: one.yaml\nstale: three.yaml\nstale: two.json\n"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "old.yaml": b"\xff",
        "one.yaml": b"one: 2\n",
        "three.yaml": b"",
    }


def test_checking_a_folder_that_is_not_there_names_every_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "generated", ["--check"]) == 1
    assert capsys.readouterr().out == "stale: one.yaml\nstale: two.json\n"
    assert list(tmp_path.iterdir()) == []


def test_writing_heals_what_is_stale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, FILES)
    (tmp_path / "one.yaml").write_text("one: 2\n")
    (tmp_path / "old.yaml").write_text("")
    assert run(tmp_path, []) == 0
    assert capsys.readouterr().out == "removed: old.yaml\nwrote: one.yaml\n"
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == FILES


def test_hidden_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".one.yaml.swp").write_text("an editor's")
    write(tmp_path, FILES)
    assert find_stale(tmp_path, FILES) == []
    assert (tmp_path / ".one.yaml.swp").exists()
