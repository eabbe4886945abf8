from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
)

from services.engine.failures import PullFailed
from services.engine.settings import Artifact
from services.engine.store import Store

from .conftest import CONTENT

WHAT = "artifact tiny can't be pulled from s3://models/tiny/tiny.gguf: "


@dataclass
class Body:
    """An answer's body, which breaks off after `most` bytes."""

    content: bytes
    most: int

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        yield self.content[: self.most]
        if self.most < len(self.content):
            raise IncompleteReadError(actual_bytes=self.most, expected_bytes=len(self.content))


@dataclass
class Client:
    """boto3's client of S3; each answer breaks off after as many bytes as `most` says."""

    most: int = len(CONTENT)
    failure: Exception | None = None
    asked: list[str] = field(default_factory=list)

    def get_object(self, Bucket: str, Key: str, Range: str = "bytes=0-") -> dict[str, Any]:  # noqa: N803
        assert (Bucket, Key) == ("models", "tiny/tiny.gguf")
        self.asked.append(Range)
        if self.failure:
            raise self.failure
        rest = CONTENT[int(Range[6:-1]) :]
        return {"ContentLength": len(rest), "Body": Body(rest, self.most)}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    client = Client()
    monkeypatch.setattr(boto3, "client", lambda *_, **__: client)
    monkeypatch.setattr("services.engine.store.time.sleep", lambda _: None)
    return client


@pytest.mark.usefixtures("client")
def test_an_object_is_read_whole(artifact: Artifact) -> None:
    stored = Store({}).open(artifact)

    assert stored.size == len(CONTENT)
    assert b"".join(stored.chunks) == CONTENT


def test_a_pull_goes_on_where_the_connection_broke_off(client: Client, artifact: Artifact) -> None:
    client.most = 4000

    assert b"".join(Store({}).open(artifact).chunks) == CONTENT
    assert client.asked == ["bytes=0-", "bytes=4000-", "bytes=8000-"]


def test_a_connection_that_always_breaks_off_ends_the_pull(client: Client, artifact: Artifact) -> None:
    client.most = 100

    with pytest.raises(PullFailed, match=r"\(after 600 of 10240 bytes\)$"):
        b"".join(Store({}).open(artifact).chunks)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject"), "the model store has no such object"),
        (ClientError({"Error": {"Code": "404"}}, "GetObject"), "the model store has no such object"),
        (ClientError({"Error": {"Code": "NoSuchBucket"}}, "GetObject"), "the model store has no bucket models"),
        (
            ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject"),
            "the model store denies access (AccessDenied)",
        ),
        (ClientError({"Error": {"Code": "403"}}, "GetObject"), "the model store denies access (403)"),
        (
            ClientError({"Error": {"Code": "SlowDown", "Message": "Please\nwait"}}, "GetObject"),
            "the model store answered SlowDown (Please wait)",
        ),
        (NoCredentialsError(), "there are no AWS credentials"),
        (
            PartialCredentialsError(provider="env", cred_var="aws_secret_access_key"),
            "Partial credentials found in env, missing: aws_secret_access_key",
        ),
        (
            EndpointConnectionError(endpoint_url="http://127.0.0.1:9/"),
            'the model store can\'t be reached (Could not connect to the endpoint URL: "http://127.0.0.1:9/")',
        ),
        (
            ReadTimeoutError(endpoint_url="http://127.0.0.1:9/"),
            'the model store can\'t be reached (Read timeout on endpoint URL: "http://127.0.0.1:9/")',
        ),
        (ValueError("Invalid endpoint: nowhere"), "Invalid endpoint: nowhere"),
    ],
)
def test_why_nothing_is_read_is_one_sentence(
    failure: Exception, reason: str, client: Client, artifact: Artifact
) -> None:
    client.failure = failure

    with pytest.raises(PullFailed) as failed:
        Store({}).open(artifact)

    assert str(failed.value) == WHAT + reason


@pytest.mark.parametrize(
    ("variable", "style"),
    [("AWS_ENDPOINT_URL", "path"), ("AWS_ENDPOINT_URL_S3", "path"), ("AWS_PROFILE", "auto")],
)
def test_a_store_elsewhere_needs_no_host_name_for_a_bucket(
    variable: str, style: str, artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    def connect(_: str, **options: Any) -> Client:
        given.update(options)
        return Client()

    monkeypatch.setattr(boto3, "client", connect)
    Store({variable: "x", "AWS_REGION": "eu-central-1"}).open(artifact)

    assert given["config"].s3 == {"addressing_style": style}
    assert given["region_name"] == "eu-central-1"
