"""Role `workload`: whatever is dead, hung or half-made is replaced, never started again (ADR 0012)."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.integration.plugins.processes import is_alive, wait_until

from .scene import Workload, address_of, get


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
    ended = workload.run_tasks(
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
