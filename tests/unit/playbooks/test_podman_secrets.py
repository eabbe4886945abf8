"""Module `podman_secrets`: what it makes of what podman keeps. A script stands in for podman."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from .modules import install_podman, run_module

VALUE = "fdW2pVcs8vKq"
VERSION = "0123456789abcdef"

PODMAN = f"""#!{sys.executable} -ISE
import json, sys
from pathlib import Path
folder = Path(__file__).parent
kept = json.loads((folder / "kept.json").read_text())
match sys.argv[1:]:
    case ["secret", "ls", "--quiet"]:
        print(*(it["ID"] for it in kept), sep="\\n")
    case ["secret", "inspect", *ids]:
        print(json.dumps([it for it in kept if it["ID"] in ids and not it.get("vanished")]))
        complaint = folder / "complaint"
        if complaint.exists():
            sys.exit(complaint.read_text())
    case _:
        sys.exit("this changes something")
"""


@dataclass
class FakePodman:
    folder: Path
    kept: list[dict[str, Any]] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)

    def add(
        self, name: str, value: str = VALUE, instance: str | None = "dev", workload: str = "web", **more: Any
    ) -> None:
        """Add a secret that is newer than those before; without an instance it is somebody else's."""
        number = f"id{len(self.kept)}"
        labels = {"faregate.instance": instance, "faregate.workload": workload} if instance else {}
        spec = {"Name": name, "Labels": labels, "Driver": {"Name": "file", "Options": {"path": str(self.folder)}}}
        self.kept.append({"ID": number, "CreatedAt": f"2026-11-24T18:00:0{len(self.kept)}Z", "Spec": spec, **more})
        self.values[number] = base64.b64encode(value.encode()).decode()

    def write(self, secret: str, text: str = f"{VALUE}\n") -> Path:
        """Write the file with a secret's value."""
        folder = self.folder / "secrets"
        folder.mkdir(exist_ok=True)
        (folder / secret).write_text(text, encoding="utf-8")
        return folder / secret

    def judge(self, *secrets: str, instance: str = "dev") -> dict[str, Any]:
        """Run the module on one workload, and return its names without that workload's."""
        answer = self.judge_all({"web": secrets}, instance)
        return {**answer, "names": answer["names"]["web"]} if "names" in answer else answer

    def judge_all(self, workloads: Mapping[str, Sequence[str]], instance: str = "dev") -> dict[str, Any]:
        """Run the module as Ansible does. Whatever it says, it says no value."""
        (self.folder / "kept.json").write_text(json.dumps(self.kept), encoding="utf-8")
        if self.values:
            (self.folder / "secretsdata.json").write_text(json.dumps(self.values), encoding="utf-8")
        folder = str(self.folder / "secrets")
        reads = {name: [{"name": "x", "secret": secret} for secret in secrets] for name, secrets in workloads.items()}
        arguments = {"instance": instance, "workloads": reads, "folder": folder}
        answer, printed = run_module("podman_secrets", arguments)
        assert VALUE not in printed
        return answer


@pytest.fixture
def podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePodman:
    install_podman(PODMAN, tmp_path, monkeypatch)
    return FakePodman(tmp_path)


def test_a_secret_that_holds_what_its_file_does_is_kept(podman: FakePodman) -> None:
    podman.add(f"faregate-dev-gateway-{VERSION}")
    podman.write("gateway")
    result = podman.judge("gateway")
    assert result["names"] == {"gateway": f"faregate-dev-gateway-{VERSION}"}
    assert (result["unfit"], result["surplus"], result["changed"]) == ([], [], False)
    assert (result["fit"], result["settled"]) == (["web"], ["web"])


def test_a_secret_that_is_missing_gets_a_name_that_nothing_had_and_that_says_nothing(podman: FakePodman) -> None:
    file = podman.write("gateway")
    first, second = podman.judge("gateway"), podman.judge("gateway")
    made = first["names"]["gateway"]
    assert re.fullmatch("faregate-dev-gateway-[0-9a-f]{16}", made)
    assert (first["fit"], first["settled"]) == ([], ["web"])
    assert first["unfit"] == [
        {
            "workload": "web",
            "name": "faregate-dev-gateway",
            "reason": "is missing",
            "made": made,
            "file": str(file),
        }
    ]
    assert second["names"]["gateway"] != made, "it does not come from the value"


def test_another_value_is_another_secret_and_the_old_one_is_surplus(podman: FakePodman) -> None:
    old = f"faregate-dev-gateway-{VERSION}"
    podman.add(old, f"{VALUE}x")
    podman.write("gateway")
    result = podman.judge("gateway")
    (unfit,) = result["unfit"]
    assert unfit["reason"] == "does not hold what its file does"
    assert unfit["made"] == result["names"]["gateway"] != old
    assert result["surplus"] == [old]


