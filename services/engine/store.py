"""The model store: an S3 bucket, or whatever AWS_ENDPOINT_URL names that speaks its protocol."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError
from botocore.exceptions import ConnectionError as NoConnectionError

from services.engine.failures import PullFailed
from services.engine.settings import Artifact

CHUNK_BYTES = 1 << 20
MOST_INTERRUPTIONS = 5
"""Times that a pull goes on where its connection broke off."""

_FORBIDDEN = ("403", "AccessDenied", "ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch")


@dataclass(frozen=True)
class StoredObject:
    """An object that the store holds."""

    size: int
    """Its size, in bytes."""
    chunks: Iterator[bytes]


class Store:
    """Reads from the model store."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def open(self, artifact: Artifact) -> StoredObject:
        """Return the artifact's object. Reading its chunks raises what opening it does.

        Raises:
            PullFailed: there is no such object, it may not be read, or the store can't be reached.
        """
        try:
            client = self._connect()
            answer = client.get_object(Bucket=artifact.bucket, Key=artifact.key)
        except (BotoCoreError, ClientError, ValueError) as error:
            raise PullFailed(_explain(error, artifact)) from None
        size = int(answer["ContentLength"])
        return StoredObject(size, _read(client, artifact, answer["Body"], size))

    def _connect(self) -> Any:
        return boto3.client(
            "s3",
            region_name=self._environment.get("AWS_REGION"),  # boto3 itself reads only AWS_DEFAULT_REGION
            config=Config(
                connect_timeout=5,
                read_timeout=30,
                retries={"mode": "standard", "total_max_attempts": 4},
                response_checksum_validation="when_required",  # the SHA-256 is checked anyway
                s3={"addressing_style": self._choose_addressing()},
            ),
        )

    def _choose_addressing(self) -> Literal["auto", "path"]:
        """Return how a bucket is named in a URL: other stores than AWS's seldom have a host name for each."""
        elsewhere = self._environment.keys() & {"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"}
        return "path" if elsewhere else "auto"


def _read(client: Any, artifact: Artifact, body: Any, size: int) -> Iterator[bytes]:
    """Return the object's chunks; go on from the same byte where the connection breaks off."""
    done = interruptions = 0
    while True:
        try:
            if body is None:
                body = client.get_object(Bucket=artifact.bucket, Key=artifact.key, Range=f"bytes={done}-")["Body"]
            for chunk in body.iter_chunks(CHUNK_BYTES):
                done += len(chunk)
                yield chunk
            return
        except (BotoCoreError, ClientError) as error:
            interruptions += 1
            if interruptions > MOST_INTERRUPTIONS:
                raise PullFailed(f"{_explain(error, artifact)} (after {done} of {size} bytes)") from None
            time.sleep(0.1 * 2**interruptions)
            body = None


def _explain(error: Exception, artifact: Artifact) -> str:
    """Return in one sentence why the artifact can't be read."""
    what = f"artifact {artifact.name} can't be pulled from {artifact.url}"
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        message = " ".join(error.response["Error"].get("Message", "").split())
        if code in ("404", "NoSuchKey"):
            return f"{what}: the model store has no such object"
        if code == "NoSuchBucket":
            return f"{what}: the model store has no bucket {artifact.bucket}"
        if code in _FORBIDDEN:
            return f"{what}: the model store denies access ({code})"
        return f"{what}: the model store answered {code} ({message})"
    reason = " ".join(str(error).split()).rstrip(".")
    if isinstance(error, NoCredentialsError):
        return f"{what}: there are no AWS credentials"
    if isinstance(error, NoConnectionError | HTTPClientError):
        return f"{what}: the model store can't be reached ({reason})"
    return f"{what}: {reason}"
