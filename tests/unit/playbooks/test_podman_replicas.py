"""Module `podman_replicas`: what it makes of what podman says. A script stands in for podman."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from .modules import install_podman, load_module, run_module

# A container lives if its process is in its own cgroup. The test's own process plays that part.
ALIVE = {"Id": Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()[0], "Pid": os.getpid()}
STRANGER = {"Id": "0123456789abcdef", "Pid": os.getpid()}
GONE = {"Id": "0123456789abcdef", "Pid": 0}

PODMAN = f"""#!{sys.executable} -ISE
import json, os, sys
from pathlib import Path
folder = Path(__file__).parent
command, *arguments = sys.argv[1:]
if command == "exec":
    os.execvp(arguments[1], arguments[1:])
containers = json.loads((folder / "containers.json").read_text())
if command == "ps":
    print(json.dumps([
        {{"Id": it["Id"], "Names": [it["Name"]], "Labels": it["Config"]["Labels"]}} for it in containers
    ]))
else:
    print(json.dumps([it for it in containers if it["Id"] in arguments and not it.get("vanished")]))
    complaint = folder / "complaint"
    if complaint.exists():
        sys.exit(complaint.read_text())
"""


@dataclass
class FakePodman:
    folder: Path
    containers: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self,
        name: str,
        labels: Mapping[str, str | None] | None = None,
        process: Mapping[str, Any] = ALIVE,
        age: float = 1000,
    ) -> None:
        """Add a container that started so many seconds ago, ours unless the labels say otherwise."""
        all_labels = {"instance": "dev", "workload": "web", "spec": "right", **(labels or {})}
        labelled = {f"faregate.{key}": value for key, value in all_labels.items() if value is not None}
        self.containers.append(
            {
                "Id": process["Id"],
                "Name": name,
                "State": {"Pid": process["Pid"], "StartedAt": (datetime.now(UTC) - timedelta(seconds=age)).isoformat()},
                "Config": {"Labels": labelled or None},
                "NetworkSettings": {"Networks": {"x": {"IPAddress": "127.0.0.1"}}},
            }
        )

    def judge(self, *replicas: dict[str, Any]) -> dict[str, Any]:
        """Run the module as Ansible does, on one workload."""
        return self.judge_all({"web": list(replicas)})

    def judge_all(self, workloads: dict[str, list[dict[str, Any]]], **options: Any) -> dict[str, Any]:
        (self.folder / "containers.json").write_text(json.dumps(self.containers), encoding="utf-8")
        return run_module("podman_replicas", {"instance": "dev", "workloads": workloads, **options})[0]


@pytest.fixture
def podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePodman:
    install_podman(PODMAN, tmp_path, monkeypatch)
    return FakePodman(tmp_path)


def want(name: str, command: str = "true", **probe: Any) -> dict[str, Any]:
    return {
        "name": name,
        "labels": {"faregate.spec": "right"},
        "probe": probe or {"command": ["sh", "-c", command]},
        "start_seconds": 1,
    }


def reasons(result: dict[str, Any]) -> dict[str, str]:
    return {replica["name"]: replica["reason"] for replica in result["unfit"]}


@contextmanager
def serve(answer: bytes) -> Iterator[int]:
    """Answer every connection with these bytes; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    if connection.recv(4096):
                        connection.sendall(answer)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_replica_that_lives_as_the_spec_says_and_answers_is_ready(podman: FakePodman) -> None:
    podman.add("a")
    result = podman.judge(want("a"))
    assert (result["ready"], result["unfit"], result["surplus"], result["changed"]) == (["a"], [], [], False)
    assert result["addresses"] == {"web": {"a": "127.0.0.1"}}
    assert (result["fit"], result["settled"]) == (["web"], ["web"])


def test_what_is_not_ready_is_told_with_its_reason_and_what_serves_nobody_comes_first(podman: FakePodman) -> None:
    podman.add("old", {"spec": "wrong"})
    podman.add("stranger", process=STRANGER)
    podman.add("gone", {"spec": "wrong"}, GONE)
    podman.add("silent")
    result = podman.judge(
        want("old"), want("stranger"), want("gone"), want("silent", "echo no >&2; false"), want("none")
    )
    assert result["unfit"] == [
        {"name": "stranger", "workload": "web", "reason": "is dead", "lives": False, "serves": False},
        {"name": "gone", "workload": "web", "reason": "is dead", "lives": False, "serves": False},
        {"name": "silent", "workload": "web", "reason": "does not answer: no", "lives": True, "serves": False},
        {"name": "none", "workload": "web", "reason": "is missing", "lives": False, "serves": False},
        {"name": "old", "workload": "web", "reason": "is not as the spec says", "lives": True, "serves": True},
    ]
    assert result["ready"] == []


