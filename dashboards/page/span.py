"""Which time is shown, and at which moments of it Prometheus is asked."""

from __future__ import annotations

from dataclasses import dataclass

MOST_POINTS = 300
"""How many moments a plot has at most: more would not be seen."""
SCRAPE_SECONDS = 5
"""How often Prometheus reads metrics (`playbooks/workloads.yml`)."""


@dataclass(frozen=True)
class Span:
    """A time, from its first to its last moment, in whole seconds since 1970."""

    begin: int
    end: int
    step: int
    """Seconds from one moment to the next."""

    @property
    def moments(self) -> range:
        """The moments that Prometheus is asked for."""
        return range(self.begin, self.end + 1, self.step)

    @property
    def rate_seconds(self) -> int:
        """Over how many seconds rates are, as Grafana's `$__rate_interval` is computed: no sample is left out."""
        return max(self.step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS)


def choose_span(minutes: int, now: float) -> Span:
    """Return the last minutes before a Unix time.

    Moments are multiples of the step, so that two pages of overlapping times show the same values.
    """
    seconds = 60 * minutes
    step = max(SCRAPE_SECONDS, -(-seconds // (MOST_POINTS - 1)))
    end = int(now) // step * step
    return Span(begin=end - seconds // step * step, end=end, step=step)
