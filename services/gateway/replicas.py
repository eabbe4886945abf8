"""The replicas that serve each model, and which of them gets a request."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

MOST_SILENCES = 2
"""Probes in a row without an answer after which a replica gets no more requests: one that computes may be late once."""


@dataclass(eq=False)
class Replica:
    """One engine."""

    address: str
    """host:port"""
    is_up: bool = False
    """Requests are led to it."""
    outstanding: int = 0
    """Requests that it works on for this gateway."""
    silences: int = 0

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @contextmanager
    def occupy(self) -> Iterator[None]:
        """Count a request while inside."""
        self.outstanding += 1
        try:
            yield
        finally:
            self.outstanding -= 1

    def note_answer(self, healthy: bool) -> None:
        """Note what a probe was answered."""
        self.silences = 0
        self.is_up = healthy

    def note_silence(self) -> None:
        """Note that a probe was not answered in time."""
        self.silences += 1
        if self.silences >= MOST_SILENCES:
            self.is_up = False

    def note_refusal(self) -> None:
        """Note that nobody listens there; the next good probe leads to it again."""
        self.is_up = False


class Replicas:
    """Every replica that is known, by model."""

    def __init__(self, models: Iterable[str]) -> None:
        self._known: dict[str, dict[str, Replica]] = {model: {} for model in models}

    def replace(self, model: str, addresses: Collection[str]) -> None:
        """Keep exactly these replicas of a model; new ones get requests once a probe has found them healthy.

        What one that goes still works on is not touched.
        """
        known = self._known[model]
        self._known[model] = {address: known.get(address) or Replica(address) for address in sorted(addresses)}

    def list_of(self, model: str) -> Sequence[Replica]:
        return list(self._known[model].values())

    def choose(self, model: str, avoided: Replica | None = None) -> Replica | None:
        """Return the replica with the least outstanding requests, one of them at random, or None where none is up."""
        up = [replica for replica in self._known[model].values() if replica.is_up and replica is not avoided]
        if not up:
            return None
        least = min(replica.outstanding for replica in up)
        return random.choice([replica for replica in up if replica.outstanding == least])  # noqa: S311  # no secret

    def count_up(self) -> Mapping[str, int]:
        """Return how many replicas of each model are up."""
        return {model: sum(replica.is_up for replica in known.values()) for model, known in self._known.items()}

    def serve_all(self) -> bool:
        """Say whether every model has a replica that is up."""
        return all(self.count_up().values())

    def tabulate(self) -> str:
        """Return comma-separated values: the address of each replica, and UP where requests are led to it."""
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(("addr", "status"))
        # An engine may serve several models: it is up if it is for one of them.
        states: dict[str, bool] = {}
        for known in self._known.values():
            for address, replica in known.items():
                states[address] = states.get(address, False) or replica.is_up
        writer.writerows((address, "UP" if is_up else "DOWN") for address, is_up in sorted(states.items()))
        return table.getvalue()
