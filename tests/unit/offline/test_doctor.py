"""The preflight finds what a machine lacks, says what to do about it, and changes nothing."""

from __future__ import annotations

import json
import shlex
import socket
from collections import namedtuple
from pathlib import Path

import pytest

from offline import container_tools, doctor, pulumi_cli, stack_file
from offline.doctor import Finding, examine
from offline.instance import find_home, make_instance
from tests.unit.offline.conftest import Machine

GIB = 1024**3
PROCESS = doctor.PROCESS


@pytest.fixture(autouse=True)
def fit(machine: Machine, monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    """Let nothing reach Pulumi's servers, have a CLI and container tools on PATH, and be root."""
    monkeypatch.setattr(pulumi_cli, "ARCHIVES", f"http://127.0.0.1:{closed_port}")
    machine.install("pulumi", f"echo v{pulumi_cli.VERSION}")
    for name in ("ADMINISTRATION", "HELPERS"):
        monkeypatch.setattr(container_tools, name, (str(machine.programs),))
    for program in container_tools.PACKAGES:
        machine.install(program, "exit 1")
    machine.install("podman", '[ "$1" = --version ] && echo podman version 4.3.1 || echo "[]"')
    machine.install("dpkg-query", "exit 1")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    hold_capabilities(machine, monkeypatch, 0x1FFFFFFFFFF)
    monkeypatch.setattr(doctor, "IMAGES", machine.root / "containers")


def hold_capabilities(machine: Machine, monkeypatch: pytest.MonkeyPatch, mask: int) -> None:
    status = machine.root / "status"
    status.write_text(f"Name:\tpython\nCapPrm:\t{0:016x}\nCapEff:\t{mask:016x}\nCapBnd:\t{0:016x}\n")
    monkeypatch.setattr(doctor, "PROCESS", status)


def finding(subject: str, name: str = "blue") -> Finding:
    (found,) = [finding for finding in examine(find_home(name)) if finding.subject == subject]
    return found


def test_on_a_fit_machine_everything_is_good_and_nothing_is_changed(machine: Machine) -> None:
    before = sorted(machine.root.rglob("*"))
    findings = examine(find_home("blue"))
    assert [found.subject for found in findings] == [
        *("python", "root", "pulumi", "containers", "memory", "disk"),
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


def test_root_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert finding("root") == Finding("root", True, "runs as root")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert finding("root") == Finding(
        "root", False, "containers need root on this machine: run it with sudo, or as root"
    )


@pytest.mark.parametrize(
    ("mask", "lacking"),
    [
        (1 << 21, "CAP_NET_ADMIN"),
        (1 << 12, "CAP_SYS_ADMIN"),
        (0xA80425FB, "CAP_NET_ADMIN, CAP_SYS_ADMIN"),  # what Docker leaves
    ],
)
def test_root_within_a_container_is_not_root_enough(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, mask: int, lacking: str
) -> None:
    hold_capabilities(machine, monkeypatch, mask)
    assert finding("root") == Finding(
        "root", False, f"root may not start containers here, for it lacks {lacking}: run it outside of a container"
    )


def test_the_capabilities_of_this_very_process_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PROCESS", PROCESS)
    assert doctor._read_capabilities() >= 0


def test_the_version_of_podman_is_shown_where_nothing_is_missing() -> None:
    assert finding("containers") == Finding("containers", True, "podman 4.3.1")


def test_container_tools_that_apt_can_install_are_foreseen(machine: Machine) -> None:
    machine.install("apt-get", "exit 1")
    (machine.programs / "aardvark-dns").unlink()
    assert finding("containers") == Finding(
        "containers",
        True,
        "not here yet: apt-get installs aardvark-dns (less than a minute, once on a machine)",
    )


def test_container_tools_that_cannot_be_had_are_found_by_name(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(machine.programs))
    (machine.programs / "aardvark-dns").unlink()
    assert finding("containers") == Finding(
        "containers", False, "containers need aardvark-dns, and there is no apt-get: install these packages"
    )


def test_a_podman_that_does_not_run_is_found(machine: Machine) -> None:
    machine.install("podman", "exit 1")
    assert finding("containers") == Finding(
        "containers", False, "podman is here and does not run: see `podman --version`"
    )


@pytest.mark.parametrize(
    ("free", "detail"),
    [
        (7.94, "7.9 GiB free for {cache}; 8 GiB are needed, 3 of them for images in {images}"),
        (8, "8 GiB free"),
        (80.2, "80 GiB free"),
    ],
)
def test_too_small_a_disk_is_found(machine: Machine, monkeypatch: pytest.MonkeyPatch, free: float, detail: str) -> None:
    usage = namedtuple("usage", ["free"])
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: usage(free * GIB))
    expected = detail.format(cache=machine.cache / "faregate", images=doctor.IMAGES)
    assert finding("disk") == Finding("disk", free >= 8, expected)


@pytest.mark.parametrize(
    ("free", "for_images", "detail"),
    [
        (5, 3, "3 GiB free"),
        (6, 80, "6 GiB free"),
        (4.94, 80, "4.9 GiB free for {cache}; 5 GiB are needed"),
        (80, 2.94, "2.9 GiB free for {images}; 3 GiB are needed"),
    ],
)
def test_images_on_a_disk_of_their_own_need_nothing_of_the_others(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, free: float, for_images: float, detail: str
) -> None:
    usage = namedtuple("usage", ["free"])
    doctor.IMAGES.mkdir()
    monkeypatch.setattr(doctor, "_find_disk", lambda folder: folder == doctor.IMAGES)
    monkeypatch.setattr(
        "shutil.disk_usage", lambda folder: usage((for_images if folder == doctor.IMAGES else free) * GIB)
    )
    expected = detail.format(cache=machine.cache / "faregate", images=doctor.IMAGES)
    assert finding("disk") == Finding("disk", free >= 5 and for_images >= 3, expected)


def test_folders_of_one_disk_are_told_from_those_of_another(machine: Machine) -> None:
    assert doctor._find_disk(machine.cache / "a" / "b") == doctor._find_disk(machine.root)
    assert doctor._find_disk(machine.root) != doctor._find_disk(Path("/proc"))


def test_the_disk_is_measured_where_the_folder_will_be(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", ["free"])
    measured: list[Path] = []

    def measure(folder: Path) -> object:
        measured.append(folder)
        return usage(100 * GIB)

    machine.cache.mkdir()
    monkeypatch.setattr("shutil.disk_usage", measure)
    assert finding("disk").good
    assert measured == [machine.cache, machine.root, machine.root], "the nearest folders that exist"


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


def take_port(listener: socket.socket, role: str = "simulation") -> int:
    """Let a part of the instance have the port on which something listens."""
    made = make_instance("blue", "test")
    port = int(listener.getsockname()[1])
    taken = made.model_copy(update={"ports": made.ports.model_copy(update={role: port})})
    find_home("blue").record.write_text(taken.model_dump_json())
    return port


@pytest.mark.parametrize("role", ["gateway", "database", "simulation"])
def test_something_else_on_a_port_is_found_by_name(listener: socket.socket, role: str) -> None:
    port = take_port(listener, role)
    found = finding("ports")
    assert not found.good
    assert found.detail.startswith(f"port {port} ({role}) is in use by ")


@pytest.mark.parametrize("alive", [True, False])
def test_only_a_living_container_of_the_instances_own_may_have_its_port(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, listener: socket.socket, alive: bool
) -> None:
    port = take_port(listener, "database")
    row = {
        "Names": ["x"],
        "Id": "1",
        "Image": "i",
        "Labels": {},
        "Pid": 1,
        "Created": 0,
        "Ports": [{"host_port": port}],
    }
    machine.install("podman", f"echo {shlex.quote(json.dumps([row]))}")
    monkeypatch.setattr(doctor, "is_alive", lambda _container: alive)
    assert finding("ports").good is alive


def test_nothing_of_ours_is_on_a_port_where_there_is_no_podman_yet(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, listener: socket.socket
) -> None:
    port = take_port(listener)
    (machine.programs / "podman").unlink()
    monkeypatch.setenv("PATH", str(machine.programs))
    assert finding("ports").detail.startswith(f"port {port} (simulation) is in use by ")


def test_a_podman_that_fails_is_told(machine: Machine, listener: socket.socket) -> None:
    take_port(listener)
    machine.install("podman", "echo broken >&2; exit 125")
    found = finding("ports")
    assert not found.good
    assert found.detail.endswith("broken")


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
