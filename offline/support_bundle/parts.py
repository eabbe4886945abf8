"""What a bundle is made of: parts, each a text that may not be had, in chapters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Read = Callable[[], str]


@dataclass(frozen=True)
class Part:
    """One file of a bundle."""

    path: str
    """Below the bundle's folder."""
    read: Read
    """Returns its text; whatever it raises says why it can't be had."""


@dataclass(frozen=True)
class Chapter:
    """Parts that are told as one step."""

    title: str
    list_parts: Callable[[], Iterable[Part]]
    """Returns the parts; it may raise, too: what there is may be unknown."""


@dataclass(frozen=True)
class Missing:
    """A part that can't be had."""

    path: str
    reason: str


def to_json(document: Any) -> str:
    """Return a document as people read it."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