def test_only_the_workloads_own_containers_are_surplus(podman: FakePodman) -> None:
    podman.add("web-1")
    others: dict[str, dict[str, str | None]] = {
        "web-2": {},
        "web-10": {},
        "web-x-1": {"workload": "web-x"},
        "we-1": {"workload": "we"},
        "other-web-1": {"instance": "dev2"},
        "foreign": {"instance": None, "workload": None, "spec": None},
    }
    for number, (name, labels) in enumerate(others.items()):
        podman.add(name, labels, {"Id": f"{number:064x}", "Pid": 0})
    result = podman.judge(want("web-1"))
    assert (result["ready"], result["surplus"]) == (["web-1"], ["web-10", "web-2"])
    assert (result["fit"], result["settled"]) == ([], []), "something must be removed"


def test_several_workloads_are_judged_at_once_and_each_by_its_own_containers(podman: FakePodman) -> None:
    podman.add("web-1")
    podman.add("api-1", {"workload": "api"})
    podman.add("api-2", {"workload": "api"}, {"Id": "2" * 64, "Pid": 0})
    podman.add("old-1", {"workload": "old"}, {"Id": "3" * 64, "Pid": 0})
    podman.add("other-1", {"workload": "other"}, {"Id": "4" * 64, "Pid": 0})
    result = podman.judge_all({"web": [want("web-1")], "api": [want("api-1"), want("api-2")], "old": [], "none": []})
    assert (result["ready"], reasons(result)) == (["web-1", "api-1"], {"api-2": "is dead"})
    assert result["surplus"] == ["old-1"]
    assert result["addresses"] == {"web": {"web-1": "127.0.0.1"}, "api": {"api-1": "127.0.0.1"}, "old": {}, "none": {}}
    assert result["fit"] == ["web", "none"]
    assert result["settled"] == ["web", "api", "none"]
    assert [replica["workload"] for replica in result["unfit"]] == ["api"]


@pytest.mark.parametrize(
    ("labels", "process", "settled"), [({"spec": "wrong"}, ALIVE, True), ({}, GONE, True), ({}, ALIVE, False)]
)
def test_only_what_does_not_answer_yet_may_become_fit_by_itself(
    podman: FakePodman, labels: dict[str, str | None], process: dict[str, Any], settled: bool
) -> None:
    podman.add("a", labels, process)
    result = podman.judge_all({"web": [want("a", "false")]}, waits=False)
    assert (result["fit"], result["settled"]) == ([], ["web"] if settled else [])


@pytest.mark.parametrize("labels", [{"instance": "dev2"}, {"instance": None, "workload": None, "spec": None}])
def test_a_name_that_is_not_ours_is_refused_before_anything_is_waited_for(
    podman: FakePodman, labels: dict[str, str | None]
) -> None:
    podman.add("slow", age=0)
    podman.add("taken", labels, GONE)
    began = time.monotonic()
    result = podman.judge({**want("slow", "false"), "start_seconds": 100}, want("taken"))
    assert result["failed"]
    assert "a container named taken exists that is not this instance's" in result["msg"]
    assert time.monotonic() - began < 50


def test_a_container_that_vanishes_while_it_is_looked_at_is_missing(podman: FakePodman) -> None:
    podman.add("a")
    podman.add("b", process=GONE)
    podman.containers[1]["vanished"] = True
    (podman.folder / "complaint").write_text("Error: inspecting object: no such container b\n", encoding="utf-8")
    assert reasons(podman.judge(want("a"), want("b"))) == {"b": "is missing"}


def test_any_other_failure_of_podman_is_told(podman: FakePodman) -> None:
    podman.add("a")
    (podman.folder / "complaint").write_text("Error: the disk is full\n", encoding="utf-8")
    assert podman.judge(want("a"))["msg"] == "podman container inspect: Error: the disk is full"


def test_a_machine_without_podman_is_told(podman: FakePodman, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "podman" in podman.judge(want("a"))["msg"]


# ---- probes


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", None),
        (b"HTTP/1.1 204 No Content\r\n\r\n", None),
        (b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n", "answers 302"),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "answers 503"),
        (b"this is no HTTP\r\n\r\n", "this is no HTTP"),
        (b"", "closed connection"),
    ],
)
def test_only_an_answer_of_200_to_299_is_one(podman: FakePodman, answer: bytes, reason: str | None) -> None:
    podman.add("a")
    with serve(answer) as port:
        result = podman.judge(want("a", http="/health", port=port))
    if reason is None:
        assert result["ready"] == ["a"]
    else:
        assert reasons(result)["a"].startswith(f"does not answer: http://127.0.0.1:{port}/health")
        assert reason in reasons(result)["a"]


