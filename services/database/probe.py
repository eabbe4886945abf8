"""The container's readiness probe."""

from __future__ import annotations

import subprocess

from services.database.failures import Refused
from services.database.programs import Programs, clean_environment
from services.database.settings import Settings

CONNECT_SECONDS = 5
ANSWER_SECONDS = 10


def check_server(programs: Programs, settings: Settings) -> None:
    """Return if the server answers a query on its Unix socket.

    Raises:
        Refused: it does not; the text is one line.
    """
    command = [
        str(programs.psql),
        "--no-psqlrc",
        "--no-password",
        f"--host={settings.sockets}",
        f"--port={settings.port}",
        "--username=postgres",
        "--dbname=postgres",
        "--command=select 1",
    ]
    try:
        ended = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env={**clean_environment(), "PGCONNECT_TIMEOUT": str(CONNECT_SECONDS)},
            timeout=ANSWER_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise Refused(f"the server did not answer within {ANSWER_SECONDS} s") from None
    if ended.returncode != 0:
        raise Refused(" ".join(ended.stderr.split()))
