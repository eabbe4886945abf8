"""Role `workload`: containers are what the spec says, and are replaced, never started again (ADR 0012)."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.integration.playbooks.play import REPOSITORY, Ended, Play
from tests.integration.plugins.processes import is_alive, wait_until

from .scene import Workload, address_of, get, get_from

START_SECONDS = 1.0
"""How long a replica takes to start where it matters that it takes time."""


def choose_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def listening_addresses(port: int) -> set[str]:
    """Return the addresses of this machine on which a TCP port is listened on, as the kernel writes them."""
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return {local.split(":")[0] for _, local, _, state, *_ in rows if state == "0A" and local.endswith(f":{port:04X}")}


# ---- what a container is


def test_a_container_is_exactly_what_its_spec_says_and_a_second_run_changes_nothing(workload: Workload) -> None:
    port = choose_port()
    text = '{"looks": ["like", "JSON"]}'
    spec: dict[str, Any] = {
        "alias": f"{workload.name}-alias",
        "version": "v7",
        "published": port,
        "memory_mib": 77,
        "stop_seconds": 13,
        "environment": {"TEXT": "two words=\n$HOME", "NUMBER": 7},
        "model_store": True,
        "volumes": [{"name": f"{workload.name}-data", "path": "/data"}],
        "sockets": "/run/sockets",
        "files": [{"path": "/etc/one/config", "text": text}],
    }
    checked = workload.run("--check", **spec)

    assert checked.changed > 0
    assert workload.containers() == {}
    assert not workload.podman.exists("volume", f"{workload.prefix}-data")
    assert not (workload.folder / "files").exists()
    assert not (workload.folder / workload.name).exists()

    assert workload.run(**spec).changed > 0

    (container,) = workload.containers().values()
    labels = container["Config"]["Labels"]
    assert container["Name"] == f"{workload.prefix}-1"
    assert labels["faregate.instance"] == workload.machine.instance
    assert (labels["faregate.purpose"], labels["faregate.workload"]) == ("test", workload.name)
    assert container["Config"]["StopTimeout"] == 13
    assert container["HostConfig"]["Memory"] == 77 * 2**20
    assert container["HostConfig"]["LogConfig"]["Type"] == "k8s-file"
    assert container["HostConfig"]["LogConfig"]["Size"] == "10MB"
    assert container["HostConfig"]["RestartPolicy"]["Name"] in ("", "no")
    assert not container["HostConfig"]["Privileged"]

    inside = get(container)
    assert inside["user"] == [999, 999]
    assert inside["capabilities"], "it has none"
    assert inside["privileges"], "it gets no new ones"
    assert (
        inside["environment"].items()
        >= {
            "TEXT": "two words=\n$HOME",
            "NUMBER": "7",
            "AWS_ENDPOINT_URL": "http://simulation:5000",
            "AWS_REGION": "eu-central-1",
        }.items()
    )
    assert not {name for name in inside["environment"] if "proxy" in name.lower()}
    for path in ("/x", "/etc/x", "/serving.py"):
        assert get(container, f"/write{path}") == "OSError Read-only file system"
    assert get(container, "/read/etc/one/config") == text
    assert "Read-only" in get(container, "/write/etc/one/config")
    assert get(container, "/write/data/x") == "written"
    assert get(container, "/write/run/sockets/x") == "written"
    for name in (workload.name, f"{workload.name}-alias-v7"):
        assert get(container, f"/resolve/{name}") == [address_of(container)]

    sockets = workload.folder / workload.name
    assert (sockets / "x").read_text() == "written"
    assert (sockets.stat().st_uid, sockets.stat().st_gid, sockets.stat().st_mode & 0o7777) == (999, 999, 0o700)
    (volume,) = workload.podman.inspect("volume", f"{workload.prefix}-data")
    assert volume["Labels"] == workload.machine.labels
    assert get_from(f"127.0.0.1:{port}", "/health") == "health"
    assert listening_addresses(port) <= {"0100007F"}
    (bindings,) = container["HostConfig"]["PortBindings"].values()
    assert [binding["HostIp"] for binding in bindings] == ["127.0.0.1"]

    ids = workload.ids()
    assert workload.run(**spec).changed == 0
    assert upgrade(workload).run("--check", workload_spec=workload.spec(**spec)).changed > 0
    assert workload.ids() == ids


def upgrade(workload: Workload) -> Play:
    """Return the play with a role that makes containers otherwise."""
    roles = workload.folder / "upgraded"
    shutil.copytree(REPOSITORY / "playbooks" / "roles" / "workload", roles / "workload")
    with (roles / "workload" / "tasks" / "replace.yml").open("a") as tasks:
        tasks.write("# otherwise\n")
    play = workload.play()
    return dataclasses.replace(play, environment={**play.environment, "ANSIBLE_ROLES_PATH": str(roles)})


# ---- what is refused


def refuse(workload: Workload, *specs: dict[str, Any]) -> Ended:
    """Run the role with each of these specs; every one must be refused."""
    tasks = [
        {
            "block": [
                {"include_role": {"name": "workload"}, "vars": {"workload_spec": spec}},
                {"set_fact": {"accepted": number}},
            ],
            "rescue": [{"debug": {"msg": f"refused {number}: {{{{ ansible_failed_result.msg }}}}"}}],
        }
        for number, spec in enumerate(specs)
    ]
    check = {"assert": {"that": "accepted is not defined"}}
    ended = run_tasks(workload, *tasks, check)
    assert ended.code == 0, ended.printed
    return ended


def run_tasks(workload: Workload, *tasks: dict[str, Any]) -> Ended:
    """Run tasks in a play that has the role's variables but the spec."""
    plays = [{"hosts": "all", "gather_facts": False, "tasks": list(tasks)}]
    return dataclasses.replace(workload.play(), plays=plays).run()


