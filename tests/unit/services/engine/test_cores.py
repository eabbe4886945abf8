from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.engine.cores import choose_threads, count_usable_cores


@pytest.mark.parametrize(
    ("cpu_max", "cores"),
    [("max 100000\n", 8), ("200000 100000\n", 2), ("250000 100000\n", 2), ("50000 100000\n", 1), ("", 8)],
)
def test_a_container_s_limit_lowers_the_cores(
    cpu_max: str, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    (tmp_path / "cpu.max").write_text(cpu_max)

    assert count_usable_cores(tmp_path / "cpu.max") == cores


def test_without_control_groups_the_cores_that_the_process_may_run_on_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 3})

    assert count_usable_cores(tmp_path / "absent") == 3


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (16, 15)])
def test_a_core_is_left_to_everything_else(cores: int, threads: int) -> None:
    assert choose_threads(cores) == threads
