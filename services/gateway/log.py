"""The log: one JSON object a line on standard output. No key, prompt or answer is ever in it."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal


def write(event: str, *, level: Literal["info", "warning", "error"] = "info", **fields: object) -> None:
    """Write a line; fields that are None are left out."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds")
    known = {name: value for name, value in fields.items() if value is not None}
    print(
        json.dumps({"time": moment, "level": level, "event": event, **known}, default=str), file=sys.stdout, flush=True
    )


def adopt_libraries() -> None:
    """Have warnings of libraries in the same form. Their texts name servers and errors, never requests."""
    logging.basicConfig(handlers=[_Handler()], level=logging.WARNING, force=True)
    # It repeats what a client sent that is no HTTP.
    logging.getLogger("aiohttp.server").disabled = True


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        level: Literal["warning", "error"] = "error" if record.levelno >= logging.ERROR else "warning"
        write("library", level=level, logger=record.name, text=" ".join(record.getMessage().split())[:500])
