"""Ansible filter `replicas`: what the specs of workloads mean on podman, container by container."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

Spec = Mapping[str, Any]

SECRETS = "/run/secrets"
"""Where a container finds its secrets, one file each."""


def render_workloads(
    workloads: Iterable[Spec],
    instance: Spec,
    images: Mapping[str, str],
    folder: str,
    region: str,
    making: str,
    secrets: Mapping[str, Mapping[str, str]],
) -> dict[str, list[dict[str, Any]]]:
    """Return each workload's containers by its name: images are by name, secrets by workload; see `render_replicas`."""
    return {
        workload["name"]: render_replicas(
            workload, instance, images[workload["image"]], folder, region, making, secrets[workload["name"]]
        )
        for workload in workloads
    }


def render_replicas(
    workload: Spec, instance: Spec, image: str, folder: str, region: str, making: str, secrets: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return a workload's containers, as `roles/workload/tasks/podman.yml` takes them.

    Args:
        workload: one item of `workloads.yml`.
        instance: the instance, as `contract.instance` has it: its name prefixes names, its purpose is a label.
        image: reference of the workload's image.
        folder: where the instance keeps its files.
        region: AWS region.
        making: what else a container comes from. One that came from something else is not as the spec says.
        secrets: what podman calls each secret that the workload reads. A new value comes with a new name, so a replica
            that has the old one is not as the spec says; the value itself is in no digest.
    """
    prefix = f"faregate-{instance['name']}"
    files = [_place(file, workload["name"], folder) for file in workload.get("files") or []]
    sockets = [(f"{folder}/{workload['name']}", workload["sockets"])] if workload.get("sockets") else []
    volumes = [(f"{prefix}-{volume['name']}", volume["path"]) for volume in workload.get("volumes") or []]
    common = {
        "image": image,
        "aliases": [workload["name"], f"{workload.get('alias') or workload['name']}-{workload['version']}"],
        "environment": _compose_environment(workload, region),
        "mounts": [
            *(f"{source}:{path}" for source, path in [*volumes, *sockets]),
            *(f"{file['source']}:{file['path']}:ro" for file in files),
        ],
        "files": files,
        "folders": [source for source, _ in sockets],
        "volumes": [name for name, _ in volumes],
        "secrets": [_grant(secret, secrets) for secret in workload.get("secrets") or []],
        # Podman can't make this folder in a root that is read-only; nobody can write into this one either.
        "tmpfs": {SECRETS: "ro"} if workload.get("secrets") else {},
        "publish": [f"127.0.0.1:{workload['published']}:{workload['port']}"] if workload.get("published") else [],
        "probe": {"port": workload["port"], **workload["probe"]},
        "memory_mib": workload["memory_mib"],
        "start_seconds": workload["start_seconds"],
        "stop_seconds": workload["stop_seconds"],
    }
    labels = {
        "faregate.instance": instance["name"],
        "faregate.purpose": instance["purpose"],
        "faregate.workload": workload["name"],
        "faregate.spec": _digest([common, making]),
    }
    names = [f"{prefix}-{workload['name']}-{number}" for number in range(1, workload["replicas"] + 1)]
    return [{**common, "name": name, "labels": labels} for name in names]


def _compose_environment(workload: Spec, region: str) -> dict[str, str]:
    own = {name: str(value) for name, value in (workload.get("environment") or {}).items()}
    if not workload.get("model_store"):
        return own
    # A simulated AWS knows no accounts: these are no secrets. It has this name on the instance's network.
    return own | {
        "AWS_ENDPOINT_URL": "http://simulation:5000",
        "AWS_ACCESS_KEY_ID": "simulation",
        "AWS_SECRET_ACCESS_KEY": "simulation",
        "AWS_REGION": region,
    }


def _place(file: Spec, workload: str, folder: str) -> dict[str, str]:
    # The whole path: two files may have the same name.
    source = PurePosixPath(folder, "files", workload, file["path"].lstrip("/"))
    return {"source": str(source), "path": file["path"], "text": file["text"]}


def _grant(secret: Spec, names: Mapping[str, str]) -> str:
    """Return podman's option for a secret that only the user of every image can read."""
    return f"{names[secret['secret']]},target={SECRETS}/{secret['name']},uid=999,gid=999,mode=0400"


def _digest(value: Any) -> str:
    """Return what two values have in common only if they are the same."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"replicas": render_workloads}
