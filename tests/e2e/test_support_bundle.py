"""`make support-bundle` of a real instance: one file that tells of every part, and holds none of its secrets."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator

import pytest

from .conftest import REPOSITORY, Environment


@pytest.fixture
def members(environment: Environment) -> Iterator[dict[str, str]]:
    """The text of each member of a new bundle, by its path below the one folder."""
    printed = environment.make("support-bundle").stdout
    pattern = rf"^{REPOSITORY}/(results/\S+-{environment.name}-support-bundle\.tar\.gz) "
    [path] = re.findall(pattern, printed, re.MULTILINE)
    bundle = REPOSITORY / path
    with tarfile.open(bundle) as file:
        yield {member.name.partition("/")[2]: _read(file, member) for member in file}
    bundle.unlink()


def test_a_bundle_tells_of_every_part_and_holds_no_secret(environment: Environment, members: dict[str, str]) -> None:
    secrets = {file.name: file.read_text().strip() for file in (environment.home.folder / "secrets").iterdir()}
    assert len(secrets) >= 5
    assert [(name, path) for name, value in secrets.items() for path in members if value in members[path]] == []

    assert members["README.txt"].endswith("What could not be had:\n  nothing\n")
    assert {f"logs/{part}.log" for part in environment.containers()} <= set(members)
    assert "database system is ready to accept connections" in members["logs/database-1.log"]
    assert '"event": "request"' in "".join(text for path, text in members.items() if path.startswith("logs/gateway"))
    assert json.loads(members["stack/outputs.json"])["instance"] == environment.name
    assert len(json.loads(members["stack/state.json"])["deployment"]["resources"]) > 50
    assert json.loads(members["stack/history.json"])[0]["result"] == "succeeded"
    assert json.loads(members["monitoring/prometheus-targets.json"])["data"]["activeTargets"]
    assert members["monitoring/gateway-models.txt"].startswith("200\n")
    assert {row["Name"] for row in json.loads(members["containers/containers.json"])} == {
        container.name for container in environment.containers().values()
    }
    assert "NOT OK" not in members["machine/doctor.txt"]
    assert members["containers/secrets.txt"].startswith(f"faregate-{environment.name}-billing_database_gateway-")


def _read(file: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    content = file.extractfile(member)
    assert content is not None
    return content.read().decode()
