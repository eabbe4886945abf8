"""What clients of several processes saw arrives whole, and once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from locust.env import Environment
from locust.rpc.protocol import Message

from loadtests.recorder import Recorder
from loadtests.records import Outcome, Record, Told, read_record, write_records
from tests.unit.loadtests.samples import make_apart, make_nameless, make_whole

RECORDS = [make_whole("one").record, make_apart("two", Outcome.BROKEN).record, make_nameless().record]

counts = st.integers(0, 2**62)
records = st.builds(
    Record,
    model=st.text(max_size=5),
    begun=st.floats(0, 2e9),
    seconds=st.floats(0, 1e5),
    outcome=st.sampled_from(Outcome),
    most_output_tokens=counts,
    request_id=st.none() | st.text(max_size=5),
    status=st.none() | st.integers(100, 599),
    first_token_seconds=st.none() | st.floats(0, 1e5),
    output_tokens=counts,
    countable=st.booleans(),
    told=st.none() | st.builds(Told, counts, counts, counts, counts),
    reason=st.none() | st.text(max_size=5),
)


class Process:
    """A process of a run."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.events = Environment().events
        self.recorder.listen(Environment(events=self.events))


def send(data: dict[str, Any]) -> dict[str, Any]:
    """Return what arrives of what is sent from process to process."""
    arrived: dict[str, Any] = Message.unserialize(Message("stats", data, "worker").serialize()).data
    return arrived


def report(worker: Process, master: Process) -> None:
    """Let a worker report as Locust does every few seconds."""
    data: dict[str, Any] = {"user_count": 1}
    worker.events.report_to_master.fire(client_id="worker", data=data)
    arrived = send(data)
    master.events.worker_report.fire(client_id="worker", data=arrived)
    assert arrived == {"user_count": 1}, "Locust's own part is untouched"


def test_records_of_workers_arrive_at_their_master_once() -> None:
    workers, master = [Process(), Process()], Process()
    workers[0].recorder.add(RECORDS[0])
    report(workers[0], master)
    workers[1].recorder.add(RECORDS[1])
    report(workers[1], master)
    workers[0].recorder.add(RECORDS[2])
    report(workers[0], master)
    report(workers[1], master)
    assert master.recorder.records == RECORDS
    assert [worker.recorder.records for worker in workers] == [[], []]


def test_a_worker_that_says_nothing_of_records_adds_none() -> None:
    master = Process()
    master.events.worker_report.fire(client_id="worker", data={"user_count": 1})
    assert master.recorder.records == []


def test_a_process_alone_keeps_what_its_clients_saw() -> None:
    recorder = Recorder()
    for record in RECORDS:
        recorder.add(record)
    assert recorder.records == RECORDS


@given(st.lists(records, max_size=3))
def test_any_record_arrives_as_it_was_sent(sent: list[Record]) -> None:
    worker, master = Process(), Process()
    for record in sent:
        worker.recorder.add(record)
    report(worker, master)
    assert master.recorder.records == sent
    assert all(isinstance(record.outcome, Outcome) for record in master.recorder.records)


def test_records_are_kept_as_one_object_a_line(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    write_records(RECORDS, path)
    assert [read_record(json.loads(line)) for line in path.read_text().splitlines()] == RECORDS


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_the_service_s_fault_or_it_is_not(outcome: Outcome) -> None:
    assert outcome.is_failure is (outcome not in (Outcome.FINISHED, Outcome.LEFT))