def test_a_wrong_spec_is_refused_by_the_name_of_its_field_before_anything_changes(workload: Workload) -> None:
    required = ("name", "image", "version", "replicas", "port", "probe", "memory_mib", "start_seconds", "stop_seconds")
    specs: list[tuple[dict[str, Any], str]] = [
        *((workload.spec(**{name: None}), name) for name in required if name != "name"),
        (workload.spec(memory_mb=5), "memory_mb"),
        (workload.spec(replicas="two"), "replicas"),
        (workload.spec(probe={"port": 1}), "http, command"),
        (workload.spec(probe={"http": "/", "command": ["true"]}), "http|command"),
        (workload.spec(files=[{"path": "/x"}]), "text"),
        (workload.spec(volumes=[{"name": "x"}]), "path"),
        (workload.spec(published=choose_port(), replicas=2), "published"),
    ]
    ended = refuse(workload, *(spec for spec, _ in specs))
    for number, (_, name) in enumerate(specs):
        _, _, said = ended.printed.partition(f"refused {number}: ")
        assert name in said.partition("TASK [")[0], f"{number}: {name}"
    assert workload.containers() == {}


def test_what_is_somebody_elses_is_refused_by_name_and_left_alone(workload: Workload) -> None:
    another = Workload(workload.machine, workload.folder)
    volume = f"{another.prefix}-data"
    foreign = [
        workload.podman.ask("create", f"--name={workload.prefix}-2", workload.machine.image),
        another.stand_in(f"{another.prefix}-1", instance="x0", workload=another.name),
    ]
    workload.podman.ask("volume", "create", volume)
    try:
        volumes = [{"name": f"{another.name}-data", "path": "/data"}]
        ended = refuse(workload, workload.spec(replicas=2), another.spec(), workload.spec(volumes=volumes))
        for text in (
            f"container named {workload.prefix}-2",
            f"container named {another.prefix}-1",
            f"volume named {volume}",
        ):
            assert f"a {text} exists that is not this instance's" in ended.printed
        assert {**workload.containers(), **another.containers()} == {}, "nothing was made before the refusal"
        assert all(workload.podman.exists("container", id_) for id_ in foreign)
        (kept,) = workload.podman.inspect("volume", volume)
        assert not kept["Labels"], "it is the one that was there"
    finally:
        workload.podman.ask("rm", "--force", *foreign)
        workload.podman.ask("volume", "rm", "--force", volume)


# ---- replacing


