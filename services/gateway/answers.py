"""What customers read of an engine's answers: its words, under the gateway's names."""

from __future__ import annotations

from collections.abc import Mapping

_INTERNAL = frozenset({"timings", "__verbose", "prompt_progress", "generation_settings", "usage"})


def present(answer: Mapping[str, object], model: str) -> dict[str, object]:
    """Return an answer or a chunk without what is the engine's own, and without its usage."""
    kept = {name: value for name, value in answer.items() if name not in _INTERNAL}
    return {**kept, "model": model}


def has_choices(chunk: Mapping[str, object]) -> bool:
    """Say whether a chunk is a part of the answer; the last one of a stream only says the usage."""
    return bool(chunk.get("choices"))


def has_words(chunk: Mapping[str, object]) -> bool:
    """Say whether a chunk brings something that was generated, not only a role or the reason of the end."""
    choices = chunk.get("choices")
    for choice in choices if isinstance(choices, list) else []:
        delta = choice.get("delta") if isinstance(choice, Mapping) else None
        if isinstance(delta, Mapping) and any(value for name, value in delta.items() if name != "role"):
            return True
    return False


def end_early(last: Mapping[str, object], model: str, ended_by: str) -> dict[str, object]:
    """Return the chunk that ends a stream before the engine did: its reason is "length", as where a limit is reached.

    An `error` event would make clients throw away what they have, which is paid for.
    """
    choice = {"index": 0, "delta": {}, "finish_reason": "length"}
    return {**_continue(last, model), "choices": [choice], "faregate": {"ended_by": ended_by}}


def report_usage(
    last: Mapping[str, object], model: str, usage: Mapping[str, object], receipt: Mapping[str, object]
) -> dict[str, object]:
    """Return the chunk with the usage, and with what it costs."""
    return {**_continue(last, model), "choices": [], "usage": dict(usage), "faregate": dict(receipt)}


def correct_usage(answer: Mapping[str, object], usage: Mapping[str, object]) -> dict[str, object]:
    """Return the usage that the engine says in an answer, with the counts that are charged."""
    said = answer.get("usage")
    return {**(said if isinstance(said, dict) else {}), **usage}


def _continue(last: Mapping[str, object], model: str) -> dict[str, object]:
    """Return what says that a chunk belongs to the stream of the last one."""
    kept = {name: last[name] for name in ("id", "object", "created", "system_fingerprint") if name in last}
    return {**kept, "model": model}
