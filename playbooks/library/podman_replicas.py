#!/usr/bin/python
"""Ansible module: which containers of workloads are as they should be.

`containers.podman.podman_container` trusts podman's own state, which lies after a hard kill or a reboot: it says "Up"
of a process that is gone. Here a container lives if its process does, and is ready if it answers its probe.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: podman_replicas
short_description: Find the containers of workloads that must be replaced
description:
  - Changes nothing. A replica that lives and does not answer its probe yet is waited for while it may be starting,
    unless nobody O(waits).
  - Fails if a wanted name is that of a container which is not this instance's, before it waits for anything.
options:
  instance:
    description: Name of the instance, the label of its containers.
    type: str
    required: true
  workloads:
    description:
      - The containers that should run by the name of their workload, the label of its containers.
      - Each has its C(name), C(labels), C(probe) and C(start_seconds).
    type: dict
    required: true
  waits:
    description: Whether a replica that does not answer its probe is asked again.
    type: bool
    default: true
author: Faregate
"""

EXAMPLES = r"""
- name: Find replicas that are not as the spec says
  podman_replicas:
    instance: local
    workloads:
      database: "{{ workload_replicas }}"
  register: workload_found
"""

RETURN = r"""
unfit:
  description:
    - Replicas to replace, each with its C(name) and C(workload), the C(reason), whether there is a process that
      C(lives), and whether it may be one that C(serves).
    - Those that serve nobody come first, so that replacing them in this order interrupts as little as possible.
  type: list
  elements: dict
  returned: always
ready:
  description: Names of the replicas that run as the spec says and answer their probe.
  type: list
  elements: str
  returned: always
addresses:
  description: Address on the instance's network by workload and name, of each container that lives.
  type: dict
  returned: always
surplus:
  description: Names of containers of these workloads that no spec names.
  type: list
  elements: str
  returned: always
fit:
  description: Names of the workloads of which nothing must be replaced or removed.
  type: list
  elements: str
  returned: always
settled:
  description:
    - Names of the workloads of which nothing must be removed and no replica may become ready by itself, as one may that
      is starting or waits for another part.
  type: list
  elements: str
  returned: always
"""

PROBE_SECONDS = 5
PAUSE_SECONDS = 0.2
ATTEMPTS = 3
"""A replica that has answered before may miss a probe on a busy machine, but not so many in a row."""

LASTING = MISSING, DEAD, DIFFERENT = "is missing", "is dead", "is not as the spec says"
"""Reasons that do not go away by themselves."""

COMMAND_SECONDS = 120
"""Longest wait for a podman command; most take a tenth of a second."""


class PodmanFailed(Exception):
    """A podman command failed, or found what is not ours; the text says which and why."""


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "instance": {"type": "str", "required": True},
            "workloads": {"type": "dict", "required": True},
            "waits": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    instance, workloads, waits = (module.params[name] for name in ("instance", "workloads", "waits"))
    names = {replica["name"] for wanted in workloads.values() for replica in wanted}
    try:
        containers = _find_containers(instance, workloads, names)
        for name in sorted(names & containers.keys()):
            _require_ours(containers[name], instance)
        judged = {
            workload: [_judge(workload, replica, containers.get(replica["name"]), waits) for replica in wanted]
            for workload, wanted in workloads.items()
        }
    except (PodmanFailed, OSError, subprocess.TimeoutExpired) as error:
        module.fail_json(msg=str(error))
    surplus = containers.keys() - names
    crowded = {_find_workload(containers[name]["Config"]["Labels"]) for name in surplus}
    module.exit_json(
        changed=False,
        ready=[replica["name"] for replica in chain(*judged.values()) if not replica["reason"]],
        unfit=sorted((replica for replica in chain(*judged.values()) if replica["reason"]), key=itemgetter("serves")),
        addresses={workload: _find_addresses(containers, workload, wanted) for workload, wanted in workloads.items()},
        surplus=sorted(surplus),
        fit=[
            workload
            for workload, replicas in judged.items()
            if workload not in crowded and not any(replica["reason"] for replica in replicas)
        ],
        settled=[
            workload
            for workload, replicas in judged.items()
            if workload not in crowded and {replica["reason"] for replica in replicas} <= {None, *LASTING}
        ],
    )


def _find_containers(instance: str, workloads: Mapping[str, Any], names: set[str]) -> dict[str, dict[str, Any]]:
    """Return, by name, every container that is of one of these workloads or has one of these names."""
    listed = json.loads(_podman("ps", "--all", "--format", "json")) or []
    ids = [
        row["Id"]
        for row in listed
        if row["Names"][0] in names
        or ((row["Labels"] or {}).get("faregate.instance") == instance and _find_workload(row["Labels"]) in workloads)
    ]
    if not ids:
        return {}
    ended = _run(["podman", "container", "inspect", *ids], COMMAND_SECONDS)
    # Another command may have removed one since it was listed; the others are printed all the same.
    if ended.returncode != 0 and "no such container" not in ended.stderr:
        raise PodmanFailed(f"podman container inspect: {_last_line(ended)}")
    return {container["Name"]: container for container in json.loads(ended.stdout)}