def test_no_proxy_of_the_environment_is_asked(podman: FakePodman, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    podman.add("a")
    with serve(b"HTTP/1.1 200 OK\r\n\r\n") as port:
        assert podman.judge(want("a", http="/", port=port))["ready"] == ["a"]


def test_a_container_without_an_address_does_not_answer(podman: FakePodman) -> None:
    podman.add("a")
    podman.containers[0]["NetworkSettings"]["Networks"] = None
    assert reasons(podman.judge(want("a", http="/", port=1))) == {"a": "does not answer: it has no address"}


def test_a_command_that_says_nothing_is_told_with_its_exit_code(podman: FakePodman) -> None:
    podman.add("a")
    assert reasons(podman.judge(want("a", "exit 7"))) == {"a": "does not answer: sh -c exit 7 ended with 7"}


# ---- how long is waited


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the module's own code, which pauses for less."""
    module = load_module("podman_replicas")
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.05)
    return module


def test_a_probe_that_hangs_is_given_up(podman: FakePodman, module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.3)
    podman.add("a")
    assert module._await_ready(want("a", "sleep 30"), podman.containers[0]) == (
        "does not answer: sh -c sleep 30 did not end within 0.3 s"
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:  # it accepts and never answers
        wanted = want("a", http="/", port=listening.getsockname()[1])
        began = time.monotonic()
        assert "timed out" in module._await_ready(wanted, podman.containers[0])
        assert time.monotonic() - began < 20


@pytest.mark.parametrize("hours", [-11, 0, 14])
@pytest.mark.parametrize(("age", "waits"), [(0, True), (-100, True), (1000, False)])
def test_a_replica_is_waited_for_as_long_as_it_may_be_starting_whatever_the_time_zone(
    podman: FakePodman, module: Any, hours: int, age: float, waits: bool
) -> None:
    podman.add("a")
    started = datetime.now(timezone(timedelta(hours=hours))) - timedelta(seconds=age)
    moment, zone = started.isoformat(timespec="microseconds")[:26], started.isoformat()[-6:]
    # Podman prints nanoseconds.
    podman.containers[0]["State"]["StartedAt"] = f"{moment}789{zone}".replace("+00:00", "Z")
    tries = podman.folder / "tries"
    wanted = {**want("a", f"echo x >> {tries}; false"), "start_seconds": 0.7}
    began = time.monotonic()
    assert module._await_ready(wanted, podman.containers[0])
    if waits:
        assert 0.7 < time.monotonic() - began < 20
    else:
        assert len(tries.read_text(encoding="utf-8").splitlines()) == 3


def test_nothing_is_asked_again_where_nobody_waits(podman: FakePodman) -> None:
    podman.add("a", age=0)
    tries = podman.folder / "tries"
    wanted = {**want("a", f"echo x >> {tries}; false"), "start_seconds": 100}
    result = podman.judge_all({"web": [wanted]}, waits=False)
    assert (list(reasons(result)), result["fit"]) == (["a"], [])
    assert tries.read_text(encoding="utf-8") == "x\n"


def test_a_probe_may_fail_once_and_again(podman: FakePodman, module: Any) -> None:
    podman.add("a")
    tries = podman.folder / "tries"
    command = f'echo x >> {tries}; [ "$(wc -l < {tries})" -ge 3 ]'
    assert module._await_ready(want("a", command), podman.containers[0]) is None


def test_a_replica_that_dies_while_it_is_waited_for_is_told_at_once(podman: FakePodman, module: Any) -> None:
    with subprocess.Popen(["sleep", "0.3"]) as process:
        podman.add("a", process={**ALIVE, "Pid": process.pid}, age=0)
        reaper = threading.Thread(target=process.wait)
        reaper.start()
        began = time.monotonic()
        assert module._await_ready({**want("a", "false"), "start_seconds": 100}, podman.containers[0]) == "is dead"
        assert time.monotonic() - began < 50
        reaper.join()


def test_a_zombie_does_not_live(podman: FakePodman, module: Any) -> None:
    with subprocess.Popen(["true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        podman.add("a", process={**ALIVE, "Pid": process.pid})
        assert not module._is_alive(podman.containers[0])
