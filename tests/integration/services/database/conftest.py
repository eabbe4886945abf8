"""Containers of the database, each with a volume of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .container import Container, make_container


@pytest.fixture
def container() -> Iterator[Container]:
    """Return a container that was never started."""
    with make_container() as container:
        yield container


@pytest.fixture(scope="session")
def running() -> Iterator[Container]:
    """Return a container that runs, for tests that neither stop it nor leave anything in it."""
    with make_container() as container:
        container.start()
        yield container
