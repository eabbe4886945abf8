"""The probe's verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.database import probe
from services.database.failures import Refused
from services.database.probe import check_server
from services.database.settings import Settings

from .conftest import FakePrograms

SETTINGS = Settings(folder=Path("/volume"), sockets=Path("/sockets"), address="127.0.0.1", port=6543)


def test_a_query_that_succeeds_on_the_local_socket_is_enough(programs: FakePrograms, tmp_path: Path) -> None:
    programs.install("psql", f'echo "$@" > {tmp_path}/arguments')

    check_server(programs, SETTINGS)

    arguments = (tmp_path / "arguments").read_text().strip()
    assert {"--host=/sockets", "--port=6543", "--username=postgres"} < set(arguments.split())
    assert arguments.endswith("--command=select 1")


def test_a_query_that_fails_is_told_in_one_line(programs: FakePrograms) -> None:
    programs.install("psql", 'printf "psql: error: no such file\\n\\tIs it running?\\n" >&2; exit 2')

    with pytest.raises(Refused, match=r"^psql: error: no such file Is it running\?$"):
        check_server(programs, SETTINGS)


def test_a_server_that_hangs_is_not_ready(programs: FakePrograms, monkeypatch: pytest.MonkeyPatch) -> None:
    programs.install("psql", "exec sleep 30")
    monkeypatch.setattr(probe, "ANSWER_SECONDS", 0.1)

    with pytest.raises(Refused, match="did not answer within"):
        check_server(programs, SETTINGS)
