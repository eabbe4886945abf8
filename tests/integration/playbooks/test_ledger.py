"""Role `ledger`: schema, prices and the first account are right after every run, and no password is anywhere else."""

from __future__ import annotations

import stat
from pathlib import Path

import psycopg
import pytest

from contract.documents import CATALOG
from tests.integration.services.billing.books import ROLES, make_roles
from tests.integration.services.database.container import Container

from .play import Play, use_role
from .test_database import list_files, watch_commands

PASSWORD = "hidden-7Yq"
FIVE_USD = 5_000_000_000


@pytest.fixture
def server(server: Container) -> Container:
    """Return a server with the roles and an empty database."""
    make_roles(server, PASSWORD)
    server.query("create database billing owner billing_owner")
    return server


def make_play(folder: Path, port: int) -> Play:
    """Return the role with the variables of an instance whose secrets are filled."""
    (folder / "secrets").mkdir()
    for role in ROLES:
        (folder / "secrets" / f"billing_database_{role}").write_text(PASSWORD + "\n")
    variables = {
        "instance_folder": str(folder),
        "outputs": {"billing_database": {"host": "127.0.0.1", "port": port, "name": "billing"}},
        "ledger_catalog": str(CATALOG),
        "ledger_first_account": {"name": "demo", "usd": "5", "key_file": str(folder / "secrets" / "demo_key")},
    }
    return use_role("ledger", folder, variables)


def test_a_first_run_sets_everything_up_a_second_changes_nothing_and_later_ones_heal_and_refuse(
    server: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = make_play(tmp_path, server.port)
    with watch_commands(PASSWORD) as seen:
        first = play.run("-vvv")
    second = play.run()

    assert (first.changed, second.changed) == (4, 0)
    assert server.query("select account, balance, held from reports.accounts", "billing") == [("demo", FIVE_USD, 0)]
    assert server.query("select count(*) from reports.prices", "billing") == [(1,)]
    key, services = tmp_path / "secrets" / "demo_key", tmp_path / "pg_service.conf"
    assert {stat.S_IMODE(file.stat().st_mode) for file in (key, services)} == {0o600}
    for secret in (PASSWORD, key.read_text().strip()):
        assert secret not in first.printed + second.printed
        assert [path for path in list_files(tmp_path) if secret.encode() in path.read_bytes()] in ([], [services])
    assert seen == []

    # A lost key is made anew.
    key.unlink()

    assert play.run().changed == 1
    assert server.query("select revoked_at is null from reports.keys order by created_at", "billing") == [
        (False,),
        (True,),
    ]
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    for role in ("owner", "admin", "reporter"):
        psycopg.connect(service=f"billing_{role}").close()
    with pytest.raises(psycopg.OperationalError, match="not found"):
        psycopg.connect(service="billing_gateway")

    # A changed price without a new version is refused.
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(CATALOG.read_text().replace('output_tokens: "0.20"', 'output_tokens: "0.30"'))

    ended = play.run(ledger_catalog=str(catalog))
    assert ended.code != 0
    assert "version 1 of the price of smollm2-135m is published and differs" in ended.printed


def test_an_ill_typed_or_missing_variable_is_refused_by_name(tmp_path: Path) -> None:
    ill_typed, missing = make_play(tmp_path, 5432).refuse(
        {"outputs": {"billing_database": {"host": "127.0.0.1", "port": "the usual one", "name": "billing"}}},
        {"ledger_first_account": {"name": "demo", "usd": "5"}},
    )

    assert "port" in ill_typed
    assert "key_file" in missing
    assert not (tmp_path / "pg_service.conf").exists()
