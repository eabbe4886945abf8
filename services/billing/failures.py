"""The failure that is told as a sentence, never as a traceback."""

from __future__ import annotations


class Refused(Exception):
    """What was asked can't be done; the text says why, and nothing was changed."""
