"""Keys: what customers prove themselves with. The ledger stores a key's SHA-256 and never the key."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path

from services.billing.failures import Refused

PREFIX = "fg_"
"""What keys begin with, so that scanners find one that was committed by mistake."""

_BYTES = 32
_PATTERN = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")


def make_key() -> str:
    """Return a new key: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(_BYTES)


def hash_key(key: str) -> bytes:
    """Return what the ledger stores of a key."""
    return hashlib.sha256(key.encode()).digest()


def keep_key(file: Path) -> str:
    """Return the key that the file holds; a file that is not there is made, for its owner only, with a new key.

    Raises:
        Refused: the file holds something else, or can't be read or written.
    """
    try:
        if not file.exists():
            _write(file, make_key())
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"given {file}; allowed: a file of yours, or a place for one ({error})") from None
    if not _PATTERN.fullmatch(text):
        # What it holds may be somebody's secret: it is not repeated.
        raise Refused(f"given {file}, which holds no key; allowed: a file with a key, or none at all")
    return text


def _write(file: Path, key: str) -> None:
    """Write the key so that the file is never there without it."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(f"{key}\n")
        opened.flush()
        os.fsync(opened.fileno())
    try:
        unfinished.rename(file)
    except OSError:
        unfinished.unlink()
        raise
