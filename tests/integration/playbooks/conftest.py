"""What the roles work on: a simulated AWS, and a database server that has never seen a role."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.plugins.processes import run_simulation
from tests.integration.services.database.container import Container, make_container


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a simulated AWS."""
    with run_simulation(tmp_path_factory.mktemp("simulation")) as endpoint:
        yield endpoint


@pytest.fixture
def server() -> Iterator[Container]:
    """Return a new database server that runs."""
    with make_container() as container:
        container.start()
        yield container
