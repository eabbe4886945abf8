"""Programs that stand in for Postgres' own, and a user who is not root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.database.programs import Programs


class FakePrograms(Programs):
    """A folder of shell scripts."""

    def install(self, name: str, body: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path) -> FakePrograms:
    """Return programs of version 18 whose initdb makes a cluster and notes each call beside the volume."""
    folder = tmp_path / "programs"
    folder.mkdir()
    programs = FakePrograms(folder)
    programs.install("postgres", 'echo "postgres (PostgreSQL) 18.6"')
    programs.install(
        "initdb", f'echo called >> {tmp_path}/calls; mkdir "${{1#--pgdata=}}"; echo 18 > "${{1#--pgdata=}}/PG_VERSION"'
    )
    return programs


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """Return an empty volume."""
    folder = tmp_path / "volume"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def _no_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tests be run by anybody."""
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() or 999)
