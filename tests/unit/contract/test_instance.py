"""An instance has a name that fits everything it prefixes, and ports of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from contract.instance import Instance

Explain = Callable[[type[BaseModel], object], list[str]]

NAME = "an instance's name: 1 to 20 lower-case letters, digits and hyphens that starts with a letter"


def test_an_instance_survives_being_written_and_read(instance_data: dict[str, Any]) -> None:
    instance = Instance.model_validate(instance_data)
    assert instance.manifests == Path("/var/lib/faregate/local/manifests")
    assert Instance.model_validate_json(instance.model_dump_json()) == instance
    assert instance.model_dump(mode="json") == instance_data


@pytest.mark.parametrize("name", ["Local", "1st", "a_b", "a" * 21, "", "-a"])
def test_a_name_that_cannot_be_a_prefix_is_refused(instance_data: dict[str, Any], explain: Explain, name: str) -> None:
    instance_data["name"] = name
    assert explain(Instance, instance_data) == [f"doc: name: given {name!r} (a string); allowed: {NAME}"]


@pytest.mark.parametrize("name", ["a", "local", "test-1f3a", "a" * 20])
def test_a_name_that_can_be_a_prefix_is_read(instance_data: dict[str, Any], name: str) -> None:
    instance_data["name"] = name
    assert Instance.model_validate(instance_data).name == name


def test_a_purpose_is_a_users_or_a_tests(instance_data: dict[str, Any], explain: Explain) -> None:
    instance_data["purpose"] = "demo"
    assert explain(Instance, instance_data) == ["doc: purpose: given 'demo' (a string); allowed: one of user, test"]


@pytest.mark.parametrize(
    ("manifests", "problem"),
    [
        ("manifests", "given 'manifests' (a string); allowed: an absolute path"),
        (1, "given 1 (an integer); allowed: a path"),
    ],
)
def test_the_folder_of_manifests_is_absolute(
    instance_data: dict[str, Any], explain: Explain, manifests: object, problem: str
) -> None:
    instance_data["manifests"] = manifests
    assert explain(Instance, instance_data) == [f"doc: manifests: {problem}"]


@pytest.mark.parametrize("key", ["name", "purpose", "ports", "manifests"])
def test_nothing_of_an_instance_is_optional(instance_data: dict[str, Any], explain: Explain, key: str) -> None:
    del instance_data[key]
    (line,) = explain(Instance, instance_data)
    assert line.startswith(f"doc: {key}: given nothing; allowed: ")


@pytest.mark.parametrize("key", ["gateway", "database", "metrics", "alerts", "simulation"])
def test_no_port_is_optional(instance_data: dict[str, Any], explain: Explain, key: str) -> None:
    del instance_data["ports"][key]
    assert explain(Instance, instance_data) == [
        f"doc: ports.{key}: given nothing; allowed: an integer from 1 to 65535 (required)"
    ]


def test_two_of_an_instance_never_share_a_port(instance_data: dict[str, Any], explain: Explain) -> None:
    instance_data["ports"] = {"gateway": 80, "database": 81, "metrics": 80, "alerts": 81, "simulation": 80}
    assert explain(Instance, instance_data) == [
        "doc: ports.metrics: given 80 (an integer); allowed: a port of its own, for it is gateway's too",
        "doc: ports.alerts: given 81 (an integer); allowed: a port of its own, for it is database's too",
        "doc: ports.simulation: given 80 (an integer); allowed: a port of its own, for it is gateway's too",
    ]
