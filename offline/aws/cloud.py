"""The simulated AWS through boto3. A real endpoint is refused before a client exists."""

from __future__ import annotations

import ipaddress
import threading
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

# Error codes that say "there is no such thing": InvalidVpcID.NotFound, NoSuchEntity, ResourceNotFoundException...
# Not a bare 404: so the simulation answers operations that it does not have.
NOT_FOUND_MARKS = ("NotFound", "NoSuch")


class Refused(Exception):
    """The provider's configuration would reach something that is not the simulation."""


class Missing(Exception):
    """The resource does not exist, although no call failed."""


class Denied(Exception):
    """AWS refuses what the simulation would do."""


class Unreadable(Exception):
    """AWS does not answer so: something else listens at the endpoint, or the simulation lacks an operation."""


class Cloud:
    """One region of the simulation."""

    def __init__(self, endpoint: str | None, region: str | None) -> None:
        """Connect to `endpoint`.

        Raises:
            Refused: the endpoint is missing or not on loopback, or the region is missing.
        """
        self.endpoint = require_loopback(endpoint)
        if not region:
            raise Refused("the provider has no region: set `region`")
        self.region = region
        # Explicit credentials: nothing is looked up in the environment, in files or on the network.
        self._session = boto3.Session(aws_access_key_id="simulation", aws_secret_access_key="simulation")  # noqa: S106
        self._clients: dict[str, Any] = {}
        # The engine's requests come in parallel; clients may be shared by threads, but not made by several at once.
        self._making = threading.Lock()

    @property
    def account(self) -> str:
        account: str = self.call("sts", "get_caller_identity")["Account"]
        return account

    def call(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """Call an operation; arguments that are `None` are left out.

        Raises:
            ClientError, BotoCoreError: the call failed.
            Unreadable: what answered is not AWS, not even a simulated one.
        """
        given = {key: value for key, value in arguments.items() if value is not None}
        try:
            response: dict[str, Any] = getattr(self._client(service), operation)(**given)
        except (ResponseParserError, ParseError) as error:
            raise Unreadable(f"{operation}: {self.endpoint} gave an answer that is not AWS's: {error}") from error
        return response

    def _client(self, service: str) -> Any:
        with self._making:
            if service not in self._clients:
                # The service is not known before it runs, so no overload of the stubs applies.
                self._clients[service] = self._session.client(  # type: ignore[call-overload]
                    service,
                    endpoint_url=self.endpoint,
                    region_name=self.region,
                    config=Config(
                        retries={"max_attempts": 2},
                        s3={"addressing_style": "path"},
                        max_pool_connections=32,
                        proxies={},  # a proxy's loopback is not ours
                    ),
                )
            return self._clients[service]


def require_loopback(endpoint: str | None) -> str:
    """Return the endpoint if it is on this machine's loopback.

    Raises:
        Refused: it is missing or anything else; the text says what to do.
    """
    if not endpoint:
        raise Refused("AWS_ENDPOINT_URL is not set: run `source offline/activate` first")
    host = urlsplit(endpoint).hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback:
        raise Refused(
            f"AWS_ENDPOINT_URL is {endpoint!r}; the offline provider works only against a simulation on loopback. "
            "For a real account run `deactivate` and use the official provider"
        )
    return endpoint


def is_not_found(error: ClientError) -> bool:
    """Say whether a failed call means that the resource does not exist."""
    code = error.response["Error"]["Code"]
    return any(mark in code for mark in NOT_FOUND_MARKS)
