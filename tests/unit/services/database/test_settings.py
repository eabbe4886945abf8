"""The container's environment is read, and refused by name where it can't be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.database.failures import Refused
from services.database.settings import Settings, read_settings


@pytest.mark.parametrize("environment", [{}, {"DATABASE_PORT": "", "DATABASE_FOLDER": ""}])
def test_what_is_not_set_has_the_container_s_default(environment: dict[str, str]) -> None:
    settings = read_settings(environment)

    assert settings.folder == Path("/var/lib/faregate/database")
    assert settings.sockets == Path("/run/postgresql")
    assert (settings.address, settings.port) == ("0.0.0.0", 5432)  # noqa: S104 - read, not bound


def test_what_is_set_is_taken() -> None:
    environment = {
        "DATABASE_FOLDER": "/volume",
        "DATABASE_SOCKETS": "/sockets",
        "DATABASE_ADDRESS": "127.0.0.1",
        "DATABASE_PORT": "6543",
    }

    assert read_settings(environment) == Settings(Path("/volume"), Path("/sockets"), "127.0.0.1", 6543)


@pytest.mark.parametrize("port", ["0", "65536", "-1", "5432.0", "postgres", "\u0665"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(Refused, match=f"DATABASE_PORT: given {port}; allowed: 1 to 65535"):
        read_settings({"DATABASE_PORT": port})


@pytest.mark.parametrize("name", ["DATABASE_FOLDER", "DATABASE_SOCKETS"])
def test_a_relative_folder_is_refused(name: str) -> None:
    with pytest.raises(Refused, match=f"{name}: given data; allowed: an absolute path"):
        read_settings({name: "data"})
