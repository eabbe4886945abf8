"""The machine's real podman, an image, a network, and a workload of each test's own."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from offline import container_tools

from .scene import Machine, Podman, Workload


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    assert os.geteuid() == 0, "these tests start containers: run them as root"
    missing = container_tools.find_missing()
    assert not missing, f"these tests start containers: install {', '.join(missing)}, or run .ci/run, which does"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        path = container_tools.extend_path(os.environ["PATH"])
        podman = Podman({**os.environ, "PATH": path, "CONTAINERS_CONF": str(container_tools.write_config())})
    machine = Machine(podman, f"localhost/faregate-x{secrets.token_hex(4)}:1")
    try:
        machine.set_up(tmp_path_factory.mktemp("image") / "root.tar")
        yield machine
    finally:
        machine.tear_down()


@pytest.fixture
def workload(machine: Machine, tmp_path: Path) -> Iterator[Workload]:
    workload = Workload(machine, tmp_path)
    yield workload
    workload.remove()
