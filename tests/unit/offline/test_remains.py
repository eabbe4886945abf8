"""What there is of an instance is found by its labels and its folder, and removed so that it can be done again."""

from __future__ import annotations

import pytest

from offline import container_tools, podman
from offline.instance import Home, find_home, make_instance
from offline.podman import NotOurs, Podman, PodmanFailed
from offline.remains import Remains, find_owners, find_remains
from offline.tools import open_podman
from tests.unit.offline.conftest import FakePodman, Machine

pytestmark = pytest.mark.usefixtures("machine")

LEDGER = "faregate-blue-ledger"


@pytest.fixture
def fake(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> FakePodman:
    fake = machine.install_podman()
    monkeypatch.setattr(podman, "PROCESSES", fake.processes)
    return fake


@pytest.fixture
def home() -> Home:
    return find_home("blue")


def find(home: Home) -> Remains:
    return find_remains(home, open_podman())


def fill(fake: FakePodman, instance: str = "blue", purpose: str = "test") -> None:
    for part in ("simulation", "database-1"):
        fake.add("containers", f"faregate-{instance}-{part}", instance, purpose)
    fake.add("networks", f"faregate-{instance}", instance, purpose)
    for part in ("ledger", "metrics"):
        fake.add("volumes", f"faregate-{instance}-{part}", instance, purpose)
    fake.add("secrets", f"faregate-{instance}-gateway-1", instance, purpose)


def test_nothing_of_an_instance_is_false(fake: FakePodman, home: Home) -> None:
    fill(fake, "green")
    assert not find(home)
    assert find(home).ledgers == []


@pytest.mark.parametrize("kind", ["containers", "networks", "volumes", "secrets", "folder"])
def test_anything_of_an_instance_is_true(fake: FakePodman, home: Home, kind: str) -> None:
    if kind == "folder":
        home.folder.mkdir(parents=True)
    else:
        fake.add(kind, "whatever")
    assert find(home)


def test_everything_of_the_instance_is_found_and_nothing_of_another(fake: FakePodman, home: Home) -> None:
    for name in ("blue", "green", "blue-2"):
        fill(fake, name)
    found = find(home)
    assert found.containers == ["faregate-blue-simulation", "faregate-blue-database-1"]
    assert found.networks == ["faregate-blue"]
    assert found.volumes == [LEDGER, "faregate-blue-metrics"]
    assert found.secrets == ["faregate-blue-gateway-1"]
    assert found.ledgers == [LEDGER]


def test_all_of_it_is_removed_and_nothing_of_another(fake: FakePodman, home: Home) -> None:
    for name in ("blue", "green"):
        fill(fake, name)
        make_instance(name, "test")
    find(home).remove(keep_ledger=False)
    for kind in ("containers", "networks", "volumes", "secrets"):
        assert not any("-blue" in name for name in fake.names(kind))
        assert any("-green" in name for name in fake.names(kind))
    assert not home.folder.exists()
    assert find_home("green").exists
    assert not find(home)


def test_what_uses_something_goes_before_it(fake: FakePodman, home: Home) -> None:
    fill(fake)
    find(home).remove(keep_ledger=False)
    words = [command.split()[0] for command in fake.asked]
    assert words == ["rm", "rm", "secret", "network", "volume", "volume"]


def test_a_ledger_that_is_kept_is_the_only_thing_that_is(fake: FakePodman, home: Home) -> None:
    fill(fake)
    make_instance("blue", "test")
    find(home).remove(keep_ledger=True)
    kinds = ("containers", "networks", "secrets", "volumes")
    assert [fake.names(kind) for kind in kinds] == [[], [], [], [LEDGER]]
    assert not home.folder.exists()


def test_an_interruption_leaves_something_that_says_so(machine: Machine, fake: FakePodman, home: Home) -> None:
    fill(fake)
    make_instance("blue", "test")
    remains = find(home)
    machine.install("podman", "exit 125")
    with pytest.raises(PodmanFailed):
        remains.remove(keep_ledger=False)
    assert home.exists


def test_a_second_removal_of_the_same_is_no_error(fake: FakePodman, home: Home) -> None:
    fill(fake)
    make_instance("blue", "test")
    remains = find(home)
    remains.remove(keep_ledger=False)
    remains.remove(keep_ledger=False)


def test_what_lost_its_label_meanwhile_is_left_alone(fake: FakePodman, home: Home) -> None:
    fill(fake)
    remains = Remains(home, open_podman(), ["faregate-other"], [], [], [])
    fake.add("containers", "faregate-other", instance=None)
    with pytest.raises(NotOurs):
        remains.remove(keep_ledger=False)
    assert "faregate-other" in fake.names("containers")


def test_where_there_is_no_podman_only_a_folder_can_be_there(
    machine: Machine, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(machine.programs))
    monkeypatch.setattr(container_tools, "ADMINISTRATION", ())
    assert not find(home)
    assert find_owners(open_podman()) == set()
    make_instance("blue", "test")
    assert find(home)
    find(home).remove(keep_ledger=False)
    assert not home.folder.exists()


def test_a_podman_that_fails_is_not_taken_for_none(machine: Machine, home: Home) -> None:
    machine.install("podman", "echo broken >&2; exit 125")
    with pytest.raises(PodmanFailed, match="broken"):
        find(home)


def test_owners_are_told_apart_by_purpose(fake: FakePodman) -> None:
    tool: Podman = open_podman()
    fill(fake, "left")
    fill(fake, "mine", "user")
    fake.add("volumes", "somebody-elses", instance=None)
    fake.add("secrets", "faregate-mine-somebody-elses", instance=None)
    assert find_owners(tool) == {"left", "mine"}
    assert find_owners(tool, "test") == {"left"}
    fake.add("secrets", "faregate-half-made-gateway-1", "half-made")
    assert find_owners(tool, "test") == {"left", "half-made"}
