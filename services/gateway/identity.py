"""Who asks, and what a request is called."""

from __future__ import annotations

import hashlib
import re
import uuid

from services.gateway.refusals import refuse_key

_LONGEST_CLIENT_ID = 64


def make_request_id() -> uuid.UUID:
    """Return the name of a request. A client's own is never taken for it: two requests would share a hold."""
    return uuid.uuid4()


def clean_client_id(header: str | None) -> str | None:
    """Return what a client calls its request, fit for a line of the log."""
    return re.sub(r"[^A-Za-z0-9._:-]", "_", header[:_LONGEST_CLIENT_ID]) if header else None


def hash_key(header: str | None) -> bytes:
    """Return the SHA-256 of the key in an Authorization header; the key itself goes nowhere.

    Raises:
        Refused: there is none.
    """
    if header is None:
        raise refuse_key("No API key was given; allowed: a header Authorization: Bearer KEY")
    found = re.fullmatch(r"[Bb]earer +([\x21-\x7e]{1,512})", header)
    if found is None:
        raise refuse_key("The Authorization header can't be read; allowed: Bearer KEY")
    return hashlib.sha256(found[1].encode()).digest()
