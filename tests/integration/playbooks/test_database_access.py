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
    """Return a server on which everything is as it should be."""
    with make_container() as container:
        container.start()
        for role in ROLES:
            container.query(f"create role billing_{role} login password '{role}-hidden'")
        container.query("create database billing owner billing_owner")
        container.query("revoke all on database billing, postgres, template1 from public")
        container.query("grant connect on database billing to billing_owner, billing_gateway, billing_admin")
        yield container


@pytest.fixture
def arguments(server: Container, tmp_path: Path) -> dict[str, Any]:
    """Return what the role gives to the module."""
    for role in ROLES:
        (tmp_path / f"billing_database_{role}").write_text(f"{role}-hidden\n")
    return {
        "socket_folder": str(server.sockets),
        "socket_port": server.port,
        "database": "billing",
        "host": "127.0.0.1",
        "port": server.port,
        "roles": list(ROLES),
        "passwords_folder": str(tmp_path),
    }


def look(arguments: dict[str, Any]) -> list[str]:
    """Return the sentences of the module, which says no password."""
    answer, printed = run_module("database_access", arguments)
    assert "hidden" not in printed
    return list(answer["unfit"])


def test_nothing_is_found_where_everything_is_as_it_should_be(arguments: dict[str, Any]) -> None:
    answer, _ = run_module("database_access", arguments)
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
            "grant connect on database billing to billing_owner",
            "role billing_owner may not connect to billing",
        ),
        (
            "alter database billing owner to postgres",
            "alter database billing owner to billing_owner",
            "database billing belongs to postgres",
        ),
        *(
            (
                f"grant {right} on database {database} to public",
                f"revoke all on database {database} from public",
                f"everybody has {right.upper()} on database {database}",
            )
            for database in ("billing", "postgres", "template1")
            for right in ("connect", "create", "temporary")
        ),
    ],
)
def test_each_single_change_by_hand_is_found_and_named(
    server: Container, arguments: dict[str, Any], change: str, undo: str, said: str
) -> None:
    server.query(change)
    try:
        unfit = look(arguments)
    finally:
        server.query(undo)
    assert [sentence for sentence in unfit if sentence.startswith(said)], unfit
    assert look(arguments) == []


def test_a_schema_in_which_everybody_may_create_is_found(server: Container, arguments: dict[str, Any]) -> None:
    server.query("grant create on schema public to public", "billing")
    unfit = look(arguments)
    server.query("revoke create on schema public from public", "billing")
    assert unfit == ["everybody has CREATE on schema public of billing"]


def test_a_new_database_is_open_to_everybody_and_that_is_found(server: Container, arguments: dict[str, Any]) -> None:
    server.query("create database new owner billing_owner")
    unfit = look({**arguments, "database": "new"})
    server.query("drop database new")
    assert {"everybody has CONNECT on database new", "everybody has TEMPORARY on database new"} <= set(unfit)


def test_a_database_that_is_missing_and_a_port_that_leads_elsewhere_are_found(arguments: dict[str, Any]) -> None:
    missing, *logins = look({**arguments, "database": "none", "port": 1})
    assert missing == "database none is missing"
    assert [sentence.partition(": ")[0] for sentence in logins] == [
        f"role billing_{role} can't log in to none at 127.0.0.1:1" for role in ROLES
    ]


def test_a_server_that_is_down_is_told_by_its_socket(arguments: dict[str, Any], tmp_path: Path) -> None:
    answer, _ = run_module("database_access", {**arguments, "socket_folder": str(tmp_path)})
    assert answer["failed"]
    assert f"{tmp_path}/.s.PGSQL.{arguments['socket_port']}" in answer["msg"]
