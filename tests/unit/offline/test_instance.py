"""An instance keeps what it is in its own folder, and never takes what is another's."""

from __future__ import annotations

import json
import re
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from contract.problems import ContractError
from offline import instance as instances
from offline.instance import Home, find_home, list_homes, make_instance, state_root
from offline.locks import hold
from offline.ports import PortTaken
from tests.unit.offline.conftest import Machine

pytestmark = pytest.mark.usefixtures("machine")


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def list_files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_new_instance_is_recorded_as_it_is_returned(machine: Machine) -> None:
    made = make_instance("blue", "test")
    home = find_home("blue")
    assert home.folder == machine.state / "faregate" / "blue"
    assert home.read() == made
    assert (made.name, made.purpose, made.manifests) == ("blue", "test", home.manifests)
    assert list_files(home.folder) == ["instance.json"]


def test_the_record_is_its_owners_alone() -> None:
    home = find_home("blue")
    home.folder.mkdir(parents=True)
    home.folder.chmod(0o755)
    make_instance("blue", "test")
    assert mode_of(home.record) == 0o600
    assert mode_of(home.folder) == 0o700


def test_an_instance_keeps_its_ports_and_its_purpose() -> None:
    made = make_instance("blue", "test")
    assert make_instance("blue", "user") == made
    assert find_home("blue").read() == made


def test_another_port_changes_only_the_gateways(closed_port: int) -> None:
    made = make_instance("blue", "test")
    moved = make_instance("blue", "test", closed_port)
    assert moved.ports.gateway == closed_port
    assert moved == made.model_copy(update={"ports": made.ports.model_copy(update={"gateway": closed_port})})
    assert find_home("blue").read() == moved
    assert make_instance("blue", "test") == moved


def test_the_port_that_an_instance_has_may_be_in_use_by_itself(listener: socket.socket) -> None:
    made = make_instance("blue", "test")
    data = made.model_dump(mode="json")
    data["ports"]["gateway"] = port_of(listener)
    find_home("blue").record.write_text(json.dumps(data))
    assert make_instance("blue", "test", port_of(listener)).ports.gateway == port_of(listener)


def test_a_busy_gateway_port_is_refused_with_its_owner_and_nothing_is_written(listener: socket.socket) -> None:
    port = port_of(listener)
    with pytest.raises(PortTaken, match=rf"port {port} \(gateway\) is in use by .+ \(process \d+\)"):
        make_instance("blue", "test", port)
    assert not find_home("blue").folder.exists()


def test_a_busy_gateway_port_leaves_an_existing_instance_as_it_was(listener: socket.socket) -> None:
    make_instance("blue", "test")
    before = find_home("blue").record.read_text()
    with pytest.raises(PortTaken):
        make_instance("blue", "test", port_of(listener))
    assert find_home("blue").record.read_text() == before


