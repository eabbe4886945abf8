"""A cluster is made once, as a whole, and only where nothing else lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.database.cluster import ensure_cluster
from services.database.failures import Refused

from .conftest import FakePrograms


@pytest.fixture
def lock() -> int:
    """Return a file descriptor that a child can be given."""
    return 0


def test_an_empty_volume_gets_a_cluster(programs: FakePrograms, volume: Path, lock: int) -> None:
    assert ensure_cluster(programs, volume, lock) == volume / "cluster"

    assert [path.name for path in volume.iterdir()] == ["cluster"]


def test_a_volume_with_nothing_but_its_lock_and_lost_files_counts_as_empty(
    programs: FakePrograms, volume: Path, lock: int
) -> None:
    (volume / "lock").touch()
    (volume / "lost+found").mkdir()

    assert ensure_cluster(programs, volume, lock).is_dir()


def test_a_cluster_that_is_there_is_not_made_again(programs: FakePrograms, volume: Path, lock: int) -> None:
    ensure_cluster(programs, volume, lock)
    (volume / "cluster" / "row").touch()

    ensure_cluster(programs, volume, lock)

    assert (volume / "cluster" / "row").exists()
    assert (volume.parent / "calls").read_text() == "called\n"


def test_what_an_interrupted_initialisation_left_is_made_again(programs: FakePrograms, volume: Path, lock: int) -> None:
    (volume / "cluster.unfinished").mkdir()
    (volume / "cluster.unfinished" / "half").touch()

    cluster = ensure_cluster(programs, volume, lock)

    assert [path.name for path in volume.iterdir()] == ["cluster"]
    assert [path.name for path in cluster.iterdir()] == ["PG_VERSION"]


def test_an_initialisation_that_fails_is_told_in_one_line_and_leaves_no_cluster(
    programs: FakePrograms, volume: Path, lock: int
) -> None:
    programs.install("initdb", 'echo "initdb: error: no space" >&2; echo "hint: make some" >&2; exit 1')

    with pytest.raises(Refused, match=r"^initdb failed: initdb: error: no space hint: make some$"):
        ensure_cluster(programs, volume, lock)
    assert not (volume / "cluster").exists()


def test_an_empty_folder_in_the_cluster_s_place_is_refused(programs: FakePrograms, volume: Path, lock: int) -> None:
    (volume / "cluster").mkdir()

    with pytest.raises(Refused, match="is no cluster"):
        ensure_cluster(programs, volume, lock)
    assert not (volume.parent / "calls").exists()


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("nowhere")])
def test_a_file_in_the_cluster_s_place_is_refused(
    programs: FakePrograms, volume: Path, lock: int, make: type[Path]
) -> None:
    make(volume / "cluster")

    with pytest.raises(Refused, match="is no cluster"):
        ensure_cluster(programs, volume, lock)


def test_a_volume_that_holds_something_else_is_refused_by_name(programs: FakePrograms, volume: Path, lock: int) -> None:
    (volume / "PG_VERSION").write_text("18\n")
    (volume / "base").mkdir()

    with pytest.raises(Refused, match="has no folder cluster but holds PG_VERSION, base; a new cluster needs an empty"):
        ensure_cluster(programs, volume, lock)
    assert not (volume.parent / "calls").exists()


def test_root_is_refused(programs: FakePrograms, volume: Path, lock: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    with pytest.raises(Refused, match="refuses to run as root"):
        ensure_cluster(programs, volume, lock)


def test_programs_that_do_not_run_are_told(programs: FakePrograms, volume: Path, lock: int) -> None:
    ensure_cluster(programs, volume, lock)
    programs.install("postgres", "echo 'libpq.so: cannot open' >&2; exit 127")

    with pytest.raises(Refused, match=r"postgres does not run: libpq\.so: cannot open"):
        ensure_cluster(programs, volume, lock)