def test_a_version_that_holds_the_value_again_is_used_again_and_the_newest_of_several(podman: FakePodman) -> None:
    names = [f"faregate-dev-gateway-{digit * 16}" for digit in "210"]
    for name, value in zip(names, (VALUE, VALUE, "another"), strict=True):
        podman.add(name, value)
    podman.write("gateway")
    result = podman.judge("gateway")
    assert result["names"] == {"gateway": names[1]}
    assert result["unfit"] == []
    assert result["surplus"] == sorted([names[0], names[2]])


def test_a_secret_whose_value_podman_lost_is_made_anew(podman: FakePodman) -> None:
    podman.add(f"faregate-dev-gateway-{VERSION}")
    podman.values = {"another": ""}
    podman.write("gateway")
    assert len(podman.judge("gateway")["unfit"]) == 1


def test_what_the_workload_reads_no_more_is_surplus_and_what_others_read_is_not(podman: FakePodman) -> None:
    podman.add(f"faregate-dev-admin-{VERSION}")
    podman.add(f"faregate-dev-gateway-{VERSION}", workload="other")
    podman.add(f"faregate-dev-b-gateway-{VERSION}", instance="dev-b")
    podman.add("somebody-elses", instance=None)
    result = podman.judge()
    assert (result["surplus"], result["fit"]) == ([f"faregate-dev-admin-{VERSION}"], [])
    assert result["settled"] == []


def test_several_workloads_are_judged_at_once_and_each_by_its_own_secrets(podman: FakePodman) -> None:
    names = {workload: f"faregate-dev-gateway-{digit * 16}" for workload, digit in {"web": "0", "api": "1"}.items()}
    for workload, name in names.items():
        podman.add(name, workload=workload)
    podman.add(f"faregate-dev-admin-{VERSION}", workload="old")
    podman.write("gateway")
    podman.write("admin")
    result = podman.judge_all({"web": ["gateway"], "api": ["gateway", "admin"], "old": [], "none": []})
    assert result["names"]["web"] == {"gateway": names["web"]}
    assert result["names"]["api"]["gateway"] == names["api"]
    assert [unfit["name"] for unfit in result["unfit"]] == ["faregate-dev-admin"]
    assert result["surplus"] == [f"faregate-dev-admin-{VERSION}"]
    assert result["fit"] == ["web", "none"]
    assert result["settled"] == ["web", "api", "none"]


def test_another_workload_s_secret_is_not_shared(podman: FakePodman) -> None:
    podman.add(f"faregate-dev-gateway-{VERSION}", workload="other")
    podman.write("gateway")
    result = podman.judge("gateway")
    assert len(result["unfit"]) == 1
    assert result["names"]["gateway"] != f"faregate-dev-gateway-{VERSION}"


@pytest.mark.parametrize("owner", [None, "another"])
def test_a_secret_that_is_named_like_ours_and_is_not_is_refused_by_name(podman: FakePodman, owner: str | None) -> None:
    podman.add(f"faregate-dev-gateway-{VERSION}", instance=owner)
    podman.write("gateway")
    assert podman.judge("gateway")["msg"] == (
        f"a secret named faregate-dev-gateway-{VERSION} exists that is not this instance's: remove it, "
        "or choose another INSTANCE="
    )


@pytest.mark.parametrize("other", ["dev-b", "dev-gateway"])
def test_instances_whose_names_begin_alike_are_not_taken_for_each_other(podman: FakePodman, other: str) -> None:
    podman.add(f"faregate-{other}-gateway-{VERSION}", instance=other)
    podman.write("gateway")
    result = podman.judge("gateway", instance="dev")
    assert [unfit["reason"] for unfit in result["unfit"]] == ["is missing"]
    assert result["surplus"] == []
    assert podman.judge("gateway", instance=other)["unfit"] == []


@pytest.mark.parametrize("text", [None, "", "\n"])
def test_a_value_that_is_missing_is_told_with_its_file(podman: FakePodman, text: str | None) -> None:
    file = podman.write("gateway", text or "")
    if text is None:
        file.unlink()
    assert podman.judge("gateway")["msg"] == f"secret gateway has no value: {file} is no file with a line"


def test_one_that_was_removed_meanwhile_is_missing_and_another_failure_is_told(podman: FakePodman) -> None:
    podman.add(f"faregate-dev-gateway-{VERSION}", vanished=True)
    podman.write("gateway")
    complaint = podman.folder / "complaint"
    complaint.write_text("Error: no such secret")
    assert podman.judge("gateway")["unfit"][0]["reason"] == "is missing"
    complaint.write_text("Error: broken")
    assert podman.judge("gateway")["msg"] == "podman secret inspect: Error: broken"


def test_values_that_can_not_be_read_are_told_and_nothing_is_made_anew(podman: FakePodman) -> None:
    podman.add(f"faregate-dev-gateway-{VERSION}")
    podman.write("gateway")
    podman.values = {}
    assert podman.judge("gateway")["msg"].startswith("what podman keeps in secrets can't be read: ")
    (podman.folder / "secretsdata.json").write_text("{")
    assert podman.judge("gateway")["msg"].endswith("/secretsdata.json is not understood")
