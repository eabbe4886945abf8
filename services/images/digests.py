"""Digests of what something is made of. Equal parts give equal digests on every machine; any change gives another."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

LENGTH = 12


def digest(parts: Mapping[str, bytes]) -> str:
    """Return the first hexadecimal digits of a SHA-256 over the parts, whatever their order."""
    whole = hashlib.sha256()
    for name, content in sorted(parts.items()):
        for field in (name.encode(), content):
            # With its length before it, no byte can move from one field to the next unseen.
            whole.update(len(field).to_bytes(8, "big"))
            whole.update(field)
    return whole.hexdigest()[:LENGTH]
