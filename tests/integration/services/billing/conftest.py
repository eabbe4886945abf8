"""One Postgres a worker, with a migrated database that each test gets a copy of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from psycopg import sql

from tests.integration.services.database.container import Container, make_container

from .books import Books, make_roles
from .customers import Customer, Gateway, make_customer, open_gateway

TEMPLATE = "template_billing"


@pytest.fixture(scope="session")
def server() -> Iterator[Container]:
    """Return a Postgres with the four roles, which outlive each test's database."""
    with make_container() as container:
        container.start()
        make_roles(container)
        yield container


@pytest.fixture(scope="session")
def template(server: Container, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of a migrated database that nobody uses."""
    books = make_books(server, TEMPLATE, tmp_path_factory.mktemp("template"))
    ended = books.migrate()
    assert ended.returncode == 0, ended.stderr
    return TEMPLATE


@pytest.fixture
def empty(server: Container, tmp_path: Path) -> Iterator[Books]:
    """Return a database without the ledger's schema."""
    yield from lend_books(server, tmp_path)


@pytest.fixture
def books(server: Container, template: str, tmp_path: Path) -> Iterator[Books]:
    """Return a ledger with nothing in it."""
    yield from lend_books(server, tmp_path, template)


@pytest.fixture(scope="session")
def common(server: Container, template: str, tmp_path_factory: pytest.TempPathFactory) -> Books:
    """Return a ledger that tests share, each with an account of its own: a copy takes longer than a test."""
    return make_books(server, "billing_common", tmp_path_factory.mktemp("common"), template)


@pytest.fixture(scope="session")
def gateway(common: Books) -> Iterator[Gateway]:
    """Return a gateway of the shared ledger."""
    with open_gateway(common) as gateway:
        yield gateway


@pytest.fixture
def customer(gateway: Gateway) -> Iterator[Customer]:
    """Return a customer of the shared ledger who has nothing, and prove the books afterwards."""
    yield make_customer(gateway)
    assert gateway.problems == []


@contextmanager
def run_books(folder: Path) -> Iterator[Books]:
    """Return a ledger with nothing in it, on a Postgres of its own."""
    with make_container() as container:
        container.start()
        make_roles(container)
        books = make_books(container, "billing", folder)
        migrated = books.migrate()
        assert migrated.returncode == 0, migrated.stderr
        yield books


def lend_books(server: Container, folder: Path, template: str | None = None) -> Iterator[Books]:
    books = make_books(server, f"billing_{uuid4().hex}", folder, template)
    yield books
    server.query(sql.SQL("drop database {} with (force)").format(sql.Identifier(books.database)))


def make_books(server: Container, name: str, folder: Path, template: str | None = None) -> Books:
    statement = sql.SQL("create database {} owner billing_owner").format(sql.Identifier(name))
    if template:
        statement += sql.SQL(" template {} strategy file_copy").format(sql.Identifier(template))
    server.query(statement)
    books = Books(server, name, folder)
    books.write_services()
    return books
