"""The engine's settings, one environment variable each.

The model store's address and credentials are boto3's own: AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and so on.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.engine.cores import choose_threads, count_usable_cores
from services.engine.failures import SettingsRefused

PREFIX = "ENGINE_"

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_URL = rf"s3://[a-z0-9][a-z0-9.-]+/(?:[^/\s]+/)*{_NAME}"


@dataclass(frozen=True)
class Artifact:
    """What is served."""

    name: str
    """ENGINE_ARTIFACT: its name in the catalog, for messages."""
    url: str
    """ENGINE_ARTIFACT_URL: where it lies in the model store, s3://BUCKET/KEY."""
    sha256: str
    """ENGINE_ARTIFACT_SHA256: SHA-256 of the file, in hexadecimal; a file with another one is refused."""
    bytes: int
    """ENGINE_ARTIFACT_BYTES: size of the file, in bytes; a file with another one is refused."""

    @property
    def bucket(self) -> str:
        return self.url.split("/", 3)[2]

    @property
    def key(self) -> str:
        return self.url.split("/", 3)[3]

    @property
    def file(self) -> str:
        """Return its name in the cache."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Settings:
    """How it is served. Variables are required unless a default is named."""

    model: str
    """ENGINE_MODEL: the name that customers use."""
    artifact: Artifact
    cache: Path
    """ENGINE_CACHE: folder that keeps pulled artifacts; engines may share it. Default: /var/cache/faregate."""
    context_length: int
    """ENGINE_CONTEXT_LENGTH: the most tokens of prompt and answer of one request together."""
    slots: int
    """ENGINE_SLOTS: requests that are served at once; others wait. Default: 4.

    Memory for slots x context length tokens is taken at the start, so that no request is refused for what others use:
    llama.cpp breaks off every stream in flight when memory that they share is used up.
    """
    threads: int
    """ENGINE_THREADS: threads that compute. Default: one fewer than the cores that may be used, at least 1."""
    address: str
    """ENGINE_ADDRESS: IP address to listen on. Default: 0.0.0.0, every one."""
    port: int
    """ENGINE_PORT: TCP port to listen on. Default: 8000."""
    drain_seconds: int
    """ENGINE_DRAIN_SECONDS: the longest that requests in flight are waited for at the end. Default: 30."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings.

    Raises:
        SettingsRefused: the text names every variable that is missing or wrong, one a line.
    """
    reader = _Reader(environment)
    settings = Settings(
        model=reader.text("MODEL", r"[A-Za-z0-9][A-Za-z0-9._/-]*", "a name of letters, digits and . _ / -"),
        artifact=Artifact(
            name=reader.text("ARTIFACT", _NAME, "a name of letters, digits and . _ -"),
            url=reader.text("ARTIFACT_URL", _URL, "s3://BUCKET/KEY that ends with a file's name"),
            sha256=reader.text("ARTIFACT_SHA256", r"[0-9a-f]{64}", "64 digits 0-9 a-f"),
            bytes=reader.integer("ARTIFACT_BYTES", 1, 2**50),
        ),
        cache=Path(reader.text("CACHE", r"/[^\0]*", "an absolute path", "/var/cache/faregate")),
        context_length=reader.integer("CONTEXT_LENGTH", 1, 2**22),
        slots=reader.integer("SLOTS", 1, 256, 4),
        threads=reader.integer("THREADS", 1, 512, choose_threads(count_usable_cores())),
        address=reader.address("ADDRESS", "0.0.0.0"),  # noqa: S104  # a container's port is published or it is not
        port=reader.integer("PORT", 1, 65535, 8000),
        drain_seconds=reader.integer("DRAIN_SECONDS", 0, 3600, 30),
    )
    reader.refuse_problems()
    return settings


class _Reader:
    """Reads variables and gathers what is wrong, so that all of it is said at once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._known: list[str] = []
        self._problems: list[str] = []

    def text(self, name: str, pattern: str, allowed: str, default: str | None = None) -> str:
        given = self._find(name, allowed, default)
        if given is not None and not re.fullmatch(pattern, given):
            self._refuse(name, repr(given), allowed)
        return given or ""

    def integer(self, name: str, lowest: int, highest: int, default: int | None = None) -> int:
        allowed = f"an integer from {lowest} to {highest}"
        given = self._find(name, allowed, None if default is None else str(default))
        number = int(given) if given is not None and re.fullmatch(r"[0-9]{1,18}", given) else None
        if given is not None and (number is None or not lowest <= number <= highest):
            self._refuse(name, repr(given), allowed)
        return number or 0

    def address(self, name: str, default: str) -> str:
        allowed = "an IP address"
        given = self._find(name, allowed, default) or ""
        try:
            ipaddress.ip_address(given)
        except ValueError:
            self._refuse(name, repr(given), allowed)
        return given

    def refuse_problems(self) -> None:
        # Others are not ours: Kubernetes sets ENGINE_SERVICE_HOST where a service is called "engine".
        for name in sorted(self._environment):
            near = difflib.get_close_matches(name, self._known, n=1, cutoff=0.85)
            if name.startswith(PREFIX) and name not in self._known and near:
                self._problems.append(f"{name}: no such variable; did you mean {near[0]}?")
        if self._problems:
            raise SettingsRefused("\n".join(self._problems))

    def _find(self, name: str, allowed: str, default: str | None) -> str | None:
        self._known.append(PREFIX + name)
        given = self._environment.get(PREFIX + name, default)
        if given is None:
            self._refuse(name, "nothing", f"{allowed} (required)")
        return given

    def _refuse(self, name: str, given: str, allowed: str) -> None:
        self._problems.append(f"{PREFIX}{name}: given {given}; allowed: {allowed}")
