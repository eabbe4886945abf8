"""Module `database_access`: one look finds each single thing that role `database` would change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.services.database.container import Container, make_container
from tests.unit.playbooks.modules import run_module

ROLES = ("owner", "gateway", "admin")


@pytest.fixture(scope="module")
def server() -> Iterator[Container]:
    with make_container() as container:
        container.start()
        for role in ROLES:
            container.query(f"create role billing_{role} login password '{role}-hidden'")
        container.query("revoke all on database postgres from public")
        container.query("revoke all on database template1 from public")
        yield container


@pytest.fixture
def database(server: Container) -> Iterator[Container]:
    """Return the server with everything as it should be."""
    server.query("create database billing owner billing_owner")
    server.query("revoke all on database billing from public")
    server.query("grant connect on database billing to billing_owner, billing_gateway, billing_admin")
    yield server
    server.query("drop database if exists billing with (force)")


def look(container: Container, folder: Path, **changes: Any) -> Any:
    """Run the module as Ansible does. Whatever it says, it says no password."""
    for role in ROLES:
        (folder / f"billing_database_{role}").write_text(f"{role}-hidden\n")
    arguments = {
        "socket_folder": str(container.sockets),
        "socket_port": container.port,
        "database": "billing",
        "host": "127.0.0.1",
        "port": container.port,
        "roles": list(ROLES),
        "passwords_folder": str(folder),
        **changes,
    }
    answer, printed = run_module("database_access", arguments)
    assert "hidden" not in printed
    return answer


def test_nothing_is_found_where_everything_is_as_it_should_be(database: Container, tmp_path: Path) -> None:
    answer = look(database, tmp_path)
    assert (answer["changed"], answer["unfit"]) == (False, [])


@pytest.mark.parametrize(
    ("change", "undo", "said"),
    [
        *(
            (
                f"alter role billing_gateway {attribute}",
                f"alter role billing_gateway no{attribute}",
                "role billing_gateway can not log in, or may do what it does not need",
            )
            for attribute in ("superuser", "createdb", "createrole", "replication", "bypassrls")
        ),
        (
            "alter role billing_admin nologin",
            "alter role billing_admin login",
            "role billing_admin can not log in, or may do what it does not need",
        ),
        (
            "alter role billing_admin password 'another'",
            "alter role billing_admin password 'admin-hidden'",
            "role billing_admin can't log in to billing at 127.0.0.1:",
        ),
        (
            "alter role billing_admin rename to nobody",
            "alter role nobody rename to billing_admin; alter role billing_admin password 'admin-hidden'",
            "role billing_admin is missing",
        ),
        (
            "revoke connect on database billing from billing_owner",
            "",
            "role billing_owner may not connect to billing",
        ),
        ("alter database billing owner to postgres", "", "database billing belongs to postgres"),
        ("grant temporary on database billing to public", "", "everybody has TEMPORARY on database billing"),
        (
            "grant connect on database postgres to public",
            "revoke all on database postgres from public",
            "everybody has CONNECT on database postgres",
        ),
        (
            "grant create on database template1 to public",
            "revoke all on database template1 from public",
            "everybody has CREATE on database template1",
        ),
    ],
)
def test_each_single_change_by_hand_is_found(
    database: Container, tmp_path: Path, change: str, undo: str, said: str
) -> None:
    database.query(change)
    try:
        unfit = look(database, tmp_path)["unfit"]
    finally:
        if undo:
            database.query(undo)
    assert [sentence for sentence in unfit if sentence.startswith(said)], unfit


def test_a_schema_in_which_everybody_may_create_is_found(database: Container, tmp_path: Path) -> None:
    database.query("grant create on schema public to public", "billing")
    assert look(database, tmp_path)["unfit"] == ["everybody has CREATE on schema public of billing"]


def test_a_new_database_is_open_to_everybody_and_that_is_found(database: Container, tmp_path: Path) -> None:
    database.query("drop database billing")
    database.query("create database billing owner billing_owner")
    unfit = look(database, tmp_path)["unfit"]
    assert "everybody has CONNECT on database billing" in unfit
    assert "everybody has TEMPORARY on database billing" in unfit


def test_a_database_that_is_missing_and_a_port_that_leads_elsewhere_are_found(
    database: Container, tmp_path: Path
) -> None:
    database.query("drop database billing")
    unfit = look(database, tmp_path, port=1)["unfit"]
    assert unfit[0] == "database billing is missing"
    assert [sentence.partition(": ")[0] for sentence in unfit[1:]] == [
        f"role billing_{role} can't log in to billing at 127.0.0.1:1" for role in ROLES
    ]


def test_a_server_that_is_down_is_told_by_its_socket(server: Container, tmp_path: Path) -> None:
    answer = look(server, tmp_path, socket_folder=str(tmp_path))
    assert answer["failed"]
    assert f"{tmp_path}/.s.PGSQL.{server.port}" in answer["msg"]
