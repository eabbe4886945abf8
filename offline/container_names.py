"""How containers, networks, volumes, secrets and images of this project are named and labelled.

A name alone says nothing about whose a thing is: anybody may have used it. What carries the label is ours.
"""

from __future__ import annotations

from contract.instance import Instance

INSTANCE_LABEL = "faregate.instance"
"""Which instance a container, network, volume or secret belongs to."""
PURPOSE_LABEL = "faregate.purpose"
"""Whose that instance is: `user` or `test`."""
WORKLOAD_LABEL = "faregate.workload"
"""Which workload a container runs, or a secret was made for."""
IMAGE_LABEL = "faregate.image"
"""Which of this project's images an image is."""


def name_network(instance: str) -> str:
    return f"faregate-{instance}"


def name_container(instance: str, part: str) -> str:
    return f"faregate-{instance}-{part}"


def name_volume(instance: str, part: str) -> str:
    return f"faregate-{instance}-{part}"


def compose_labels(instance: Instance, workload: str | None = None) -> dict[str, str]:
    """Return the labels of what belongs to an instance; of a container also which workload it runs."""
    labels = {INSTANCE_LABEL: instance.name, PURPOSE_LABEL: instance.purpose}
    return labels if workload is None else {**labels, WORKLOAD_LABEL: workload}
