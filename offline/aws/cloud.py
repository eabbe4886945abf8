"""The simulated AWS through boto3. A real endpoint is refused before a client exists."""

from __future__ import annotations

import ipaddress
import json
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape

# Error codes that say "there is no such thing": InvalidVpcID.NotFound, NoSuchEntity, ResourceNotFoundException, 404...
NOT_FOUND_MARKS = ("NotFound", "NoSuch", "404")


class Refused(Exception):
    """The provider's configuration would reach something that is not the simulation."""


class Missing(Exception):
    """The resource does not exist, although no call failed."""


class Cloud:
    """One region of the simulation."""

    def __init__(self, endpoint: str | None, region: str) -> None:
        """Connect to `endpoint`.

        Raises:
            Refused: the endpoint is missing or not on loopback.
        """
        self.endpoint = require_loopback(endpoint)
        self.region = region
        # Explicit credentials: nothing is looked up in the environment, in files or on the network.
        self._session = boto3.Session(aws_access_key_id="simulation", aws_secret_access_key="simulation")  # noqa: S106
        self._clients: dict[str, Any] = {}

    @property
    def account(self) -> str:
        account: str = self.call("sts", "get_caller_identity")["Account"]
        return account

    def call(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """Call an operation; arguments that are `None` are left out."""
        given = {key: value for key, value in arguments.items() if value is not None}
        response: dict[str, Any] = getattr(self._client(service), operation)(**given)
        return response

    def call_with(self, service: str, operation: str, properties: dict[str, Any], **arguments: Any) -> dict[str, Any]:
        """Call an operation with Pulumi properties, mapped onto its arguments by name; `arguments` win."""
        client = self._client(service)
        model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation])
        return self.call(service, operation, **{**_to_shape(properties, model.input_shape), **arguments})

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.client(  # type: ignore[call-overload]
                service,
                endpoint_url=self.endpoint,
                region_name=self.region,
                config=Config(retries={"max_attempts": 2}, s3={"addressing_style": "path"}, max_pool_connections=32),
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


def _to_shape(value: Any, shape: Shape) -> Any:
    """Map camelCase properties onto a botocore shape; what the operation does not take is left out."""
    if isinstance(shape, StructureShape):
        members = {_plain(member): member for member in shape.members}
        mapped = {}
        for name, item in value.items():
            member = members.get(_plain(name)) or members.get(_plain(name) + "s") or members.get(_plain(name)[:-1])
            if member and item is not None:
                mapped[member] = _to_shape(item, shape.members[member])
        return mapped
    if isinstance(shape, ListShape):
        return [_to_shape(item, shape.member) for item in (value if isinstance(value, list) else [value])]
    if isinstance(shape, MapShape):
        return {key: _to_shape(item, shape.value) for key, item in value.items()}
    if shape.type_name == "string" and not isinstance(value, str):
        return json.dumps(value)
    return value


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()
