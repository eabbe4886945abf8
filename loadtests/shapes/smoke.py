"""`smoke`: 30 s, one user. Is the chain whole: does every token that a customer gets appear in every book?

10 s are the baseline. One user is no load: what comes after it should be as fast.
"""

from __future__ import annotations

from loadtests.shapes.stages import Stage, StagedShape


class Smoke(StagedShape):
    """One user."""

    stages = (Stage(seconds=10, users=1, is_baseline=True), Stage(seconds=20, users=1))
