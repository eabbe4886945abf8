"""Which endpoints the AWS provider talks to, and which errors mean that something is gone."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from offline.aws.cloud import Cloud, Refused, is_not_found, require_loopback


@pytest.mark.parametrize(
    "endpoint",
    ["http://127.0.0.1:4566", "http://127.8.9.10", "http://localhost:1", "https://LOCALHOST", "http://[::1]:4566"],
)
def test_loopback_is_accepted_as_it_is(endpoint: str) -> None:
    assert require_loopback(endpoint) == endpoint


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://sts.amazonaws.com",
        "http://10.0.0.1:4566",
        "http://0.0.0.0:4566",
        "http://169.254.169.254",
        "http://[::2]:4566",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1@example.com",
        "http://localhost.example.com",
        "http://localhost@example.com",
        "http://example.com/127.0.0.1",
        "http://example.com#@127.0.0.1",
        "127.0.0.1:4566",
        "http://",
    ],
)
def test_everything_else_is_refused_by_name(endpoint: str) -> None:
    with pytest.raises(Refused) as refused:
        require_loopback(endpoint)

    assert repr(endpoint) in str(refused.value)
    assert "use the official provider" in str(refused.value)


@pytest.mark.parametrize("endpoint", [None, ""])
def test_a_missing_endpoint_is_refused_with_what_to_do(endpoint: str | None) -> None:
    with pytest.raises(Refused, match="source offline/activate"):
        require_loopback(endpoint)


def test_nothing_is_made_for_a_refused_endpoint_or_without_a_region() -> None:
    with pytest.raises(Refused, match="loopback"):
        Cloud("https://sts.amazonaws.com", "us-east-1")
    with pytest.raises(Refused, match="no region"):
        Cloud("http://127.0.0.1:1", None)


def test_a_client_is_made_once_however_many_threads_ask_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3's sessions are not safe under threads, their clients are."""
    cloud = Cloud("http://127.0.0.1:1", "us-east-1")
    made: list[str] = []
    start = threading.Barrier(8)

    class Client:
        def list_things(self) -> dict[str, str]:
            return {"answer": "yes"}

    def make(service: str, **_options: object) -> Client:
        made.append(service)
        time.sleep(0.05)  # it does take its time
        return Client()

    def ask(_index: int) -> dict[str, str]:
        start.wait()
        return cloud.call("things", "list_things")

    monkeypatch.setattr(cloud._session, "client", make)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))

    assert answers == [{"answer": "yes"}] * 8
    assert made == ["things"]


@pytest.mark.parametrize(
    ("code", "gone"),
    [
        ("InvalidVpcID.NotFound", True),
        ("NoSuchEntity", True),
        ("NoSuchBucket", True),
        ("ResourceNotFoundException", True),
        ("DBInstanceNotFound", True),
        ("ServerSideEncryptionConfigurationNotFoundError", True),
        ("404", False),
        ("500", False),
        ("InternalError", False),
        ("AccessDenied", False),
        ("DependencyViolation", False),
        ("Throttling", False),
    ],
)
def test_only_an_error_that_says_so_means_gone(code: str, gone: bool) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "not found"}}, "DescribeThings")

    assert is_not_found(error) == gone
