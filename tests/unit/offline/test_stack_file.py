"""A stack file is read as the engine would hand it over; a mistake is told by the file's and the setting's name."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from contract.problems import ContractError
from offline import stack_file
from offline.stack_file import list_environments, read_settings, require_environment

NOT_YAML = "text that is not YAML (expected the node content, but found '<stream end>')"


@pytest.fixture
def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of stack files with a copy of the shipped one."""
    shipped = (stack_file.FOLDER / "Pulumi.local.yaml").read_text()
    (tmp_path / "Pulumi.local.yaml").write_text(shipped)
    monkeypatch.setattr(stack_file, "FOLDER", tmp_path)
    return tmp_path


def refusal(environment: str = "local") -> str:
    with pytest.raises(ContractError) as caught:
        read_settings(environment)
    return str(caught.value)


def test_the_shipped_environment_is_simulated_and_runs_on_podman() -> None:
    settings = read_settings("local")
    assert (settings.cloud, settings.target, settings.deletion_protection) == ("simulated", "podman", False)
    assert settings.network.zones == 2
    assert [pool.price_per_hour for pool in settings.gpu_pools] == [804_800_000]


def test_a_setting_means_the_same_quoted_or_not_where_the_engine_sees_no_difference(stacks: Path) -> None:
    path = stacks / "Pulumi.local.yaml"
    quoted = read_settings("local")
    text = path.read_text()
    assert 'faregate:deletion_protection: "false"' in text
    path.write_text(text.replace('deletion_protection: "false"', "deletion_protection: false"))
    assert read_settings("local") == quoted


def test_environments_are_those_that_have_a_file(stacks: Path) -> None:
    for name in ("Pulumi.prod.yaml", "Pulumi.eu.west.yaml", "Pulumi.yaml", "catalog.yaml", "Pulumi.old.yaml.bak"):
        (stacks / name).write_text("")
    assert list_environments() == ["eu.west", "local", "prod"]
    require_environment("eu.west")


@pytest.mark.parametrize("name", ["prod", "", "../stacks/Pulumi.local", "LOCAL", "*"])
def test_an_unknown_environment_is_refused_with_the_known_ones(stacks: Path, name: str) -> None:
    (stacks / "Pulumi.dev.yaml").write_text("")
    assert refusal(name) == (
        f"ENV: given {name!r} (a string); allowed: an environment that has a file in stacks/: dev, local"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "stacks/Pulumi.local.yaml: given nothing (an empty document); allowed: a mapping"),
        ("- a\n", "stacks/Pulumi.local.yaml: config: given null; allowed: the settings, by name"),
        ("encryptionsalt: x\n", "stacks/Pulumi.local.yaml: config: given null; allowed: the settings, by name"),
        ("config: [1]\n", "stacks/Pulumi.local.yaml: config: given [1] (a list); allowed: the settings, by name"),
        ("config:\n  a: {\n", f"stacks/Pulumi.local.yaml: line 3, column 1: given {NOT_YAML}; allowed: YAML"),
    ],
)
def test_a_file_that_holds_no_settings_is_refused_by_its_name(stacks: Path, text: str, problem: str) -> None:
    (stacks / "Pulumi.local.yaml").write_text(text)
    assert refusal() == problem


def test_every_setting_of_an_empty_configuration_is_named_as_missing(stacks: Path) -> None:
    (stacks / "Pulumi.local.yaml").write_text("config: {}\n")
    lines = refusal().splitlines()
    assert [line.split(": ")[1].split(":")[1] for line in lines] == [
        *("cloud", "target", "account", "region", "network", "cluster", "gpu_pools", "database", "load_balancer"),
        *("logs", "quota"),
    ]


def test_a_wrong_setting_is_refused_by_its_name(stacks: Path) -> None:
    path = stacks / "Pulumi.local.yaml"
    document = yaml.safe_load(path.read_text())
    document["config"]["faregate:network"]["zones"] = 7
    path.write_text(yaml.safe_dump(document))
    assert refusal() == (
        "stacks/Pulumi.local.yaml: faregate:network.zones: given 7 (an integer); allowed: an integer from 2 to 3"
    )


def test_a_setting_of_another_program_is_none_of_ours(stacks: Path) -> None:
    path = stacks / "Pulumi.local.yaml"
    before = read_settings("local")
    path.write_text(path.read_text().replace("config:\n", "config:\n  aws:region: eu-central-1\n"))
    assert read_settings("local") == before


def test_a_byte_that_is_no_text_is_refused_where_it_stands(stacks: Path) -> None:
    path = stacks / "Pulumi.local.yaml"
    path.write_bytes(path.read_bytes().replace(b"us-east-1", b"us-east-\xff"))
    assert refusal().startswith("stacks/Pulumi.local.yaml: faregate:region: given 'us-east-\N{REPLACEMENT CHARACTER}'")