def test_the_default_gateway_port_is_refused_where_it_is_busy(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(instances.PREFERRED, "gateway", port_of(listener))
    with pytest.raises(PortTaken):
        make_instance("local", "user")
    assert not find_home("local").exists


def test_every_other_preferred_port_gives_way_where_it_is_busy(
    listener: socket.socket, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        instances, "PREFERRED", {"gateway": closed_port, "database": port_of(listener), "metrics": port_of(listener)}
    )
    ports = make_instance("local", "user").ports
    assert ports.gateway == closed_port
    assert port_of(listener) not in ports.model_dump().values()


def test_only_the_users_default_instance_prefers_the_well_known_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offline.instance.is_free", lambda _port: True)
    well_known = set(instances.PREFERRED.values())
    assert set(make_instance("local", "user").ports.model_dump().values()) == well_known
    assert well_known.isdisjoint(make_instance("blue", "user").ports.model_dump().values())
    find_home("local").remove()
    assert well_known.isdisjoint(make_instance("local", "test").ports.model_dump().values())


def test_two_instances_never_share_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    # Few to choose from, none of them listened on: what keeps them apart is what is recorded.
    monkeypatch.setattr("offline.ports.CHOICES", range(20000, 20010))
    monkeypatch.setattr("offline.ports.is_free", lambda _port: True)
    ports = [port for name in ("a", "b") for port in make_instance(name, "test").ports.model_dump().values()]
    assert sorted(ports) == list(range(20000, 20010))


def test_instances_that_are_made_at_once_never_share_a_port() -> None:
    code = (
        "import sys, offline.ports\n"
        "offline.ports.CHOICES = range(20000, 20020)\n"
        "offline.ports.is_free = lambda port: True\n"
        "from offline.instance import make_instance\n"
        "make_instance(sys.argv[1], 'test')\n"
    )
    processes = [subprocess.Popen([sys.executable, "-P", "-c", code, name]) for name in ("a", "b", "c", "d")]
    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    ports = [port for home in list_homes() for port in home.read().ports.model_dump().values()]
    assert sorted(ports) == list(range(20000, 20020))


def test_ports_are_chosen_by_one_command_at_a_time() -> None:
    made: list[str] = []
    thread = threading.Thread(target=lambda: made.append(make_instance("blue", "test").name))
    with hold(state_root() / ".locks" / ".ports"):
        thread.start()
        thread.join(timeout=0.2)  # time to choose, if it could
        assert made == []
    thread.join()
    assert made == ["blue"]


@pytest.mark.parametrize("role", ["gateway", "database"])
def test_a_gateway_port_that_another_instance_keeps_is_refused_by_its_name(role: str) -> None:
    kept = getattr(make_instance("blue", "test").ports, role)
    before = make_instance("green", "test")
    with pytest.raises(PortTaken, match=rf"port {kept} \(gateway\) is kept by instance blue \({role}\)"):
        make_instance("green", "test", kept)
    assert find_home("green").read() == before
    with pytest.raises(PortTaken, match="is kept by instance blue"):
        make_instance("red", "test", kept)
    assert not find_home("red").folder.exists()


def test_a_gateway_port_that_the_instance_keeps_for_something_else_is_refused() -> None:
    made = make_instance("blue", "test")
    with pytest.raises(PortTaken, match=r"is kept by instance blue \(database\)"):
        make_instance("blue", "test", made.ports.database)
    assert find_home("blue").read() == made


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "/etc", "a/b", "A", "1a", "-a", "a_b", "a" * 21, "a\n", "ä", ".ports"]
)
def test_a_name_that_is_not_allowed_is_refused_before_any_path_is_touched(machine: Machine, name: str) -> None:
    with pytest.raises(ContractError) as caught:
        make_instance(name, "test")
    assert str(caught.value) == (
        f"INSTANCE: given {name!r} (a string); "
        "allowed: 1 to 20 lower-case letters, digits and hyphens that start with a letter"
    )
    assert not machine.state.exists()


def test_nothing_of_a_home_that_was_only_looked_for_exists(machine: Machine) -> None:
    home = find_home("blue")
    assert not home.exists
    with pytest.raises(ContractError, match=re.escape(f"{home.record}: given nothing; allowed: a readable file")):
        home.read()
    assert not machine.state.exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "given text that is not JSON"),
        ('{"name": "blue"', "given text that is not JSON"),
        ("[]", "given \\[\\] \\(a list\\)"),
        ('{"name": "blue"}', "ports: given nothing"),
    ],
)
def test_a_damaged_record_is_refused_by_its_path(text: str, problem: str) -> None:
    make_instance("blue", "test")
    home = find_home("blue")
    home.record.write_text(text)
    with pytest.raises(ContractError, match=f"{re.escape(str(home.record))}: .*{problem}"):
        home.read()
    with pytest.raises(ContractError, match=re.escape(str(home.record))):
        make_instance("blue", "test")
    assert home.record.read_text() == text


def test_a_damaged_record_of_another_instance_is_named_before_a_port_is_chosen() -> None:
    make_instance("blue", "test")
    find_home("blue").record.write_text("")
    with pytest.raises(ContractError, match=re.escape(str(find_home("blue").record))):
        make_instance("green", "test")
    assert not find_home("green").folder.exists()


def test_removing_an_instance_twice_is_fine_and_leaves_the_others() -> None:
    kept = make_instance("blue", "test")
    make_instance("green", "test")
    home = find_home("green")
    (home.folder / "pulumi" / "deep").mkdir(parents=True)
    home.remove()
    assert not home.folder.exists()
    home.remove()
    assert [other.read() for other in list_homes()] == [kept]


def test_an_instance_that_cannot_be_removed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    make_instance("blue", "test")

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(PermissionError):
        find_home("blue").remove()


def test_only_folders_with_a_record_are_instances(machine: Machine) -> None:
    make_instance("blue", "test")
    (state_root() / "half-made").mkdir()
    (state_root() / "file").write_text("")
    assert list_homes() == [Home(machine.state / "faregate" / "blue")]


def test_the_lock_of_an_instance_outlives_its_folder() -> None:
    make_instance("blue", "test")
    home = find_home("blue")
    assert home.folder not in home.lock.parents
    assert home.lock != find_home("green").lock
