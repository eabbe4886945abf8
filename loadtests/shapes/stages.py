"""Shapes as a list of stages."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from locust import LoadTestShape


@dataclass(frozen=True)
class Stage:
    """A time during which the number of users does not change."""

    seconds: int
    users: int
    is_baseline: bool = False
    """What is measured in it is what the rest of the run is compared with."""


class StagedShape(LoadTestShape):
    """Goes through its stages, baselines first."""

    abstract = True
    stages: ClassVar[tuple[Stage, ...]]

    @classmethod
    def baseline_seconds(cls) -> int:
        return sum(stage.seconds for stage in cls.stages if stage.is_baseline)

    @classmethod
    def seconds(cls) -> int:
        return sum(stage.seconds for stage in cls.stages)

    def tick(self) -> tuple[int, float] | None:
        """Return how many users there should be now, and how many of them may be added a second; None at the end."""
        left = time.perf_counter() - self.start_time
        for stage in self.stages:
            if left < stage.seconds:
                return stage.users, stage.users
            left -= stage.seconds
        return None