class Poll:
    """Asks every replica all the time, and knows how many answered and what they said."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._done = threading.Event()
        self.answered: list[int] = []
        self.failures: list[BaseException] = []

    def stop(self) -> None:
        self._done.set()

    def run(self) -> None:
        try:
            while not self._done.is_set():
                self._ask()
        except (AssertionError, OSError, ValueError, KeyError, IndexError) as error:
            self.failures.append(error)

    def _ask(self) -> None:
        began = time.monotonic()
        answered = 0
        for container in self._list():
            with suppress(OSError, ValueError):
                get(container, "/health")
                answered += 1
        # In as much time as a replica takes to start, others than those that were listed may serve.
        if time.monotonic() - began < START_SECONDS:
            self.answered.append(answered)

    def _list(self) -> list[dict[str, Any]]:
        label = f"--filter=label=faregate.workload={self._workload.name}"
        ids = self._workload.podman.ask("ps", "--quiet", label).split()
        ended = subprocess.run(
            ["podman", "container", "inspect", *ids],
            env=dict(self._workload.podman.environment),
            check=False,
            capture_output=True,
            text=True,
        )
        return json.loads(ended.stdout) if ids else []


@contextmanager
def poll(workload: Workload) -> Iterator[Poll]:
    polling = Poll(workload)
    thread = threading.Thread(target=polling.run)
    thread.start()
    try:
        yield polling
    finally:
        polling.stop()
        thread.join()
    assert not polling.failures


def test_a_change_replaces_one_replica_at_a_time_and_waits_for_each_to_end_and_to_start(workload: Workload) -> None:
    def spec(version: str) -> dict[str, Any]:
        return {
            "replicas": 2,
            "environment": {
                "VERSION": version,
                "START_SECONDS": START_SECONDS,
                "STOP_SECONDS": 3,
                "LAST_WORDS": f"/data/{version}",
            },
            "files": [{"path": "/etc/version", "text": version}],
            "volumes": [{"name": f"{workload.name}-data", "path": "/data"}],
        }

    # One of ours that an earlier version labelled otherwise: what it holds must outlive this, too.
    volume = f"{workload.prefix}-data"
    workload.podman.ask("volume", "create", f"--label=faregate.instance={workload.machine.instance}", volume)
    made = workload.podman.inspect("volume", volume)[0]["CreatedAt"]
    workload.run(**spec("old"))
    old = workload.containers()
    with poll(workload) as polling:
        assert workload.run(**spec("new")).changed > 0
    new = workload.containers()

    assert workload.podman.inspect("volume", volume)[0]["CreatedAt"] == made
    assert len(polling.answered) > 5
    assert min(polling.answered) >= 1, "one answers all the while"
    assert new.keys() == old.keys() == {"1", "2"}
    assert not {container["Id"] for container in new.values()} & {container["Id"] for container in old.values()}
    for container in new.values():
        assert get(container)["environment"]["VERSION"] == "new"
        assert get(container, "/read/etc/version") == "new"
        assert get(container, "/read/data/old") == "ended by itself", "it was not killed"
        assert get(container, f"/resolve/{workload.name}-v1") == sorted(map(address_of, new.values()))


def test_a_replica_that_serves_is_removed_once_what_routes_leads_to_those_that_stay(workload: Workload) -> None:
    router = Workload(workload.machine, workload.folder)
    assert router.run(sockets="/run/routes").changed > 0
    table = workload.folder / router.name / "table"
    table.write_text("# name,status,addr\n")
    routed_by = {"workload": router.name, "port": 8000, "path": "/raw/run/routes/table"}

    def spec(version: str, **routing: Any) -> dict[str, Any]:
        return {"environment": {"VERSION": version}, "routed_by": {**routed_by, **routing}}

    try:
        workload.run(replicas=2, **spec("old"))
        old = workload.ids()
        refused = workload.run("-e", "{workload_route_seconds: 2}", replicas=2, **spec("new"))
        halfway = workload.containers()
        table.write_text(f"# name,status,addr\nx,UP,{address_of(halfway['1'])}:8000\n")
        workload.run(replicas=2, **spec("new"))
        new = workload.ids()
        # One that does not answer at all leads nobody anywhere.
        workload.run(replicas=1, **spec("new", port=9))

        missed = f"{router.prefix}-1 does not lead to {address_of(halfway['1'])}:8000 after 2 s"
        assert refused.code != 0
        assert missed in refused.printed
        assert "answers 200): what serves was left as it is" in refused.printed
        assert halfway["1"]["Id"] != old["1"]
        assert halfway["2"]["Id"] == old["2"]
        assert new["1"] == halfway["1"]["Id"], "it was as it should be"
        assert new["2"] != old["2"]
        assert workload.ids() == {"1": new["1"]}
    finally:
        router.remove()


def end_hard(*processes: int) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, processes)), "it dies")


def occupy_name(workload: Workload, name: str) -> None:
    """Kill podman after it has taken a name and before it knows the container."""
    storage = Path(workload.podman.ask("info", "--format={{.Store.GraphRoot}}"))
    taken = storage / "overlay-containers" / "containers.json"
    for _ in range(50):
        with subprocess.Popen(
            ["podman", "run", "--detach", f"--name={name}", workload.machine.image],
            env=dict(workload.podman.environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            while process.poll() is None and name not in taken.read_text():
                time.sleep(0.001)
            process.kill()
        if not workload.podman.exists("container", name) and name in taken.read_text():
            return
        workload.podman.ask("rm", "--force", "--ignore", "--time=0", name)
    raise AssertionError("podman was never killed at the right moment")


def test_every_replica_that_is_not_well_is_replaced_and_no_other(workload: Workload) -> None:
    spec = {"replicas": 5, "stop_seconds": 1}
    workload.run(**spec)
    before = workload.containers()
    state = {number: container["State"] for number, container in before.items()}
    end_hard(state["1"]["ConmonPid"], state["1"]["Pid"])
    os.kill(state["2"]["Pid"], signal.SIGSTOP)
    workload.podman.ask("stop", "--time=0", before["3"]["Name"])
    workload.podman.ask("rm", "--force", "--time=0", before["4"]["Name"])
    occupy_name(workload, before["4"]["Name"])

    ended = workload.run(**spec)

    assert ended.changed > 0
    for number, reason in {1: "is dead", 2: "does not answer", 3: "is dead", 4: "is missing"}.items():
        assert f"{workload.prefix}-{number} {reason}" in ended.printed
    after = workload.containers()
    assert {number for number in after if after[number]["Id"] == before[number]["Id"]} == {"5"}
    everywhere = sorted(map(address_of, after.values()))
    for container in after.values():
        assert get(container, "/health") == "health"
        assert get(container, f"/resolve/{workload.name}") == everywhere, "no name leads to what is gone"


def test_a_container_that_was_killed_a_moment_ago_is_removed(workload: Workload) -> None:
    name = f"{workload.prefix}-1"
    workload.stand_in(name, "--stop-timeout=100", workload=workload.name)
    workload.podman.ask("start", name)
    (container,) = workload.containers().values()
    # Until it is known to be gone, podman fails to remove it.
    ended = run_tasks(
        workload,
        {"command": f"kill -9 {container['State']['ConmonPid']} {container['State']['Pid']}"},
        {
            "include_role": {"name": "workload", "tasks_from": "remove"},
            "vars": {"workload_unwanted": name, "workload_unwanted_lives": False},
        },
    )
    assert ended.code == 0, ended.printed
    assert workload.containers() == {}


def test_a_replica_that_never_gets_ready_stops_the_change_with_its_log_and_the_others_serve(
    workload: Workload,
) -> None:
    def spec(health: str) -> dict[str, Any]:
        return {
            "start_seconds": 3,
            "environment": {"HEALTH": health},
            "files": [{"path": "/etc/health", "text": health}],
        }

    assert workload.run(replicas=3, **spec("200 OK")).code == 0
    before = workload.containers()
    neighbours = [
        workload.stand_in(f"{workload.prefix}-x-1", workload=f"{workload.name}-x"),
        workload.stand_in(f"faregate-x0-{workload.name}-1", workload=workload.name, instance="x0"),
    ]
    try:
        began = time.monotonic()
        failed = workload.run(replicas=2, **spec("503 Broken"))
        seconds = time.monotonic() - began

        assert failed.code != 0
        assert f"{workload.prefix}-1 does not answer: " in failed.printed
        assert "/health answers 503; the end of its log: this is printed first it listens" in failed.printed
        assert 3 < seconds < 40
        after = workload.containers()
        assert {number for number in after if after[number]["Id"] == before[number]["Id"]} == {"2", "3"}
        for number in ("2", "3"):
            assert get(after[number], "/health") == "health"
            assert get(after[number], "/read/etc/health") == "200 OK", "what it reads did not change under it"

        assert workload.run(replicas=2, **spec("200 OK")).changed > 0

        after = workload.containers()
        assert {number for number in after if after[number]["Id"] == before[number]["Id"]} == {"2"}
        assert after.keys() == {"1", "2"}, "the surplus is removed once the others serve"
        assert get(after["1"], "/resolve/" + workload.name) == sorted(map(address_of, after.values()))
        assert all(workload.podman.exists("container", id_) for id_ in neighbours)
    finally:
        workload.podman.ask("rm", "--force", *neighbours)


def test_a_container_that_ends_at_once_is_told_at_once_with_its_log(workload: Workload) -> None:
    began = time.monotonic()
    failed = workload.run(start_seconds=200, environment={"EXIT": "3"})
    assert failed.code != 0
    assert f"{workload.prefix}-1 is dead; the end of its log: " in failed.printed
    assert "this is printed first this is why it ends" in failed.printed, failed.printed
    assert time.monotonic() - began < 100
