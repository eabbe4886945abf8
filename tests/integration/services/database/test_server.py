"""A running server: who may connect, how it answers its probe, and what its log never holds."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from .container import Container

PASSWORD = "correct-horse"


@pytest.fixture
def role(running: Container) -> Iterator[str]:
    """Return a role that may log in with PASSWORD."""
    running.query(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'")
    yield "guest"
    running.query("DROP ROLE guest")


def test_the_probe_succeeds_and_says_nothing_on_errors(running: Container) -> None:
    ended = running.run("probe")

    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_probe_of_a_server_that_is_down_fails_with_one_line(container: Container) -> None:
    ended = container.run("probe")

    assert ended.returncode == 1
    assert ended.stderr.startswith("database: ")
    assert "No such file or directory" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_role_logs_in_over_tcp_with_its_password(running: Container, role: str) -> None:
    with running.connect(host="127.0.0.1", user=role, password=PASSWORD) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (role,)


def test_a_role_is_refused_with_another_password(running: Container, role: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        running.connect(host="127.0.0.1", user=role, password="wrong")


def test_the_superuser_is_refused_over_tcp_even_with_its_password(running: Container) -> None:
    running.query(f"ALTER ROLE postgres PASSWORD '{PASSWORD}'")

    with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf rejects connection"):
        running.connect(host="127.0.0.1", password=PASSWORD)
    running.query("ALTER ROLE postgres PASSWORD NULL")


def test_nobody_but_the_superuser_comes_through_the_socket(running: Container, role: str) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        running.connect(user=role, password=PASSWORD)


def test_only_its_user_and_root_reach_the_socket(running: Container) -> None:
    socket = running.sockets / f".s.PGSQL.{running.port}"

    assert socket.is_socket()
    assert [oct(path.stat().st_mode & 0o777) for path in (running.sockets, socket)] == ["0o700", "0o700"]


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("ALTER ROLE postgres PASSWORD 'hidden-1'; ALTER ROLE postgres PASSWORD NULL", None),
        ("ALTER ROLE nobody_there PASSWORD 'hidden-2'", "does not exist"),
        ("ALTER ROLE postgres PASSWORD 'hidden-3' VALID UNTIL 'noon'", "invalid input syntax"),
        ("ALTER ROLE postgres PASSWORD 'hidden-4' MISSPELT", "unrecognized role option"),
        ("DO $$ BEGIN ALTER ROLE nobody_there PASSWORD 'hidden-5'; END $$", "does not exist"),
        ("SET statement_timeout = 1; SELECT pg_sleep(9), 'hidden-6'", "canceling statement"),
    ],
)
def test_the_log_never_holds_a_password(running: Container, statement: str, error: str | None) -> None:
    before = len(running.log.read_text())

    with running.connect() as connection:
        if error:
            with pytest.raises(psycopg.Error, match=error):
                connection.execute(statement.encode())
        else:
            connection.execute(statement.encode())

    logged = running.log.read_text()
    assert "hidden-" not in logged
    assert (error or "") in logged[before:]


def test_passwords_are_kept_as_scram_verifiers(running: Container, role: str) -> None:
    kept = running.query(sql.SQL("SELECT rolpassword FROM pg_authid WHERE rolname = {}").format(sql.Literal(role)))

    assert kept[0][0].startswith("SCRAM-SHA-256$")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("allow_alter_system", "off"),
        ("data_checksums", "on"),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("log_timezone", "UTC"),
        ("server_encoding", "UTF8"),
        ("synchronous_commit", "on"),
        ("TimeZone", "UTC"),
        ("wal_level", "replica"),
    ],
)
def test_the_server_has_the_settings_that_matter(running: Container, setting: str, value: str) -> None:
    assert running.query(f"SHOW {setting}") == [(value,)]


def test_texts_sort_the_same_on_every_machine(running: Container) -> None:
    providers = running.query("SELECT DISTINCT datlocprovider, datlocale FROM pg_database")

    assert providers == [("b", "C.UTF-8")]
