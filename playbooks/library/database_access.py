#!/usr/bin/python
"""Ansible module: what is not as it should be in a database, in the roles that log in to it, and in their rights.

The modules of `community.postgresql` each look at one thing before they change it. Here one look tells whether any of
them has work to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: database_access
short_description: Find what is not as it should be in a database, its roles and their rights
description:
  - Changes nothing, and returns no password. Looks as the superuser through the server's Unix socket, then logs in as
    each role over TCP.
  - Fails if the server does not answer on its socket.
options:
  socket_folder:
    description: Folder of the server's Unix socket.
    type: path
    required: true
  socket_port:
    description: The number in the name of the socket's file.
    type: int
    required: true
  database:
    description: Name of the database.
    type: str
    required: true
  host:
    description: Host that the roles connect to.
    type: str
    required: true
  port:
    description: Port that the roles connect to.
    type: int
    required: true
  roles:
    description:
      - The roles without their prefix C(billing_). The first one owns the database. Each may log in and connect to the
        database, and has no right that only few need.
    type: list
    elements: str
    required: true
  passwords_folder:
    description: Folder with one file a role, C(billing_database_<role>), whose line is the role's password.
    type: path
    required: true
author: Faregate
"""

EXAMPLES = r"""
- name: Look for what is not as it should be
  database_access:
    socket_folder: /root/.local/state/faregate/local/database
    socket_port: 5432
    database: billing
    host: 127.0.0.1
    port: 5432
    roles: [owner, gateway]
    passwords_folder: /root/.local/state/faregate/local/secrets
  register: database_found
"""

RETURN = r"""
unfit:
  description: A sentence for each thing that is not as it should be.
  type: list
  elements: str
  returned: always
"""

CONNECT_SECONDS = 10

RIGHTS = """
with
wanted as (
    select 'billing_' || name as name, number from unnest(%(roles)s::text[]) with ordinality as listed (name, number)
),
guarded as (
    select datname, datdba, coalesce(datacl, acldefault('d', datdba)) as acl from pg_database
    where datname in (current_database(), 'postgres', 'template1')
)
select 'role ' || name || ' is missing'
from wanted where not exists (select from pg_roles where rolname = name)
union all
select 'role ' || name || ' can not log in, or may do what it does not need'
from wanted join pg_roles on rolname = name
where not rolcanlogin or rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls
union all
select 'role ' || name || ' may not connect to ' || datname
from wanted join pg_roles on rolname = name join guarded on datname = current_database()
where not exists (
    select from aclexplode(acl) as granted where granted.grantee = pg_roles.oid and granted.privilege_type = 'CONNECT'
)
union all
select 'database ' || datname || ' belongs to ' || pg_get_userbyid(datdba)
from guarded join wanted on number = 1
where datname = current_database() and pg_get_userbyid(datdba) <> name
union all
select 'everybody has ' || granted.privilege_type || ' on database ' || datname
from guarded cross join aclexplode(acl) as granted where granted.grantee = 0
union all
select 'everybody has CREATE on schema public of ' || current_database()
from pg_namespace cross join aclexplode(coalesce(nspacl, acldefault('n', nspowner))) as granted
where nspname = 'public' and granted.grantee = 0 and granted.privilege_type = 'CREATE'
"""


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "socket_folder": {"type": "path", "required": True},
            "socket_port": {"type": "int", "required": True},
            "database": {"type": "str", "required": True},
            "host": {"type": "str", "required": True},
            "port": {"type": "int", "required": True},
            "roles": {"type": "list", "elements": "str", "required": True},
            "passwords_folder": {"type": "path", "required": True, "no_log": False},
        },
        supports_check_mode=True,
    )
    try:
        unfit = [*_find_wrong_rights(module.params), *_find_failing_logins(module.params)]
    except (psycopg.Error, OSError) as error:
        module.fail_json(msg=_one_line(error))
    module.exit_json(changed=False, unfit=unfit)


def _find_wrong_rights(wanted: dict[str, Any]) -> list[str]:
    """Ask as the superuser, who needs no password on the socket."""
    way = {"host": wanted["socket_folder"], "port": wanted["socket_port"], "user": "postgres"}
    with psycopg.connect(**way, dbname="postgres", connect_timeout=CONNECT_SECONDS) as server:
        if not server.execute("select from pg_database where datname = %s", [wanted["database"]]).fetchall():
            return [f"database {wanted['database']} is missing"]
    with psycopg.connect(**way, dbname=wanted["database"], connect_timeout=CONNECT_SECONDS) as database:
        return [sentence for (sentence,) in database.execute(RIGHTS, {"roles": wanted["roles"]})]


def _find_failing_logins(wanted: dict[str, Any]) -> Iterator[str]:
    for role in wanted["roles"]:
        password = Path(wanted["passwords_folder"], f"billing_database_{role}").read_text(encoding="utf-8").rstrip()
        try:
            psycopg.connect(
                host=wanted["host"],
                port=wanted["port"],
                dbname=wanted["database"],
                user=f"billing_{role}",
                password=password,
                connect_timeout=CONNECT_SECONDS,
            ).close()
        except psycopg.OperationalError as error:
            place = f"{wanted['database']} at {wanted['host']}:{wanted['port']}"
            yield f"role billing_{role} can't log in to {place}: {_one_line(error)}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


if __name__ == "__main__":
    main()
