"""Role `database`: the database and its roles are right after every run, and no password is anywhere else."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.integration.services.database.container import Container

from .play import Play, use_role

NAMES = ("owner", "gateway", "admin", "reporter")


def password_of(name: str) -> str:
    return f"{name}-hidden-7Yq"


def make_play(folder: Path, socket_folder: Path, port: int) -> Play:
    """Return the role with the variables of an instance whose secrets are filled."""
    secrets = folder / "secrets"
    secrets.mkdir()
    for name in NAMES:
        (secrets / f"billing_database_{name}").write_text(password_of(name) + "\n")
    variables = {
        "instance_folder": str(folder),
        "outputs": {"billing_database": {"host": "127.0.0.1", "port": port, "name": "billing"}},
        "database_socket_folder": str(socket_folder),
        "database_port": port,
    }
    return use_role("database", folder, variables)


@pytest.fixture
def play(tmp_path: Path, server: Container) -> Play:
    return make_play(tmp_path, server.sockets, server.port)


@pytest.fixture
def play_without_server(tmp_path: Path) -> Play:
    return make_play(tmp_path, tmp_path / "nowhere", 5432)


def test_check_mode_changes_nothing_a_first_run_makes_all_a_second_nothing_and_no_password_is_anywhere_else(
    server: Container, play: Play, tmp_path: Path
) -> None:
    assert play.run("--check").changed == 2, "it says what would change"

    assert server.query("SELECT rolname FROM pg_roles WHERE rolname LIKE 'billing%'") == []
    assert server.query("SELECT datname FROM pg_database WHERE datname = 'billing'") == []

    with watch_commands("hidden-7Yq") as seen:
        first = play.run("-vvv")
    second = play.run()

    assert (first.changed, second.changed) == (4, 0)
    assert seen == []
    assert "hidden-7Yq" not in first.printed
    assert "hidden-7Yq" not in server.log.read_text()
    assert [path for path in list_files(tmp_path) if b"hidden-7Yq" in path.read_bytes()] == []
    for name in NAMES:
        log_in(server, name, "billing").close()
        for other in ("postgres", "template1"):
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                log_in(server, name, other)
    check_rights(server)


def test_what_somebody_changed_by_hand_is_put_right_and_a_port_that_leads_elsewhere_is_told_by_role_and_place(
    server: Container, play: Play
) -> None:
    server.query("CREATE ROLE billing_gateway LOGIN SUPERUSER CREATEDB CREATEROLE BYPASSRLS PASSWORD 'wrong'")
    server.query("CREATE ROLE billing_admin NOLOGIN")
    server.query("CREATE DATABASE billing")
    server.query("GRANT CREATE ON DATABASE billing TO PUBLIC")
    server.query("GRANT CREATE ON SCHEMA public TO PUBLIC", database="billing")
    server.query("CREATE TABLE kept (value text)", database="billing")

    assert play.run().changed == 5

    for name in NAMES:
        log_in(server, name, "billing").close()
    check_rights(server)
    assert server.query("SELECT count(*) FROM kept", database="billing") == [(0,)]

    ended = play.run(database_tcp_port=1)

    assert ended.code != 0
    assert "role billing_owner can't log in to billing at 127.0.0.1:1: " in ended.printed
    assert "Connection refused" in ended.printed
    assert "hidden-7Yq" not in ended.printed


def test_what_is_missing_or_wrong_is_refused_by_name_before_anything_is_made(
    play_without_server: Play, tmp_path: Path
) -> None:
    folders = {name: tmp_path / name for name in ("missing", "empty")}
    for folder in folders.values():
        shutil.copytree(tmp_path / "secrets", folder)
    files = {name: folder / "billing_database_admin" for name, folder in folders.items()}
    files["missing"].unlink()
    files["empty"].write_text("\n")

    *variables, missing, empty, down = play_without_server.refuse(
        {"instance_folder": None},
        {"database_port": "the usual one"},
        {"database_passwords_folder": str(folders["missing"])},
        {"database_passwords_folder": str(folders["empty"])},
        {},
    )

    for printed, said in zip(variables, ("instance_folder", "database_port"), strict=True):
        assert said in printed
        assert "TASK [database : Preflight" not in printed
    for printed, file in ((missing, files["missing"]), (empty, files["empty"])):
        assert f"role billing_admin has no password: {file} is no file with a line" in printed
    assert f"{tmp_path}/nowhere/.s.PGSQL.5432" in down
    assert "Make the database" not in down


def log_in(server: Container, name: str, database: str) -> psycopg.Connection:
    return server.connect(database, host="127.0.0.1", user=f"billing_{name}", password=password_of(name))


def check_rights(server: Container) -> None:
    """Check that the roles may connect and the owner may create, and nobody anything else."""
    wrong = (
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'billing%' AND (NOT rolcanlogin"
        " OR rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)"
    )
    assert server.query(wrong) == []
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'billing'"
    assert server.query(owner) == [("billing_owner",)]
    server.query("DROP ROLE IF EXISTS stranger; CREATE ROLE stranger")
    rights = (
        "SELECT rolname, has_database_privilege(rolname, 'billing', 'CONNECT'),"
        " has_database_privilege(rolname, 'billing', 'CREATE'),"
        " has_database_privilege(rolname, 'billing', 'TEMPORARY'),"
        " has_schema_privilege(rolname, 'public', 'CREATE')"
        " FROM pg_roles WHERE rolname ~ '^(billing|stranger)' ORDER BY rolname"
    )
    assert server.query(rights, database="billing") == [
        ("billing_admin", True, False, False, False),
        ("billing_gateway", True, False, False, False),
        ("billing_owner", True, True, True, True),
        ("billing_reporter", True, False, False, False),
        ("stranger", False, False, False, False),
    ]


@contextmanager
def watch_commands(text: str) -> Iterator[list[str]]:
    """Collect every command line on this machine that holds the text, until the block ends."""
    seen: list[str] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            lines = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
            seen.extend(line for line in lines if text in line)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def list_files(folder: Path) -> list[Path]:
    """Return all files below the folder but those that keep the passwords."""
    return [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "secrets"]
