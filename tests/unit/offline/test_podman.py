"""What is asked of podman, what is made of its answers, and whose things are left alone."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contract.instance import Instance, InstancePorts
from offline import container_names, container_tools, podman
from offline.podman import Container, Image, NotOurs, Podman, PodmanFailed, is_alive
from tests.unit.offline.conftest import Machine

LABELS = {"faregate.instance": "blue", "faregate.purpose": "test"}
AS_OPTIONS = "--label=faregate.instance=blue --label=faregate.purpose=test"
ID = "736993a6cd0360924e5652efda724b2edaed1ca612af71653294ca07b5bbd3af"


def container_row(name: str, labels: Mapping[str, str] | None = LABELS, pid: int = 0) -> dict[str, object]:
    """Return a container as podman 4.3 lists it, cut to what is read."""
    return {"Names": [name], "Id": ID, "Image": "localhost/x:1", "Labels": labels, "Pid": pid, "Created": 1795517916}


def network_row(name: str, labels: Mapping[str, str] | None = LABELS) -> dict[str, object]:
    """Podman leaves the labels out where there are none."""
    return {"name": name, "driver": "bridge", **({"labels": labels} if labels else {})}


def volume_row(name: str, labels: Mapping[str, str] | None = LABELS) -> dict[str, object]:
    return {"Name": name, "Labels": labels or {}}


def secret_row(name: str, labels: Mapping[str, str] | None = LABELS) -> dict[str, object]:
    """Return a secret as podman 4.3 inspects it, cut to what is read."""
    return {"ID": f"id-of-{name}", "Spec": {"Name": name, "Labels": labels}}


def answer(machine: Machine, answers: Mapping[str, object]) -> Podman:
    """Put a podman on PATH that records each command and answers it by what it begins with.

    Text is shell code, anything else is printed as JSON; what is asked for otherwise is a list of nothing.
    """
    cases = "".join(
        f"{shlex.quote(words)}*) {said if isinstance(said, str) else 'echo ' + shlex.quote(json.dumps(said))} ;;\n"
        for words, said in answers.items()
    )
    machine.install("podman", f'echo "$*" >> {machine.root}/asked\ncase "$*" in\n{cases}*) echo "[]" ;;\nesac')
    return Podman({"PATH": f"{machine.programs}:/bin", "CONTAINERS_CONF": "/conf"})


def asked(machine: Machine) -> list[str]:
    """Return the commands that changed something."""
    record = machine.root / "asked"
    lines = record.read_text().splitlines() if record.exists() else []
    return [line for line in lines if not re.match(r"ps |images |\w+ (ls|inspect)( |$)", line)]


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(podman, "PAUSE_SECONDS", 0)


# ---- names and labels


def test_everything_of_an_instance_is_named_and_labelled_after_it() -> None:
    ports = InstancePorts(gateway=1, database=2, metrics=3, alerts=4, simulation=5)
    instance = Instance(name="blue", purpose="test", ports=ports, manifests=Path("/manifests"))
    assert container_names.name_network("blue") == "faregate-blue"
    assert container_names.name_container("blue", "gateway-1") == "faregate-blue-gateway-1"
    assert container_names.name_volume("blue", "ledger") == "faregate-blue-ledger"
    assert container_names.compose_labels(instance) == LABELS
    assert container_names.compose_labels(instance, "gateway") == {**LABELS, "faregate.workload": "gateway"}


# ---- what there is


def test_an_instances_containers_are_listed_in_all_states(machine: Machine) -> None:
    tool = answer(machine, {"ps": [container_row("a", pid=7), container_row("b", labels=None)]})
    created = datetime(2026, 11, 24, 10, 58, 36, tzinfo=UTC)
    assert tool.containers("blue") == [
        Container("a", ID, "localhost/x:1", LABELS, 7, created),
        Container("b", ID, "localhost/x:1", {}, 0, created),
    ]
    (command,) = (machine.root / "asked").read_text().splitlines()
    assert command == "ps --all --filter label=faregate.instance=blue --format json"


def test_an_instances_networks_and_volumes_are_listed_by_name(machine: Machine) -> None:
    tool = answer(machine, {"network ls": [network_row("n")], "volume ls": [volume_row("v"), volume_row("w")]})
    assert tool.networks("blue") == ["n"]
    assert tool.volumes("blue") == ["v", "w"]
    assert (machine.root / "asked").read_text().splitlines() == [
        "network ls --filter label=faregate.instance=blue --format json",
        "volume ls --filter label=faregate.instance=blue --format json",
    ]


def test_owners_are_the_instances_of_whatever_is_there(machine: Machine) -> None:
    green, red = ({"faregate.instance": name} for name in ("green", "red"))
    rows = {
        "ps": [container_row("a"), container_row("b", green)],
        "network ls": [network_row("n", red), network_row("m", {"faregate.purpose": "test"})],
        "volume ls": [volume_row("v", {"faregate.instance": "left"})],
    }
    tool = answer(machine, rows)
    assert tool.owners() == {"blue", "green", "red", "left"}
    assert tool.owners("test") == {"blue", "green", "red", "left"}
    lines = (machine.root / "asked").read_text().splitlines()
    filters = [line.split("--filter ")[1].split()[0] for line in lines if "--filter" in line]
    assert filters == ["label=faregate.instance"] * 3 + ["label=faregate.purpose=test"] * 3


def answer_secrets(machine: Machine, *rows: dict[str, object]) -> Podman:
    ids = " ".join(str(row["ID"]) for row in rows)
    return answer(machine, {"secret ls --quiet": f"printf '%s\\n' {ids}", f"secret inspect {ids}": list(rows)})


def test_secrets_are_told_apart_by_label_for_podman_does_not(machine: Machine) -> None:
    green = {"faregate.instance": "green", "faregate.purpose": "user"}
    rows = [secret_row("s"), secret_row("t", green), secret_row("faregate-blue-x-1", None)]
    tool = answer_secrets(machine, *rows)
    assert tool.secrets("blue") == ["s"]
    assert tool.secrets("green") == ["t"]
    assert tool.owners() == {"blue", "green"}
    assert tool.owners("test") == {"blue"}
    assert answer_secrets(machine).secrets("blue") == []


def test_a_secret_that_goes_while_it_is_looked_at_is_no_failure(machine: Machine) -> None:
    mark = machine.root / "gone"
    inspected = f"[ -e {mark} ] && echo '[]' && exit; : > {mark}; echo 'Error: no such secret' >&2; exit 125"
    assert answer(machine, {"secret ls": "echo id", "secret inspect": inspected}).secrets("blue") == []
    assert mark.exists()
    with pytest.raises(PodmanFailed, match=r"^podman secret inspect id\nbroken$"):
        answer(machine, {"secret ls": "echo id", "secret inspect": "echo broken >&2; exit 125"}).secrets("blue")


@pytest.mark.parametrize("printed", ["", "{", '["x"]', '[{"Spec": {}}]'])
def test_secrets_that_are_not_understood_are_no_traceback(machine: Machine, printed: str) -> None:
    tool = answer(machine, {"secret ls": "echo id", "secret inspect": f"echo {shlex.quote(printed)}"})
    with pytest.raises(PodmanFailed, match=r"^podman secret inspect printed what is not understood"):
        tool.secrets("blue")


def test_a_secret_of_ours_is_removed_and_no_other(machine: Machine) -> None:
    rows = [secret_row("s", {"faregate.instance": "green"}), secret_row("faregate-blue-x-1", None)]
    tool = answer_secrets(machine, *rows)
    tool.remove_secret("s")
    tool.remove_secret("not-there")
    assert asked(machine) == ["secret rm s"]
    with pytest.raises(NotOurs, match=r"^secret faregate-blue-x-1 was not made by Faregate"):
        tool.remove_secret("faregate-blue-x-1")
    assert len(asked(machine)) == 1


def test_images_are_listed_with_their_names(machine: Machine) -> None:
    named = {"Id": "i", "Names": ["localhost/x:1", "localhost/x:2"], "Labels": {"faregate.image": "x"}, "Created": 0}
    rows = [
        *(named, named),  # podman lists it once for each name
        {"Id": "j", "Labels": {"faregate.image": "y"}, "Created": 0},
    ]
    tool = answer(machine, {"images": rows})
    epoch = datetime.fromtimestamp(0, UTC)
    assert tool.images() == [
        Image("i", ("localhost/x:1", "localhost/x:2"), {"faregate.image": "x"}, epoch),
        Image("j", (), {"faregate.image": "y"}, epoch),
    ]
    assert (machine.root / "asked").read_text() == "images --filter label=faregate.image --format json\n"


def test_nothing_may_be_printed_as_null(machine: Machine) -> None:
    assert answer(machine, {"ps": "echo null"}).containers("blue") == []


def test_whether_podman_is_installed_is_said(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_tools, "ADMINISTRATION", ())
    assert not Podman({"PATH": str(machine.programs)}).is_installed()
    assert answer(machine, {}).is_installed()


# ---- run and removed


def test_a_container_is_run_in_the_background_under_its_name_and_labels(machine: Machine) -> None:
    tool = answer(machine, {"run": f"echo {ID}"})
    assert tool.run("faregate-blue-a", "localhost/x:1", LABELS, ["--network", "n"], ["sleep", "1"]) == ID
    assert asked(machine) == [
        "rm --force --ignore --time 0 faregate-blue-a",
        f"run --detach --pull never --name faregate-blue-a {AS_OPTIONS} --network n localhost/x:1 sleep 1",
    ]


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        (
            None,
            r"^container c was not made by Faregate \(it has no label faregate.instance\): remove it, or choose anot",
        ),
        ({"faregate.instance": "green"}, "^container c belongs to instance green: choose another INSTANCE$"),
    ],
)
def test_a_container_of_somebody_elses_is_not_replaced(
    machine: Machine, labels: Mapping[str, str] | None, complaint: str
) -> None:
    tool = answer(machine, {"ps": [container_row("c", labels)]})
    with pytest.raises(NotOurs, match=complaint):
        tool.run("c", "localhost/x:1", LABELS)
    assert asked(machine) == []


def test_a_container_of_any_instance_of_ours_is_removed_and_no_other(machine: Machine) -> None:
    answer(machine, {"ps": [container_row("c", {"faregate.instance": "green"})]}).remove_container("c")
    assert asked(machine) == ["rm --force --ignore --time 0 c"]
    with pytest.raises(NotOurs, match=r"^container c was not made by Faregate"):
        answer(machine, {"ps": [container_row("c", None)]}).remove_container("c")
    assert len(asked(machine)) == 1


def test_exactly_the_name_is_looked_for(machine: Machine) -> None:
    answer(machine, {}).remove_container("c")
    assert (machine.root / "asked").read_text().splitlines()[0] == "ps --all --filter name=^c$ --format json"


def test_a_removal_that_podman_is_confused_by_is_tried_again(machine: Machine) -> None:
    marks = "".join(f"[ -e {machine.root}/{n} ] || {{ : > {machine.root}/{n}; exit 125; }}; " for n in "12")
    answer(machine, {"rm": marks}).remove_container("c")
    assert asked(machine) == ["rm --force --ignore --time 0 c"] * 3


def test_a_removal_that_fails_every_time_is_told(machine: Machine) -> None:
    with pytest.raises(PodmanFailed, match=r"^podman rm --force --ignore --time 0 c\nbusy$"):
        answer(machine, {"rm": "echo busy >&2; exit 1"}).remove_container("c")
    assert len(asked(machine)) == 3


# ---- networks, volumes, images

KINDS: list[tuple[str, str, Callable[..., object], Callable[[Podman, str], object]]] = [
    ("network", "network rm faregate-blue", Podman.make_network, Podman.remove_network),
    ("volume", "volume rm faregate-blue", Podman.make_volume, Podman.remove_volume),
]


def row_of(kind: str, labels: Mapping[str, str] | None = LABELS) -> list[dict[str, object]]:
    return [network_row("faregate-blue", labels) if kind == "network" else volume_row("faregate-blue", labels)]


@pytest.mark.parametrize(("kind", "_removal", "make", "_remove"), KINDS)
def test_what_is_not_there_is_made_with_its_labels(
    machine: Machine, kind: str, _removal: str, make: Callable[..., object], _remove: object
) -> None:
    assert make(answer(machine, {}), "faregate-blue", LABELS) is True
    assert asked(machine) == [f"{kind} create {AS_OPTIONS} faregate-blue"]


@pytest.mark.parametrize(("kind", "_removal", "make", "_remove"), KINDS)
def test_what_is_there_and_the_instances_own_is_kept(
    machine: Machine, kind: str, _removal: str, make: Callable[..., object], _remove: object
) -> None:
    assert make(answer(machine, {f"{kind} ls": row_of(kind)}), "faregate-blue", LABELS) is False
    assert asked(machine) == []


@pytest.mark.parametrize(("kind", "_removal", "make", "remove"), KINDS)
def test_what_is_not_ours_is_refused_by_name_and_left_alone(
    machine: Machine, kind: str, _removal: str, make: Callable[..., object], remove: Callable[[Podman, str], object]
) -> None:
    tool = answer(machine, {f"{kind} ls": row_of(kind, None)})
    sentence = f"^{kind} faregate-blue was not made by Faregate .*: remove it, or choose another INSTANCE$"
    with pytest.raises(NotOurs, match=sentence):
        make(tool, "faregate-blue", LABELS)
    with pytest.raises(NotOurs, match=sentence):
        remove(tool, "faregate-blue")
    assert asked(machine) == []


@pytest.mark.parametrize(("kind", "_removal", "make", "_remove"), KINDS)
def test_what_is_another_instances_is_not_used(
    machine: Machine, kind: str, _removal: str, make: Callable[..., object], _remove: object
) -> None:
    tool = answer(machine, {f"{kind} ls": row_of(kind, {"faregate.instance": "green"})})
    with pytest.raises(NotOurs, match=f"^{kind} faregate-blue belongs to instance green: choose another INSTANCE$"):
        make(tool, "faregate-blue", LABELS)
    assert asked(machine) == []


@pytest.mark.parametrize(("kind", "removal", "_make", "remove"), KINDS)
def test_what_is_ours_is_removed_and_what_is_not_there_is_no_error(
    machine: Machine, kind: str, removal: str, _make: object, remove: Callable[[Podman, str], object]
) -> None:
    remove(answer(machine, {}), "faregate-blue")
    assert asked(machine) == []
    remove(answer(machine, {f"{kind} ls": row_of(kind)}), "faregate-blue")
    assert asked(machine) == [removal], "no force: that would remove containers, too"


def test_images_are_removed_by_every_name_or_by_their_id(machine: Machine) -> None:
    epoch = datetime.fromtimestamp(0, UTC)
    answer(machine, {}).remove_images([Image("i", ("x:1", "x:2"), {}, epoch), Image("j", (), {}, epoch)])
    assert asked(machine) == ["rmi --ignore x:1 x:2 j"]


def test_without_images_nothing_is_removed(machine: Machine) -> None:
    answer(machine, {}).remove_images([])
    assert asked(machine) == []


# ---- podman itself


def test_podman_reads_the_environment_it_was_given_and_finds_the_programs_of_root(machine: Machine) -> None:
    tool = answer(machine, {"logs": 'echo "$CONTAINERS_CONF $PATH"'})
    assert tool.logs("c", 5) == f"/conf {container_tools.extend_path(f'{machine.programs}:/bin')}\n"
    assert asked(machine) == ["logs c"]


def test_logs_hold_what_went_to_standard_error(machine: Machine) -> None:
    tool = answer(machine, {"logs": "echo one; echo two >&2; printf '\\377'"})
    assert tool.logs("c", 5) == "one\ntwo\n\N{REPLACEMENT CHARACTER}"


def test_only_the_last_lines_of_a_log_are_returned(machine: Machine) -> None:
    tool = answer(machine, {"logs": "echo one; echo two; echo three >&2"})
    assert tool.logs("c", 2) == "two\nthree\n"


def test_a_failure_is_told_with_the_command_and_the_last_lines(machine: Machine) -> None:
    many = "n=0; while [ $n -lt 30 ]; do echo line $n >&2; n=$((n+1)); done; echo no complaint; exit 125"
    with pytest.raises(PodmanFailed) as caught:
        answer(machine, {"ps": many}).containers("blue")
    command, *lines = str(caught.value).splitlines()
    assert command == "podman ps --all --filter label=faregate.instance=blue --format json"
    assert lines == [f"line {n}" for n in range(20, 30)]


def test_the_failure_of_reading_logs_is_told_too(machine: Machine) -> None:
    with pytest.raises(PodmanFailed, match=r"^podman logs c\nno such container$"):
        answer(machine, {"logs": "echo no such container >&2; exit 125"}).logs("c", 5)


@pytest.mark.parametrize("printed", ["", "{", '[{"Id": "x"}]', '["x"]', '[{"Names": []}]'])
def test_an_answer_that_is_not_understood_is_no_traceback(machine: Machine, printed: str) -> None:
    tool = answer(machine, {"ps": f"echo {shlex.quote(printed)}"})
    with pytest.raises(PodmanFailed, match=r"^podman ps .* printed what is not understood"):
        tool.containers("blue")


def test_a_podman_that_never_ends_is_not_waited_for(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(podman, "COMMAND_SECONDS", 0.1)
    with pytest.raises(PodmanFailed, match=r"^podman ps .*\ndid not end within 0.1 s$"):
        answer(machine, {"ps": "while :; do :; done"}).containers("blue")


def test_without_a_podman_the_command_that_installs_it_is_named(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_tools, "ADMINISTRATION", ())
    with pytest.raises(PodmanFailed, match=r"^there is no podman yet: run `make up`$"):
        Podman({"PATH": str(machine.programs)}).containers("blue")


# ---- alive


@pytest.fixture
def in_cgroup(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, str, str], None]:
    """Return a function that shows a process as /proc would: its state and its cgroup."""

    def show(pid: int, state: str, cgroup: str) -> None:
        folder = machine.root / "proc" / str(pid)
        folder.mkdir(parents=True)
        (folder / "stat").write_text(f"{pid} (a) b) R) {state} 1 1\n")
        (folder / "cgroup").write_text(f"1:pids:{cgroup}\n0::/other\n")

    monkeypatch.setattr(podman, "PROCESSES", machine.root / "proc")
    return show


def container(pid: int) -> Container:
    return Container("c", ID, "localhost/x:1", LABELS, pid, datetime.fromtimestamp(0, UTC))


@pytest.mark.parametrize("state", "RSDT")
def test_a_container_lives_whose_process_is_in_its_cgroup(
    in_cgroup: Callable[[int, str, str], None], state: str
) -> None:
    in_cgroup(7, state, f"/libpod_parent/libpod-{ID}")
    assert is_alive(container(7))


@pytest.mark.parametrize(
    ("state", "cgroup"),
    [
        ("S", "/user.slice"),
        ("S", f"/libpod_parent/libpod-{'0' * 64}"),
        ("Z", f"/libpod_parent/libpod-{ID}"),
        ("X", f"/libpod_parent/libpod-{ID}"),
    ],
)
def test_another_process_of_that_id_and_a_dead_one_are_not_the_container(
    in_cgroup: Callable[[int, str, str], None], state: str, cgroup: str
) -> None:
    in_cgroup(7, state, cgroup)
    assert not is_alive(container(7))


@pytest.mark.parametrize("pid", [0, 8])
def test_a_container_without_a_process_is_dead(in_cgroup: Callable[[int, str, str], None], pid: int) -> None:
    in_cgroup(7, "S", f"/libpod_parent/libpod-{ID}")
    assert not is_alive(container(pid))


def test_a_process_that_ended_this_moment_is_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert not is_alive(container(process.pid))


def test_this_process_is_no_container() -> None:
    assert not is_alive(container(os.getpid()))


def test_a_live_container_gets_time_to_end(
    machine: Machine, in_cgroup: Callable[[int, str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_cgroup(7, "S", f"/libpod_parent/libpod-{ID}")
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append((pid, number)))
    tool = answer(machine, {"ps": [container_row("c", pid=7)]})
    tool.remove_container("c", 3)
    tool.remove_container("c")
    assert asked(machine) == ["rm --force --ignore --time 3 c", "rm --force --ignore --time 10 c"]
    assert killed == [], "podman ends it"


def test_what_still_runs_of_a_dead_container_is_ended_before_it_is_removed(
    machine: Machine, in_cgroup: Callable[[int, str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_cgroup(7, "S", f"/libpod_parent/libpod-{ID}")
    in_cgroup(8, "S", "/libpod_parent/conmon")
    (machine.root / "proc" / "9").mkdir()  # it ends just now
    (machine.root / "proc" / "meminfo").write_text(ID)
    killed: list[tuple[int, int]] = []

    def kill(pid: int, number: int) -> None:
        assert asked(machine) == []
        killed.append((pid, number))

    monkeypatch.setattr(os, "kill", kill)
    answer(machine, {"ps": [container_row("c", pid=0)]}).remove_container("c", 3)
    assert killed == [(7, signal.SIGKILL)]
    assert asked(machine) == ["rm --force --ignore --time 0 c"], "podman would wait for the dead"
