"""The preflight finds what a machine lacks, says what to do about it, and changes nothing."""

from __future__ import annotations

import socket
from collections import namedtuple
from pathlib import Path

import pytest

from offline import doctor, pulumi_cli, stack_file
from offline.doctor import Finding, examine
from offline.instance import find_home, make_instance
from tests.unit.offline.conftest import Machine

GIB = 1024**3


@pytest.fixture(autouse=True)
def unreachable(machine: Machine, monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    """Let nothing reach Pulumi's servers, and have a CLI on PATH."""
    monkeypatch.setattr(pulumi_cli, "ARCHIVES", f"http://127.0.0.1:{closed_port}")
    machine.install("pulumi", f"echo v{pulumi_cli.VERSION}")


def finding(subject: str, name: str = "blue") -> Finding:
    (found,) = [finding for finding in examine(find_home(name)) if finding.subject == subject]
    return found


def test_on_a_fit_machine_everything_is_good_and_nothing_is_changed(machine: Machine) -> None:
    before = sorted(machine.root.rglob("*"))
    findings = examine(find_home("blue"))
    assert [found.subject for found in findings] == [
        *("python", "pulumi", "memory", "disk"),
        *("stacks/Pulumi.local.yaml", "stacks/catalog.yaml", "stacks/slo.yaml", "ports"),
    ]
    assert {found.subject for found in findings if not found.good} <= {"memory", "disk"}, "the rest does not vary"
    assert sorted(machine.root.rglob("*")) == before


def test_the_cli_is_shown_with_where_it_comes_from(machine: Machine) -> None:
    assert finding("pulumi") == Finding("pulumi", True, f"{machine.programs}/pulumi (from PATH)")


def test_a_cli_that_has_to_be_built_is_foreseen(machine: Machine) -> None:
    machine.install("pulumi", "echo v1.0.0")
    machine.install("go", "echo go1.25.11")
    assert finding("pulumi") == Finding(
        "pulumi", True, "not here yet: downloaded, or built with go1.25.11 (about 5 minutes, once on a machine)"
    )


def test_a_cli_that_cannot_be_had_is_found_with_what_to_install(machine: Machine) -> None:
    machine.install("pulumi", "echo v1.0.0")
    machine.install("go", "echo go1.19")
    found = finding("pulumi")
    assert not found.good
    assert "Go is go1.19: install Go 1.21 or newer" in found.detail


@pytest.mark.parametrize(
    ("free", "detail"),
    [(4.94, "4.9 GiB free for {cache}; 5 GiB are needed"), (5, "5 GiB free"), (80.2, "80 GiB free")],
)
def test_too_small_a_disk_is_found(machine: Machine, monkeypatch: pytest.MonkeyPatch, free: float, detail: str) -> None:
    usage = namedtuple("usage", ["free"])
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: usage(free * GIB))
    expected = detail.format(cache=machine.cache / "faregate")
    assert finding("disk") == Finding("disk", free >= 5, expected)


def test_the_disk_is_measured_where_the_folder_will_be(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", ["free"])
    measured: list[Path] = []

    def measure(folder: Path) -> object:
        measured.append(folder)
        return usage(100 * GIB)

    machine.cache.mkdir()
    monkeypatch.setattr("shutil.disk_usage", measure)
    assert finding("disk").good
    assert measured == [machine.cache, machine.root], "the nearest folders that exist"


@pytest.mark.parametrize(("total", "good"), [(3.9, False), (4, True)])
def test_too_little_memory_is_found(monkeypatch: pytest.MonkeyPatch, total: float, good: bool) -> None:
    page = 4096
    monkeypatch.setattr("os.sysconf", {"SC_PAGE_SIZE": page, "SC_PHYS_PAGES": int(total * GIB / page) + 1}.__getitem__)
    assert finding("memory") == Finding("memory", good, f"{total:.1f} GiB" + ("" if good else "; 4 GiB are needed"))


def test_a_mistake_in_the_settings_is_found_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shipped = (stack_file.FOLDER / "Pulumi.local.yaml").read_text()
    (tmp_path / "Pulumi.local.yaml").write_text(shipped.replace("zones: 2", "zones: 9"))
    monkeypatch.setattr(stack_file, "FOLDER", tmp_path)
    found = finding("stacks/Pulumi.local.yaml")
    assert not found.good
    assert "faregate:network.zones: given 9" in found.detail


def test_the_settings_catalog_and_slos_are_shown_in_short() -> None:
    assert finding("stacks/Pulumi.local.yaml").detail == "us-east-1, 2 zones, 1 GPU pool(s)"
    assert finding("stacks/catalog.yaml").detail == "models: smollm2-135m"
    assert finding("stacks/slo.yaml").detail == "2 SLOs"


def test_the_ports_of_an_instance_are_shown() -> None:
    assert finding("ports").detail == "chosen when the instance is made"
    ports = make_instance("blue", "test").ports
    assert finding("ports") == Finding(
        "ports",
        True,
        f"gateway {ports.gateway}, database {ports.database}, metrics {ports.metrics}, "
        f"alerts {ports.alerts}, simulation {ports.simulation}",
    )


def test_something_else_on_the_simulations_port_is_found_by_name(listener: socket.socket) -> None:
    made = make_instance("blue", "test")
    taken = made.model_copy(update={"ports": made.ports.model_copy(update={"simulation": listener.getsockname()[1]})})
    find_home("blue").record.write_text(taken.model_dump_json())
    found = finding("ports")
    assert not found.good
    assert found.detail.startswith(f"port {taken.ports.simulation} (simulation) is in use by ")


def test_a_damaged_record_is_found() -> None:
    make_instance("blue", "test")
    find_home("blue").record.write_text("{")
    found = finding("ports")
    assert not found.good
    assert found.detail.startswith(f"{find_home('blue').record}: line 1, column 2: given text that is not JSON")


def test_one_bad_finding_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise doctor.Unfit("too little of everything")

    monkeypatch.setattr(doctor, "_check_memory", fail)
    monkeypatch.setattr(doctor, "_check_disk", fail)
    bad = {found.subject: found.detail for found in examine(find_home("blue")) if not found.good}
    assert bad == {"memory": "too little of everything", "disk": "too little of everything"}
