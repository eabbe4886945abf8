"""The SLOs: what is promised, as `stacks/slo.yaml` holds it."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from contract.base import Count, Model, Name, Text

_PATTERN = r"^(0|[1-9][0-9]?)(\.[0-9]{1,6})?$"
_WORDS = 'a percentage between 0 and 100 as a quoted decimal of at most 6 decimals such as "99.9"'


def _read_percent(value: object) -> Decimal:
    text = str(value) if isinstance(value, str | Decimal) else ""
    if not re.fullmatch(_PATTERN, text) or not Decimal(text):
        raise ValueError(_WORDS)
    return Decimal(text)


Percent = Annotated[
    Decimal,
    BeforeValidator(_read_percent),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _PATTERN, "patternErrorMessage": _WORDS}),
]
"""A percentage between 0 and 100, both excluded; exact, because an error budget is what is left of it."""


class Availability(Model):
    """Good is a request that is answered without a server error."""

    kind: Literal["availability"]
    """Which indicator this is."""


class Latency(Model):
    """Good is a request whose latency is within the threshold."""

    kind: Literal["latency"]
    """Which indicator this is."""
    quantity: Literal["first_token", "per_output_token", "whole_request"]
    """What is timed: until the first token, between two tokens of the answer on average, or until the last byte."""
    threshold_ms: Count
    """The threshold on AWS, in milliseconds."""
    baseline_multiple: Annotated[float, Field(ge=1)]
    """The threshold on a shared machine, where milliseconds mean little: a multiple of the run's own baseline."""


class Slo(Model):
    """One promise: over a window, at least so many percent of events are good."""

    description: Text
    """What is promised, in a sentence."""
    service: Name
    """The service that promises it; its metrics, alerts, dashboard and runbooks carry the same name."""
    objective: Percent
    """Percentage of events that are good, at least."""
    window_days: Annotated[int, Field(ge=1, le=90)]
    """Length of the sliding window, in days."""
    indicator: Annotated[Availability | Latency, Field(discriminator="kind")]
    """What makes an event good."""

    @property
    def error_budget(self) -> Decimal:
        """The share of events (0 to 1) that may be bad, exactly."""
        return 1 - self.objective / 100


class Slos(Model):
    """Everything that is promised."""

    slos: Annotated[Mapping[Name, Slo], Field(min_length=1)]
    """SLOs by name."""
