"""The failure that is told as a sentence, never as a traceback."""

from __future__ import annotations


class Refused(Exception):
    """The server can't be started, or does not answer; the text says why."""
