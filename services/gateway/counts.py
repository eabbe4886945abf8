"""Tokens as the engine counts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_MOST = 2**63 - 1
"""The ledger notes counts as bigint. One beyond could not be settled, and what was delivered would cost nothing."""


class CountsBroken(Exception):
    """An engine's counts can't be used: a stream or an answer with them can't be charged."""


@dataclass(frozen=True)
class Counts:
    """Tokens of one request so far."""

    input_tokens: int
    """Those that were not cached."""
    cached_input_tokens: int
    output_tokens: int


def read_timings(chunk: Mapping[str, object]) -> Counts | None:
    """Return what llama.cpp's `timings` in a chunk say, or None where there are none.

    Raises:
        CountsBroken: they are no counts.
    """
    timings = chunk.get("timings")
    if timings is None:
        return None
    if not isinstance(timings, Mapping):
        raise CountsBroken("timings are no object")
    cached = timings.get("cache_n", 0)
    return Counts(_count(timings.get("prompt_n")), _count(cached), _count(timings.get("predicted_n")))


def read_usage(answer: Mapping[str, object]) -> Counts | None:
    """Return what `usage` in OpenAI's shape says, or None where there is none.

    Raises:
        CountsBroken: it holds no counts.
    """
    usage = answer.get("usage")
    if usage is None:
        return None
    if not isinstance(usage, Mapping):
        raise CountsBroken("usage is no object")
    details = usage.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens") or 0) if isinstance(details, Mapping) else 0
    prompt = _count(usage.get("prompt_tokens"))
    if cached > prompt:
        raise CountsBroken("more of the prompt is cached than there is")
    return Counts(prompt - cached, cached, _count(usage.get("completion_tokens")))


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _MOST:
        raise CountsBroken("a count is no integer from 0 to the ledger's most")
    return value
