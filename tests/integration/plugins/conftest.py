"""The processes that the tests of this folder share: each pytest worker has its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from .client import ProviderClient, connect
from .processes import plugin_environment, run_plugin, run_simulation
from .scene import REGION, Scene

AWS_PLUGIN = "pulumi-resource-aws"


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a simulated AWS."""
    with run_simulation(tmp_path_factory.mktemp("simulation")) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def client(endpoint: str) -> Callable[[str], Any]:
    """Return a function that returns boto3's client of a service: AWS as somebody else than Pulumi sees it."""
    session = boto3.Session(aws_access_key_id="simulation", aws_secret_access_key="simulation", region_name=REGION)
    clients: dict[str, Any] = {}

    def get(service: str) -> Any:
        if service not in clients:
            # The service is not known before it runs, so no overload of the stubs applies.
            clients[service] = session.client(service, endpoint_url=endpoint)  # type: ignore[call-overload]
        return clients[service]

    return get


@pytest.fixture
def scene(client: Callable[[str], Any]) -> Scene:
    return Scene(client)


@pytest.fixture(scope="session")
def aws(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderClient]:
    """Return a configured AWS provider without default tags."""
    folder = tmp_path_factory.mktemp("aws")
    with (
        run_plugin(AWS_PLUGIN, folder, plugin_environment(AWS_ENDPOINT_URL=endpoint)) as plugin,
        connect(plugin.address) as provider,
    ):
        provider.configure(region=REGION)
        yield provider


@pytest.fixture(scope="session")
def own_aws(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderClient]:
    """Return an AWS provider that each test configures itself."""
    folder = tmp_path_factory.mktemp("own-aws")
    with (
        run_plugin(AWS_PLUGIN, folder, plugin_environment(AWS_ENDPOINT_URL=endpoint)) as plugin,
        connect(plugin.address) as provider,
    ):
        yield provider
