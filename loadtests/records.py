"""What the client saw of each request: its own count of tokens, its own times, and what it was told."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class Outcome(StrEnum):
    """How a request ended for the client."""

    FINISHED = "finished"
    """The answer is whole."""
    LEFT = "left"
    """The client went away, on purpose."""
    CUT = "cut"
    """The service ended the stream early, and said so."""
    BROKEN = "broken"
    """The stream broke off."""
    REFUSED = "refused"
    """An error instead of an answer."""
    UNREACHED = "unreached"
    """No answer at all."""

    @property
    def is_failure(self) -> bool:
        """Say whether a customer who stayed got no whole answer, whoever is to blame."""
        return self not in (Outcome.FINISHED, Outcome.LEFT)


@dataclass(frozen=True)
class Told:
    """The receipt."""

    input_tokens: int
    """Those that were not cached."""
    cached_input_tokens: int
    output_tokens: int
    charge: int
    """Nano-dollars."""


@dataclass(frozen=True)
class Record:
    """One request."""

    model: str
    begun: float
    """Unix time at which it was sent."""
    seconds: float
    """From then to its end."""
    outcome: Outcome
    most_output_tokens: int
    """The most tokens that were asked for."""
    request_id: str | None = None
    """What the gateway calls it; absent where nothing was answered."""
    status: int | None = None
    """HTTP status."""
    first_token_seconds: float | None = None
    """From its beginning to the first token; absent where none came."""
    output_tokens: int = 0
    """Tokens that came, as the client counts them."""
    countable: bool = True
    """Whether the client could count: text came that no token accounts for otherwise."""
    told: Told | None = None
    reason: str | None = None
    """Why it failed."""


def read_record(values: dict[str, Any]) -> Record:
    """Return the record that `asdict` made into plain values."""
    told = values["told"]
    return Record(**{**values, "outcome": Outcome(values["outcome"]), "told": Told(**told) if told else None})


def write_records(records: Iterable[Record], path: Path) -> None:
    """Write records as one JSON object a line."""
    path.write_text("".join(f"{json.dumps(asdict(record))}\n" for record in records))
