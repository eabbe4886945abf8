"""One thing that a verdict depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """What was asked, found and allowed."""

    name: str
    passed: bool
    found: str
    allowed: str
    details: Sequence[str] = ()
    """Each thing that is wrong."""


def check_none(name: str, problems: Sequence[str], found: str, allowed: str) -> Check:
    """Return a check that passes where nothing is wrong."""
    wrong = f"{len(problems)} wrong; {found}" if problems else found
    return Check(name, not problems, wrong, allowed, problems)
