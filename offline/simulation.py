"""The simulated AWS of an instance: moto's server, as a container on the instance's network.

It keeps everything in memory and forgets it when it stops; `pulumi up --refresh` heals that. This machine reaches it on
127.0.0.1, containers by its name: no tool is ever given an address that is not on loopback.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request

from offline.container_names import compose_labels, name_container, name_network
from offline.instance import Home
from offline.loopback import open_url
from offline.podman import Container, Podman, is_alive
from offline.ports import PortTaken, is_free

NAME = "simulation"
"""Of its image, its part of the instance, and its name on the instance's network."""

CONTAINER_PORT = 5000

START_SECONDS = 60
"""Longest wait for the server; it takes about 2 s on an idle machine."""

STOP_SECONDS = 10

# Whatever proxy the environment names does not find this machine's loopback.


class SimulationFailed(Exception):
    """The server did not start; the text holds the end of its log."""


def endpoint_of(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def is_running(home: Home, podman: Podman) -> bool:
    """Say whether the instance's own server is alive and answers."""
    return _serves(_find(home, podman), home.read().ports.simulation)


def start(home: Home, podman: Podman, image: str) -> bool:
    """Start the server unless it runs from this image; return whether this call started it.

    Raises:
        PortTaken: something else listens on the port.
        SimulationFailed: the server ended or did not answer in time.
    """
    instance = home.read()
    name, port = name_container(instance.name, NAME), instance.ports.simulation
    found = _find(home, podman)
    if found and found.image == image and _serves(found, port):
        return False
    podman.remove_container(name, STOP_SECONDS)
    if not is_free(port):
        raise PortTaken(port, "simulation")
    podman.make_network(name_network(instance.name), compose_labels(instance))
    options = [
        f"--network={name_network(instance.name)}",
        f"--network-alias={NAME}",
        f"--publish=127.0.0.1:{port}:{CONTAINER_PORT}",
        "--read-only",
        "--cap-drop=all",
        "--security-opt=no-new-privileges",
        "--http-proxy=false",
        "--memory=1g",
        "--log-driver=k8s-file",
        "--log-opt=max-size=10mb",
    ]
    podman.run(name, image, compose_labels(instance, NAME), options)
    deadline = time.monotonic() + START_SECONDS
    while not answers(port):
        container = _find(home, podman)
        if container is None or not is_alive(container) or time.monotonic() > deadline:
            raise SimulationFailed(f"the simulation did not start:\n{podman.logs(name, 20)}")
        time.sleep(0.1)
    return True


def forget(home: Home) -> None:
    """Make the simulation forget everything that was created in it."""
    request = urllib.request.Request(f"{endpoint_of(home.read().ports.simulation)}/moto-api/reset", method="POST")  # noqa: S310
    with open_url(request, timeout=STOP_SECONDS):
        pass


def answers(port: int) -> bool:
    """Say whether a simulation answers on this port of loopback."""
    try:
        with open_url(f"{endpoint_of(port)}/moto-api/", timeout=2) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except (OSError, http.client.HTTPException):
        return False


def _serves(container: Container | None, port: int) -> bool:
    return container is not None and is_alive(container) and answers(port)


def _find(home: Home, podman: Podman) -> Container | None:
    name = name_container(home.folder.name, NAME)
    return next((container for container in podman.containers(home.folder.name) if container.name == name), None)
