"""The server process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Never

from services.database.failures import Refused
from services.database.programs import Programs, clean_environment
from services.database.settings import Settings

_HERE = Path(__file__).parent


def become_server(programs: Programs, settings: Settings, cluster: Path) -> Never:
    """Replace this process by the server, so that the container's signals reach it.

    Both configuration files are this package's, not the cluster's: a change applies when the next server starts, to old
    clusters as well.

    Raises:
        Refused: the folder of the Unix socket belongs to somebody else.
    """
    _prepare_sockets(settings.sockets)
    options = {
        "config_file": _HERE / "postgresql.conf",
        "hba_file": _HERE / "pg_hba.conf",
        "listen_addresses": settings.address,
        "port": settings.port,
        "unix_socket_directories": settings.sockets,
    }
    arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    os.execve(programs.postgres, [str(programs.postgres), "-D", str(cluster), *arguments], clean_environment())  # noqa: S606


def _prepare_sockets(folder: Path) -> None:
    """Make the folder one that only this user and root enter: whoever reaches the socket in it is the superuser."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = folder.stat().st_uid
    if owner != os.geteuid():
        raise Refused(f"{folder} belongs to user {owner}; it must belong to user {os.geteuid()}, who runs the server")
    folder.chmod(0o700)
