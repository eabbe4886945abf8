"""A gateway that is not honest: it counts one token more than the engine did, and says so everywhere."""

from __future__ import annotations

import sys
from dataclasses import replace

from services.gateway.__main__ import main
from services.gateway.bill import Bill
from services.gateway.counts import Counts

_note_counts = Bill.note_counts


def overcount(self: Bill, counts: Counts) -> None:
    _note_counts(self, replace(counts, output_tokens=counts.output_tokens + 1))


if __name__ == "__main__":
    Bill.note_counts = overcount  # type: ignore[method-assign]
    sys.exit(main())
