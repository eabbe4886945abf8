"""What stands in the way of a verdict."""

from __future__ import annotations


class EvidenceMissing(Exception):
    """Somebody who must be asked does not answer, or says too little; the text says who and what."""
