"""Each role may do what it is for, and nothing else: as Postgres' catalogue has it, and as it answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql

from services.billing.ledger import Delivery

from .books import Books, hash_key
from .customers import Customer

# Who may call each function; one that is in none of these lists fails a test, as one that is in the wrong list does.
GATEWAY = {"admit", "extend", "settle", "renew", "expire"}
ADMIN = {"open_account", "add_key", "revoke_key", "credit", "publish_price"}
VIEWS_CALL = {"compute_hold", "compute_charge"}
NOBODY = {"refuse_change", "refuse", "check_sum", "move", "find_account", "compute_affordable"}

CALLERS = {
    "billing_gateway": GATEWAY,
    "billing_admin": ADMIN | VIEWS_CALL,
    "billing_reporter": VIEWS_CALL,
    "public": set[str](),
}
ROLES = ["gateway", "admin", "reporter"]

OURS = "n.nspname in ('billing', 'reports')"


def test_it_is_decided_of_every_function_who_may_call_it(common: Books) -> None:
    assert find_functions(common) == GATEWAY | ADMIN | VIEWS_CALL | NOBODY


@pytest.mark.parametrize("role", CALLERS)
def test_each_role_calls_its_functions_and_no_others(common: Books, role: str) -> None:
    # Of functions of one name, all or none.
    statement = f"select proname, has_function_privilege(%s, p.oid, 'execute') from {functions()}"  # noqa: S608
    assert set(common.query(statement, role)) == {(name, name in CALLERS[role]) for name in find_functions(common)}


def test_a_new_function_is_nobodys_until_it_is_granted(common: Books) -> None:
    with common.connect("owner") as owner, owner.transaction(force_rollback=True):
        owner.execute("create function billing.forgotten() returns int language sql return 1")
        row = owner.execute("select has_function_privilege('public', 'billing.forgotten()', 'execute')").fetchone()
    assert row == (False,)


def test_every_function_that_a_role_calls_to_write_runs_as_the_owner_with_a_fixed_search_path(common: Books) -> None:
    rows = common.query(
        f"""
        select proname, prosecdef, proconfig, pg_get_userbyid(proowner), rolsuper
        from {functions()} inner join pg_roles as r on p.proowner = r.oid
        """  # noqa: S608
    )
    assert {(owner, superuser) for _, _, _, owner, superuser in rows} == {("billing_owner", False)}
    assert {(name, definer) for name, definer, _, _, _ in rows} == {
        (name, name in GATEWAY | ADMIN) for name in find_functions(common)
    }
    paths = {tuple(config or ()) for _, definer, config, _, _ in rows if definer}
    assert paths == {("search_path=billing, pg_temp",)}


@pytest.mark.parametrize("role", [*(f"billing_{role}" for role in ROLES), "public"])
def test_no_role_does_anything_to_a_table_and_only_people_read_views(common: Books, role: str) -> None:
    privileges = ["select", "insert", "update", "delete", "truncate", "references", "trigger", "maintain"]
    granted = common.query(
        f"""
        select n.nspname, privilege
        from pg_class as c inner join pg_namespace as n on c.relnamespace = n.oid,
        unnest(%s::text[]) as privilege
        where
            ({OURS} or n.nspname = 'public') and c.relkind in ('r', 'v', 'm', 'p', 'f')
            and (
                has_table_privilege(%s, c.oid, privilege)
                or privilege in ('select', 'insert', 'update', 'references')
                and has_any_column_privilege(%s, c.oid, privilege)
            )
        group by n.nspname, privilege
        """,  # noqa: S608
        privileges,
        role,
        role,
    )
    assert granted == ([("reports", "select")] if role in {"billing_admin", "billing_reporter"} else [])


@pytest.mark.parametrize("role", [*(f"billing_{role}" for role in ROLES), "public"])
def test_no_role_uses_a_sequence_or_makes_anything_in_a_schema(common: Books, role: str) -> None:
    sequences = common.query(
        f"""
        select c.relname from pg_class as c inner join pg_namespace as n on c.relnamespace = n.oid
        where {OURS} and case c.relkind when 'S' then has_sequence_privilege(%s, c.oid, 'usage, select, update') end
        """,  # noqa: S608
        role,
    )
    schemas = common.query("select nspname from pg_namespace where has_schema_privilege(%s, oid, 'create')", role)
    assert (sequences, schemas) == ([], [])
    assert not common.one("select has_database_privilege(%s, current_database(), 'create')", role)


@pytest.mark.parametrize(
    ("role", "schemas"),
    [("gateway", ["billing"]), ("admin", ["billing", "reports"]), ("reporter", ["reports"])],
)
def test_each_role_enters_the_schemas_that_it_needs(common: Books, role: str, schemas: list[str]) -> None:
    found = common.query(
        f"select n.nspname from pg_namespace as n where {OURS} and has_schema_privilege(%s, n.oid, 'usage') order by 1",  # noqa: S608
        f"billing_{role}",
    )
    assert [name for (name,) in found] == schemas


@pytest.mark.parametrize("role", ROLES)
def test_no_role_has_power_over_the_server_or_over_another_role(common: Books, role: str) -> None:
    assert common.query(
        """
        select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, (
            select count(*) from pg_auth_members where member = r.oid
        )
        from pg_roles as r where rolname = %s
        """,
        f"billing_{role}",
    ) == [(False, False, False, False, False, 0)]


REFUSED = {
    "gateway": [
        "select balance from billing.wallets",
        "select hash from billing.keys",
        "select * from reports.accounts",
        "insert into billing.accounts (name) values ('mine')",
        "update billing.wallets set balance = balance + 1",
        "delete from billing.holds",
        "truncate billing.holds",
        "create table billing.mine ()",
        "create table public.mine ()",
        "create schema mine",
        "create function public.mine() returns int language sql return 1",
        "select billing.credit('demo', 5, 'mine')",
        "select billing.open_account('mine')",
        "select billing.add_key('demo', 'mine', '')",
        "select billing.revoke_key('demo', 'first')",
        "select billing.publish_price('m', 1, now(), 0, 0, 0)",
        "select billing.move('credit', 1, 5, 'payments')",
        "set role billing_owner",
        "set session authorization billing_admin",
        "alter function billing.expire() reset all",
    ],
    "admin": [
        "select balance from billing.wallets",
        "select hash from billing.keys",
        "update billing.wallets set balance = balance + 1",
        "insert into billing.prices values ('m', 1, now(), 0, 0, 0)",
        "update reports.accounts set balance = 5",
        "delete from reports.keys",
        "select billing.admit(null, null, null, 1, 1, 1, null)",
        "select billing.extend(1, 1, '1 minute')",
        "select billing.settle(1, 1, 1, 1)",
        "select billing.settle(1, 1, 1, 1, 1)",
        "select billing.renew('{1}', '1 minute')",
        "select billing.expire()",
        "select billing.move('credit', 1, 5, 'payments')",
        "select billing.find_account('demo')",
        "create table public.mine ()",
        "set role billing_owner",
    ],
    "reporter": [
        "select balance from billing.wallets",
        "select billing.expire()",
        "select billing.open_account('mine')",
        "update reports.accounts set balance = 5",
        "update reports.prices set input_tokens = 0",
        "insert into reports.prices (model) values ('m')",
        "create table reports.mine ()",
        "create table public.mine ()",
        "set role billing_admin",
    ],
}


@pytest.mark.parametrize(("role", "statement"), [(role, one) for role, all_ in REFUSED.items() for one in all_])
def test_what_a_role_is_not_for_is_refused(common: Books, role: str, statement: str) -> None:
    with common.connect(role) as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute(statement)
    # 42501: insufficient privilege; 55000: a view of several tables takes no changes from anybody.
    assert caught.value.sqlstate == "42501" or "reports.accounts" in statement or "reports.keys" in statement


@pytest.mark.parametrize("role", ["admin", "reporter"])
def test_people_read_every_view(customer: Customer, role: str) -> None:
    customer.credit(5)
    with customer.books.connect(role) as connection:
        for view in list_views(customer.books):
            connection.execute(sql.SQL("select * from reports.{}").format(sql.Identifier(view)))


def test_no_view_shows_the_hash_of_a_key(customer: Customer) -> None:
    books = customer.books
    customer.credit(1_000)
    customer.gateway.settle(Delivery(customer.hold().id, 10, 0, 5, 5))
    assert (
        books.query(
            """
        select d.objid from pg_depend as d
        inner join pg_attribute as a on d.refobjid = a.attrelid and d.refobjsubid = a.attnum
        where d.refobjid = 'billing.keys'::regclass and a.attname = 'hash' and d.classid = 'pg_rewrite'::regclass
        """
        )
        == []
    )
    digest = hash_key(customer.key).hex()
    for view in list_views(books):
        rows = books.query(sql.SQL("select v::text from reports.{} as v").format(sql.Identifier(view)).as_string())
        assert not any(digest in text or customer.key in text for (text,) in rows), view


def test_what_a_role_plants_in_its_path_is_never_used(books: Books) -> None:
    """Its own tables, functions and operators come before Postgres', and the ledger's functions do not see them."""
    books.publish()
    books.open_account(usd_nano=10**9)
    with plant(books, "billing_gateway") as gateway:
        admission = gateway.execute(
            "select verdict, hold_id, amount from billing.admit("
            "gen_random_uuid(), %s, 'smollm2-135m', 10, 1, 100, interval '1 minute')",
            (hash_key("key of demo"),),
        ).fetchone()
        assert admission
        verdict, hold_id, amount = admission
        assert (verdict, amount) == ("admitted", 21_000)
        assert gateway.execute("select billing.extend(%s, 200, interval '1 minute')", (hold_id,)).fetchone() == (True,)
        gateway.execute("select billing.renew(array[%s::bigint], interval '1 minute')", (hold_id,))
        gateway.execute("select billing.expire()")
        charged = gateway.execute("select charge from billing.settle(%s, 10, 0, 100, 101)", (hold_id,)).fetchone()
        assert charged == (21_000,)
    with plant(books, "billing_admin") as admin:
        admin.execute("select billing.open_account('other')")
        admin.execute("select billing.credit('other', 5, 'planted')")
        admin.execute("select billing.publish_price('smollm2-135m', 2, timestamptz '2026-02-01', 1, null, 1)")
        assert admin.execute("select * from reports.problems").fetchall() == []
    assert books.wallet("demo") == (10**9 - 21_000, 0)
    assert books.wallet("other") == (5, 0)


@contextmanager
def plant(books: Books, role: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Connect as a role that may make things, which it otherwise never may, and has made the worst that it could."""
    schema = f"evil_{role}"
    books.query(f"create schema {schema} authorization {role}")
    with books.connect(role.removeprefix("billing_")) as connection:
        for table in (
            "accounts",
            "wallets",
            "keys",
            "prices",
            "holds",
            "settlements",
            "engine_counts",
            "entries",
            "credits",
        ):
            connection.execute(f"create temp table {table} (id bigint)")
            connection.execute(f"create table {schema}.{table} (id bigint)")
        connection.execute(
            f"""
            create function {schema}.never(bigint, bigint) returns bigint language plpgsql
            as $$ begin raise exception 'planted'; end $$;
            create function {schema}.never(numeric, numeric) returns numeric language plpgsql
            as $$ begin raise exception 'planted'; end $$;
            create function {schema}.neither(bigint, bigint) returns boolean language plpgsql
            as $$ begin raise exception 'planted'; end $$;
            create function {schema}.neither(text, text) returns boolean language plpgsql
            as $$ begin raise exception 'planted'; end $$;
            create function {schema}.now() returns timestamptz language plpgsql
            as $$ begin raise exception 'planted'; end $$;
            create function {schema}.div(numeric, numeric) returns numeric language plpgsql
            as $$ begin raise exception 'planted'; end $$;
            create operator {schema}.+ (leftarg = bigint, rightarg = bigint, function = {schema}.never);
            create operator {schema}.- (leftarg = bigint, rightarg = bigint, function = {schema}.never);
            create operator {schema}.* (leftarg = numeric, rightarg = numeric, function = {schema}.never);
            create operator {schema}.= (leftarg = bigint, rightarg = bigint, function = {schema}.neither);
            create operator {schema}.= (leftarg = text, rightarg = text, function = {schema}.neither);
            create operator {schema}.>= (leftarg = bigint, rightarg = bigint, function = {schema}.neither);
            """
        )
        connection.execute(f"set search_path = {schema}, pg_temp, pg_catalog")
        with pytest.raises(psycopg.Error, match="planted"):
            connection.execute("select 1::bigint + 1::bigint")
        yield connection


def functions() -> str:
    return f"(select p.* from pg_proc as p inner join pg_namespace as n on p.pronamespace = n.oid where {OURS}) as p"  # noqa: S608


def find_functions(books: Books) -> set[str]:
    return {name for (name,) in books.query(f"select proname from {functions()}")}  # noqa: S608


def list_views(books: Books) -> list[str]:
    rows = books.query("select viewname from pg_views where schemaname = 'reports'")
    return [name for (name,) in rows]
