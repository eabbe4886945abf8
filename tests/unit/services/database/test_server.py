"""What the process becomes, and when it must not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.database.failures import Refused
from services.database.server import become_server
from services.database.settings import Settings

from .conftest import FakePrograms


@pytest.fixture
def settings(volume: Path, tmp_path: Path) -> Settings:
    return Settings(folder=volume, sockets=tmp_path / "sockets", address="127.0.0.1", port=6543)


@pytest.fixture(autouse=True)
def executed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, list[str], dict[str, str]]]:
    """Return the calls that would have replaced this process."""
    calls: list[tuple[Path, list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda *call: calls.append(call))
    monkeypatch.setattr(os, "geteuid", os.getuid)
    return calls


def test_the_server_gets_this_package_s_files_and_the_container_s_addresses(
    programs: FakePrograms,
    settings: Settings,
    volume: Path,
    executed: list[tuple[Path, list[str], dict[str, str]]],
) -> None:
    become_server(programs, settings, volume / "cluster")

    [(program, arguments, _)] = executed
    options = dict(word.split("=", 1) for word in arguments if "=" in word)
    assert program == programs.postgres
    assert arguments[:3] == [str(programs.postgres), "-D", str(volume / "cluster")]
    assert options["listen_addresses"] == "127.0.0.1"
    assert options["port"] == "6543"
    assert options["unix_socket_directories"] == str(settings.sockets)
    assert Path(options["config_file"]).is_file()
    assert Path(options["hba_file"]).is_file()


def test_variables_of_postgres_do_not_reach_it(
    programs: FakePrograms,
    settings: Settings,
    volume: Path,
    executed: list[tuple[Path, list[str], dict[str, str]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGDATA", "/elsewhere")
    monkeypatch.setenv("TERM", "kept")

    become_server(programs, settings, volume / "cluster")

    [(_, _, environment)] = executed
    assert "PGDATA" not in environment
    assert environment["TERM"] == "kept"


def test_a_folder_of_sockets_that_is_not_there_is_made_for_its_owner_alone(
    programs: FakePrograms, settings: Settings, volume: Path
) -> None:
    become_server(programs, settings, volume / "cluster")

    assert oct(settings.sockets.stat().st_mode & 0o777) == "0o700"


def test_a_folder_of_sockets_that_others_enter_is_closed_to_them(
    programs: FakePrograms, settings: Settings, volume: Path
) -> None:
    settings.sockets.mkdir()
    settings.sockets.chmod(0o777)

    become_server(programs, settings, volume / "cluster")

    assert oct(settings.sockets.stat().st_mode & 0o777) == "0o700"


def test_a_folder_of_sockets_that_somebody_else_owns_is_refused(
    programs: FakePrograms,
    settings: Settings,
    volume: Path,
    executed: list[object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.sockets.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)

    with pytest.raises(Refused, match=f"belongs to user {os.getuid()}"):
        become_server(programs, settings, volume / "cluster")
    assert executed == []
