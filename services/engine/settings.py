"""The engine's settings, one environment variable each.

The model store's address and credentials are boto3's own: AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and so on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.engine.cores import choose_threads, count_usable_cores
from services.engine.failures import SettingsRefused
from services.variables import Variables

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
    variables = Variables(PREFIX, environment)
    settings = Settings(
        model=variables.text("MODEL", r"[A-Za-z0-9][A-Za-z0-9._/-]*", "a name of letters, digits and . _ / -"),
        artifact=Artifact(
            name=variables.text("ARTIFACT", _NAME, "a name of letters, digits and . _ -"),
            url=variables.text("ARTIFACT_URL", _URL, "s3://BUCKET/KEY that ends with a file's name"),
            sha256=variables.text("ARTIFACT_SHA256", r"[0-9a-f]{64}", "64 digits 0-9 a-f"),
            bytes=variables.integer("ARTIFACT_BYTES", 1, 2**50),
        ),
        cache=Path(variables.text("CACHE", r"/[^\0]*", "an absolute path", "/var/cache/faregate")),
        context_length=variables.integer("CONTEXT_LENGTH", 1, 2**22),
        slots=variables.integer("SLOTS", 1, 256, 4),
        threads=variables.integer("THREADS", 1, 512, choose_threads(count_usable_cores())),
        address=variables.address("ADDRESS", "0.0.0.0"),  # noqa: S104  # a container's port is published or it is not
        port=variables.integer("PORT", 1, 65535, 8000),
        drain_seconds=variables.integer("DRAIN_SECONDS", 0, 3600, 30),
    )
    if problems := variables.list_problems():
        raise SettingsRefused("\n".join(problems))
    return settings
