"""The machine's real podman, an image that is made of this machine's own shell, and an instance's name."""

from __future__ import annotations

import io
import os
import re
import secrets
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from offline import container_tools
from offline.container_names import IMAGE_LABEL, INSTANCE_LABEL, PURPOSE_LABEL, name_container
from offline.podman import Container, Podman

PROGRAMS = ("sh", "sleep")

SHOW = b'while read line; do echo "$line"; done < /proc/self/limits; echo "proxy:$http_proxy"'
"""What a container may have and knows of the machine, as a script for its shell."""


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what makes podman read the configuration that this project writes."""
    assert os.geteuid() == 0, "these tests start containers: run them as root"
    missing = container_tools.find_missing()
    assert not missing, f"these tests start containers: install {', '.join(missing)}, or run .ci/run, which does"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return {**os.environ, "CONTAINERS_CONF": str(container_tools.write_config())}


@pytest.fixture(scope="session")
def podman(environment: dict[str, str]) -> Podman:
    return Podman(environment)


@pytest.fixture(scope="session")
def image(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the name of a small image: /bin/sh, /bin/sleep and the script /show."""
    name = f"localhost/faregate-x{secrets.token_hex(4)}:1"
    archive = tmp_path_factory.mktemp("image") / "root.tar"
    pack_programs(archive)
    run_podman(environment, "import", "--quiet", f"--change=LABEL {IMAGE_LABEL}=x", str(archive), name)
    yield name
    run_podman(environment, "rmi", "--force", name)


def run_podman(environment: dict[str, str], *arguments: str) -> str:
    """Run podman as somebody else would, and return what it prints."""
    ended = subprocess.run(["podman", *arguments], env=environment, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, f"podman {' '.join(arguments)}\n{ended.stderr}"
    return ended.stdout.strip()


def pack_programs(archive: Path) -> None:
    """Write programs of this machine, with the libraries that they need, as the root of a container."""
    files: dict[str, Path] = {}
    for program in PROGRAMS:
        found = shutil.which(program)
        assert found
        files[f"bin/{program}"] = Path(found).resolve()
        needed = subprocess.run(["ldd", found], capture_output=True, text=True, check=True).stdout
        files.update((library, Path(library).resolve()) for library in re.findall(r"/\S+", needed))
    with tarfile.open(archive, "w") as tar:
        for name, source in files.items():
            tar.add(source, name)
        member = tarfile.TarInfo("show")
        member.size = len(SHOW)
        tar.addfile(member, io.BytesIO(SHOW))


@dataclass
class Scene:
    """An instance of a test's own, and what stands in for somebody else's things."""

    podman: Podman
    environment: dict[str, str]
    image: str
    instance: str = field(default_factory=lambda: f"x{secrets.token_hex(4)}")

    @property
    def labels(self) -> dict[str, str]:
        return {INSTANCE_LABEL: self.instance, PURPOSE_LABEL: "test"}

    @property
    def name(self) -> str:
        """The name of its container."""
        return name_container(self.instance, "a")

    def run(self, *command: str) -> Container:
        """Run its container and return it."""
        id_ = self.podman.run(self.name, self.image, self.labels, command=command or ("/bin/sleep", "1000"))
        (found,) = self.podman.containers(self.instance)
        assert found.id == id_
        return found

    def ask(self, *arguments: str) -> str:
        """Run podman as somebody else would, and return what it prints."""
        return run_podman(self.environment, *arguments)

    def find_monitor(self, container: Container) -> int:
        """Return the process that watches a container for podman."""
        return int(self.ask("inspect", "--format", "{{.State.ConmonPid}}", container.id))


@pytest.fixture
def scene(podman: Podman, environment: dict[str, str], image: str) -> Iterator[Scene]:
    scene = Scene(podman, environment, image)
    yield scene
    for container in podman.containers(scene.instance):
        podman.remove_container(container.name, 0)
    for network in podman.networks(scene.instance):
        podman.remove_network(network)
    for volume in podman.volumes(scene.instance):
        podman.remove_volume(volume)
