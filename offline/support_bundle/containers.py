"""The chapters on an instance's containers, with whatever belongs to them: what podman knows, what they printed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from offline.container_names import name_container
from offline.instance import Home
from offline.podman import Container, is_alive
from offline.support_bundle.output import ask, ask_for_end
from offline.support_bundle.parts import Chapter, Part, to_json
from offline.tools import open_podman, prepare_container_environment

_VARIABLE_OPTIONS = ("-e", "--env")


def list_chapters(home: Home, lines: int) -> list[Chapter]:
    """Return the chapters, with so many of the last lines of each container's log."""
    name = home.folder.name
    return [Chapter("Containers", lambda: _list_states(name)), Chapter("Logs", lambda: _list_logs(name, lines))]


def _list_states(instance: str) -> Iterator[Part]:
    podman = open_podman()
    yield Part("containers/summary.txt", lambda: _summarize(_list_containers(instance)))
    yield Part(
        "containers/containers.json", lambda: _inspect("container", [it.id for it in _list_containers(instance)])
    )
    yield Part("containers/volumes.json", lambda: _inspect("volume", podman.volumes(instance)))
    yield Part("containers/networks.json", lambda: _inspect("network", podman.networks(instance)))
    yield Part("containers/secrets.txt", lambda: "".join(f"{name}\n" for name in sorted(podman.secrets(instance))))


def _list_logs(instance: str, lines: int) -> Iterator[Part]:
    for container in _list_containers(instance):
        command = ["podman", "logs", container.name]
        part = container.name.removeprefix(name_container(instance, ""))
        yield Part(f"logs/{part}.log", partial(ask_for_end, command, lines, prepare_container_environment()))


def _list_containers(instance: str) -> list[Container]:
    return sorted(open_podman().containers(instance), key=lambda container: container.name)


def _summarize(containers: Sequence[Container]) -> str:
    """Return a line for each container: whether its process is there, whatever podman says, and what it runs."""
    return "".join(f"{'alive' if is_alive(it) else 'DEAD':<6} {it.name}  {it.image}\n" for it in containers)


def _inspect(kind: str, names: Sequence[str]) -> str:
    found = json.loads(ask(["podman", kind, "inspect", *names], prepare_container_environment())) if names else []
    return to_json(hide_variables(found))


def hide_variables(document: Any) -> Any:
    """Return what podman says of a container with the names of its environment's variables alone."""
    match document:
        case list():
            return [hide_variables(item) for item in document]
        case dict():
            return {key: _hide_in(key, value) for key, value in document.items()}
    return document


def _hide_in(key: str, value: Any) -> Any:
    if key == "Env" and isinstance(value, list):
        return sorted(str(item).partition("=")[0] for item in value)
    if key == "CreateCommand" and isinstance(value, list):
        return list(_hide_in_command(value))
    return hide_variables(value)


def _hide_in_command(words: Sequence[str]) -> Iterator[str]:
    previous = ""
    for word in words:
        option, _, assignment = word.partition("=")
        if previous in _VARIABLE_OPTIONS:
            yield option
        elif option in _VARIABLE_OPTIONS and assignment:
            yield f"{option}={assignment.partition('=')[0]}"
        else:
            yield word
        previous = word
