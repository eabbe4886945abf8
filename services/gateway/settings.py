"""The gateway's settings, one environment variable each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.gateway.failures import SettingsRefused
from services.variables import Variables

PREFIX = "GATEWAY_"

_WORD = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_MODEL = r"[A-Za-z0-9][A-Za-z0-9._/-]*"
_HOST = r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}"
_HOSTS = rf"{_MODEL}={_HOST}(?:,{_HOST})*"


@dataclass(frozen=True)
class Host:
    """Where replicas are found: a name of the DNS, each of whose addresses is one, or an IP address."""

    name: str
    port: int


@dataclass(frozen=True)
class LedgerSettings:
    """How the ledger is reached."""

    host: str
    """GATEWAY_LEDGER_HOST: name or IP address of the database server, or the folder of its Unix socket."""
    port: int
    """GATEWAY_LEDGER_PORT: its TCP port. Default: 5432."""
    name: str
    """GATEWAY_LEDGER_NAME: the database."""
    user: str
    """GATEWAY_LEDGER_USER: the role. Default: billing_gateway."""
    password_file: Path | None
    """GATEWAY_LEDGER_PASSWORD_FILE: a file that holds the role's password. Default: none is given to the server.

    A file, since variables of a process are read by more people and programs than a secret is meant for.
    """
    connections: int
    """GATEWAY_LEDGER_CONNECTIONS: the most connections to it. Default: 10."""
    patience_seconds: int
    """GATEWAY_LEDGER_SECONDS: the longest wait for a free connection, and of a stream for its extension. Default: 5."""


@dataclass(frozen=True)
class Settings:
    """How the gateway serves. Variables are required unless a default is named."""

    catalog: Path
    """GATEWAY_CATALOG: the catalog's file."""
    engines: Mapping[str, tuple[Host, ...]]
    """GATEWAY_ENGINE_HOSTS: where the replicas of each served model are: MODEL=HOST:PORT[,HOST:PORT...], separated by
    spaces."""
    ledger: LedgerSettings
    address: str
    """GATEWAY_ADDRESS: IP address to listen on. Default: 0.0.0.0, every one."""
    port: int
    """GATEWAY_PORT: TCP port of the API. Default: 8000."""
    operations_port: int
    """GATEWAY_OPERATIONS_PORT: TCP port of what is not for customers. Default: 8001."""
    body_bytes: int
    """GATEWAY_BODY_BYTES: the most bytes of a request's body. Default: 2097152."""
    slice_tokens: int
    """GATEWAY_SLICE_TOKENS: output tokens that one step of a stream's hold covers. Default: 128."""
    lease_seconds: int
    """GATEWAY_LEASE_SECONDS: how long a hold lives that nobody renews. Default: 60."""
    expire_seconds: float
    """GATEWAY_EXPIRE_SECONDS: time between two looks at leases that ended. Default: 2."""
    settlements: int
    """GATEWAY_SETTLEMENTS: the most requests that are in flight or wait for their settlement. Default: 10000."""
    probe_seconds: float
    """GATEWAY_PROBE_SECONDS: time between two looks at the replicas, and the longest wait for one. Default: 1."""
    silence_seconds: float
    """GATEWAY_SILENCE_SECONDS: the longest that a stream waits for the engine's next word, or for its client to take
    one. Default: 120."""
    answer_seconds: float
    """GATEWAY_ANSWER_SECONDS: the longest that a plain request waits for the engine's answer. Default: 600."""
    start_seconds: float
    """GATEWAY_START_SECONDS: the longest wait at the start for a replica of every model. Default: 60."""
    drain_seconds: float
    """GATEWAY_DRAIN_SECONDS: the longest that requests in flight are waited for at the end. Default: 30."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings.

    Raises:
        SettingsRefused: the text names every variable that is missing or wrong, one a line.
    """
    variables = Variables(PREFIX, environment)
    path = r"/[^\0]*"
    password_file = variables.text("LEDGER_PASSWORD_FILE", rf"|{path}", "an absolute path", "")
    settings = Settings(
        catalog=Path(variables.text("CATALOG", path, "an absolute path")),
        engines=_read_hosts(
            variables.text(
                "ENGINE_HOSTS", rf"{_HOSTS}(?: +{_HOSTS})*", "MODEL=HOST:PORT[,HOST:PORT...], separated by spaces"
            )
        ),
        ledger=LedgerSettings(
            host=variables.text("LEDGER_HOST", r"[A-Za-z0-9_.:/-]+", "a host's name, an IP address or a folder"),
            port=variables.integer("LEDGER_PORT", 1, 65535, 5432),
            name=variables.text("LEDGER_NAME", _WORD, "a database's name"),
            user=variables.text("LEDGER_USER", _WORD, "a role's name", "billing_gateway"),
            password_file=Path(password_file) if password_file else None,
            connections=variables.integer("LEDGER_CONNECTIONS", 1, 1000, 10),
            patience_seconds=variables.integer("LEDGER_SECONDS", 1, 60, 5),
        ),
        address=variables.address("ADDRESS", "0.0.0.0"),  # noqa: S104  # a container's port is published or it is not
        port=variables.integer("PORT", 1, 65535, 8000),
        operations_port=variables.integer("OPERATIONS_PORT", 1, 65535, 8001),
        body_bytes=variables.integer("BODY_BYTES", 1024, 2**30, 2**21),
        slice_tokens=variables.integer("SLICE_TOKENS", 1, 2**20, 128),
        lease_seconds=variables.integer("LEASE_SECONDS", 3, 3600, 60),
        expire_seconds=variables.integer("EXPIRE_SECONDS", 1, 60, 2),
        settlements=variables.integer("SETTLEMENTS", 1, 10**7, 10_000),
        probe_seconds=variables.integer("PROBE_SECONDS", 1, 60, 1),
        silence_seconds=variables.integer("SILENCE_SECONDS", 1, 3600, 120),
        answer_seconds=variables.integer("ANSWER_SECONDS", 1, 86400, 600),
        start_seconds=variables.integer("START_SECONDS", 0, 3600, 60),
        drain_seconds=variables.integer("DRAIN_SECONDS", 0, 3600, 30),
    )
    problems = variables.list_problems()
    if settings.operations_port == settings.port:
        problems.append(f"{PREFIX}OPERATIONS_PORT: given '{settings.port}'; allowed: another port than {PREFIX}PORT")
    if problems:
        raise SettingsRefused("\n".join(problems))
    return settings


def read_password(settings: LedgerSettings) -> str | None:
    """Return the role's password, or None where no file is named.

    Raises:
        SettingsRefused: the file can't be read, or is empty.
    """
    if settings.password_file is None:
        return None
    name = f"{PREFIX}LEDGER_PASSWORD_FILE"
    try:
        password = settings.password_file.read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError):
        raise SettingsRefused(f"{name}: given '{settings.password_file}'; allowed: a readable file of text") from None
    if not password:
        raise SettingsRefused(f"{name}: given '{settings.password_file}', an empty file; allowed: a password")
    return password


def _read_hosts(text: str) -> Mapping[str, tuple[Host, ...]]:
    hosts: dict[str, tuple[Host, ...]] = {}
    for pair in text.split():
        model, _, places = pair.partition("=")
        hosts[model] = hosts.get(model, ()) + tuple(map(_read_host, places.split(",")))
    return hosts


def _read_host(place: str) -> Host:
    name, _, port = place.rpartition(":")
    return Host(re.sub(r"[\[\]]", "", name), int(port))
