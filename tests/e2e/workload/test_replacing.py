"""Role `workload`: a changed spec replaces one replica after the other, and customers are served all the while."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from .scene import Workload, address_of, get

START_SECONDS = 1.0
"""How long a replica takes to start where it matters that it takes time."""


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
