"""A ledger of a test's own: a migrated database on a real Postgres, and the ways in that people and gateways have."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from services.billing.command_line import main
from services.billing.ledger import Admission, Delivery, Ledger, Question, Settlement, open_pool
from tests.integration.services.database.container import REPOSITORY, Container

Answer = TypeVar("Answer")

ROLES = ("owner", "gateway", "admin", "reporter")
PASSWORD = "secret"
MODEL = "smollm2-135m"


@dataclass(frozen=True)
class Books:
    """One database with the ledger's schema."""

    container: Container
    database: str
    folder: Path

    @property
    def services(self) -> Path:
        """The file that PGSERVICEFILE names."""
        return self.folder / "pg_service.conf"

    def write_services(self) -> None:
        self.services.write_text(
            "".join(
                f"[billing_{role}]\nhost=127.0.0.1\nport={self.container.port}\ndbname={self.database}\n"
                f"user=billing_{role}\npassword={PASSWORD}\n"
                for role in ROLES
            )
        )

    def connect(self, role: str) -> psycopg.Connection[tuple[Any, ...]]:
        """Connect as one of the four roles, over TCP and with its password."""
        return psycopg.connect(self.conninfo(role), autocommit=True)

    def conninfo(self, role: str) -> str:
        return make_conninfo(
            host="127.0.0.1",
            port=self.container.port,
            dbname=self.database,
            user=f"billing_{role}",
            password=PASSWORD,
        )

    def query(self, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Ask as the superuser."""
        with self.container.connect(self.database) as connection:
            cursor = connection.execute(statement, arguments)
            return cursor.fetchall() if cursor.description else []

    def one(self, statement: str, *arguments: object) -> Any:
        """Return the only value of the only row."""
        ((value,),) = self.query(statement, *arguments)
        return value

    @property
    def problems(self) -> list[tuple[Any, ...]]:
        return self.query("select * from reports.problems")

    def wallet(self, account: str = "demo") -> tuple[int, int]:
        """Return an account's balance and what is held of it."""
        ((balance, held),) = self.query("select balance, held from reports.accounts where account = %s", account)
        return balance, held

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the admin command in this process, which is much quicker than in one of its own."""
        printed, complained = io.StringIO(), io.StringIO()
        with (
            patch.dict(os.environ, {"PGSERVICEFILE": str(self.services)}),
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(complained),
        ):
            try:
                code = main(list(arguments))
            except SystemExit as refusal:  # argparse
                code = int(refusal.code or 0)
        return subprocess.CompletedProcess(arguments, code, printed.getvalue(), complained.getvalue())

    def launch(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the admin command as people do."""
        return self._launch("-P", "-m", "services.billing", *arguments)

    def migrate(self, direction: str = "upgrade", revision: str = "head") -> subprocess.CompletedProcess[str]:
        """Bring the schema to the newest revision, as playbooks do, or to another one."""
        return self._launch("-P", "-m", "alembic", "-c", "services/billing/alembic.ini", direction, revision)

    def _launch(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            env={"PATH": os.environ["PATH"], "PGSERVICEFILE": str(self.services), "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def read(self, *arguments: str) -> Any:
        """Return what the admin command prints as JSON."""
        ended = self.run(*arguments, "--json")
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    def open_account(self, name: str = "demo", *, usd_nano: int = 0, key: str = "key of demo") -> None:
        """Make an account with a key and a balance, in the way that the admin command does."""
        with self.connect("admin") as admin:
            admin.execute("select billing.open_account(%s)", (name,))
            admin.execute("select billing.add_key(%s, %s, %s)", (name, "first", hash_key(key)))
            if usd_nano:
                admin.execute("select billing.credit(%s, %s, %s)", (name, usd_nano, f"{name} {uuid4()}"))

    def publish(
        self,
        inputs: int = 100_000_000,
        cached: int | None = 50_000_000,
        outputs: int = 200_000_000,
        version: int = 1,
        model: str = MODEL,
    ) -> None:
        """Publish a price, in force from that many days after 2026 began."""
        with self.connect("admin") as admin:
            admin.execute(
                "select billing.publish_price(%s, %s, timestamptz '2026-01-01T00:00:00Z' + %s * interval '1 day', "
                "%s, %s, %s)",
                (model, version, version, inputs, cached, outputs),
            )

    def with_ledger(self, use: Callable[[Ledger], Awaitable[Answer]], lease_seconds: float = 60) -> Answer:
        """Use the ledger as a gateway does."""

        async def run() -> Answer:
            async with open_pool(self.conninfo("gateway"), size=8, patience_seconds=30) as pool:
                return await use(Ledger(pool, lease_seconds))

        return asyncio.run(run())

    def admit(self, question: Question, lease_seconds: float = 60) -> Admission:
        return self.with_ledger(lambda ledger: ledger.admit(question), lease_seconds)

    def extend(self, hold_id: int, output_tokens: int) -> bool:
        return self.with_ledger(lambda ledger: ledger.extend(hold_id, output_tokens))

    def settle(self, delivery: Delivery) -> Settlement:
        return self.with_ledger(lambda ledger: ledger.settle(delivery))

    def expire(self) -> int:
        return self.with_ledger(lambda ledger: ledger.expire())


def make_roles(container: Container, password: str = PASSWORD) -> None:
    """Make the four roles on a server that has never seen them."""
    for role in ROLES:
        name = sql.Identifier(f"billing_{role}")
        container.query(sql.SQL("create role {} login password {}").format(name, sql.Literal(password)))


def hash_key(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def ask(
    *,
    key: str = "key of demo",
    model: str = MODEL,
    inputs: int = 10,
    least: int = 1,
    most: int = 100,
) -> Question:
    """Return a new request's question."""
    return Question(uuid4(), hash_key(key), model, inputs, least, most)
