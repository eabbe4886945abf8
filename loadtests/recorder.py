"""Keeps what clients saw, and brings it from workers to their master where a run has several processes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from locust.env import Environment

from loadtests.records import Record, read_record

_KEY = "faregate_records"


class Recorder:
    """The records of a run."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def add(self, record: Record) -> None:
        self.records.append(record)

    def listen(self, environment: Environment) -> None:
        """Take part in what workers report to their master every few seconds, and once more at the end."""
        environment.events.report_to_master.add_listener(self._send)
        environment.events.worker_report.add_listener(self._receive)

    def _send(self, client_id: str, data: dict[str, Any]) -> None:
        data[_KEY] = [asdict(record) for record in self.records]
        self.records = []

    def _receive(self, client_id: str, data: dict[str, Any]) -> None:
        self.records += [read_record(values) for values in data.pop(_KEY, [])]