def _require_ours(container: dict[str, Any], instance: str) -> None:
    if (container["Config"]["Labels"] or {}).get("faregate.instance") != instance:
        raise PodmanFailed(
            f"a container named {container['Name']} exists that is not this instance's: rename or remove it, "
            f"or choose another INSTANCE="
        )


def _find_workload(labels: Mapping[str, str] | None) -> str:
    return (labels or {}).get("faregate.workload", "")


def _judge(workload: str, replica: dict[str, Any], container: dict[str, Any] | None, waits: bool) -> dict[str, Any]:
    """Return a replica's name, why it must be replaced if it must, and what it still does."""
    if container is None:
        reason: str | None = MISSING
    elif not _is_alive(container):
        reason = DEAD
    elif container["Config"]["Labels"].get("faregate.spec") != replica["labels"]["faregate.spec"]:
        reason = DIFFERENT
    else:
        reason = _await_ready(replica, container, waits=waits)
    return {
        "name": replica["name"],
        "workload": workload,
        "reason": reason,
        "lives": reason not in (MISSING, DEAD),
        "serves": reason == DIFFERENT,
    }


def _await_ready(replica: dict[str, Any], container: dict[str, Any], *, waits: bool = True) -> str | None:
    """Return why a replica is not ready, or nothing once it is."""
    age = (datetime.now(UTC) - datetime.fromisoformat(container["State"]["StartedAt"])).total_seconds()
    # Where the clock was set back, the replica is as if it had started now.
    deadline = time.monotonic() + replica["start_seconds"] - max(age, 0)
    attempts = 0
    while _is_alive(container):
        failure = _probe(replica["probe"], container)
        if failure is None:
            return None
        attempts += 1
        if not waits or (attempts >= ATTEMPTS and time.monotonic() > deadline):
            return f"does not answer: {failure}"
        time.sleep(PAUSE_SECONDS)
    return DEAD


def _is_alive(container: dict[str, Any]) -> bool:
    """Say whether the container's process runs: a process id alone may be another's by now."""
    process = Path(f"/proc/{container['State']['Pid']}")
    try:
        state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        cgroups = (process / "cgroup").read_text()
    except OSError:
        return False
    # A zombie, which nobody waited for yet, and a process that is being removed.
    return state not in "ZX" and container["Id"] in cgroups


def _probe(probe: dict[str, Any], container: dict[str, Any]) -> str | None:
    """Return why the probe failed, or nothing."""
    if command := probe.get("command"):
        return _execute(container["Id"], command)
    address = _find_address(container)
    return _get(address, probe["port"], probe["http"]) if address else "it has no address"


def _find_addresses(
    containers: Mapping[str, dict[str, Any]], workload: str, wanted: Sequence[dict[str, Any]]
) -> dict[str, str]:
    """Return the addresses of a workload's containers that live, by name."""
    names = {replica["name"] for replica in wanted}
    return {
        name: _find_address(found)
        for name, found in sorted(containers.items())
        if (name in names or _find_workload(found["Config"]["Labels"]) == workload) and _is_alive(found)
    }


def _find_address(container: dict[str, Any]) -> str:
    """Return a container's first address, or nothing."""
    networks = container["NetworkSettings"]["Networks"] or {}
    return next((network["IPAddress"] for network in networks.values() if network.get("IPAddress")), "")


def _get(address: str, port: int, path: str) -> str | None:
    url = f"http://{address}:{port}{path}"
    connection = http.client.HTTPConnection(address, port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{url}: {str(error) or type(error).__name__}"
    finally:
        connection.close()
    return None if 200 <= status < 300 else f"{url} answers {status}"


def _execute(container_id: str, command: list[str]) -> str | None:
    try:
        ended = _run(["podman", "exec", container_id, *command], PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        return f"{' '.join(command)} did not end within {PROBE_SECONDS} s"
    if ended.returncode == 0:
        return None
    return _last_line(ended) or f"{' '.join(command)} ended with {ended.returncode}"


def _podman(*arguments: str) -> str:
    ended = _run(["podman", *arguments], COMMAND_SECONDS)
    if ended.returncode != 0:
        raise PodmanFailed(f"podman {' '.join(arguments)}: {_last_line(ended)}")
    return ended.stdout


def _run(command: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, check=False, capture_output=True, encoding="utf-8", errors="replace", timeout=seconds
    )


def _last_line(ended: subprocess.CompletedProcess[str]) -> str:
    return ((ended.stderr or ended.stdout).strip().splitlines() or [""])[-1]


if __name__ == "__main__":
    main()
