"""What the container's environment sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.database.failures import Refused

_LARGEST_PORT = 65535


@dataclass(frozen=True)
class Settings:
    """Where the data lies and where clients connect."""

    folder: Path
    """The volume; the cluster is a folder in it. From DATABASE_FOLDER."""
    sockets: Path
    """Folder of the Unix socket, on which everybody is the superuser. From DATABASE_SOCKETS."""
    address: str
    """Address of the TCP socket. From DATABASE_ADDRESS."""
    port: int
    """TCP port, and the number in the Unix socket's name. From DATABASE_PORT."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings; one that is not set or empty has its default.

    Raises:
        Refused: the port is no port, or a folder is not an absolute path.
    """

    def read(name: str, default: str) -> str:
        return environment.get(f"DATABASE_{name}") or default

    def read_folder(name: str, default: str) -> Path:
        folder = Path(read(name, default))
        if not folder.is_absolute():
            raise Refused(f"DATABASE_{name}: given {folder}; allowed: an absolute path")
        return folder

    port = read("PORT", "5432")
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= _LARGEST_PORT):
        raise Refused(f"DATABASE_PORT: given {port}; allowed: 1 to {_LARGEST_PORT}")
    return Settings(
        folder=read_folder("FOLDER", "/var/lib/faregate/database"),
        sockets=read_folder("SOCKETS", "/run/postgresql"),
        address=read("ADDRESS", "0.0.0.0"),  # noqa: S104 - a container's own network; its port is published on loopback
        port=int(port),
    )
