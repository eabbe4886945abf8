"""What an engine is asked: a customer's request, with what the gateway decides in its place."""

from __future__ import annotations

from services.gateway.chat import Chat

_REPLACED = frozenset({"max_completion_tokens", "max_tokens", "n", "stream", "stream_options"})


def order_answer(chat: Chat, most_output_tokens: int) -> dict[str, object]:
    """Return the body for a plain answer."""
    return {**_keep(chat), "stream": False, "max_tokens": most_output_tokens}


def order_stream(chat: Chat, most_output_tokens: int) -> dict[str, object]:
    """Return the body for a stream, each of whose chunks says how many tokens there are so far."""
    return {
        **_keep(chat),
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": most_output_tokens,
        "timings_per_token": True,
    }


def order_prompt(chat: Chat) -> dict[str, object]:
    """Return the body for the prompt as the template renders it."""
    return _keep(chat)


def _keep(chat: Chat) -> dict[str, object]:
    return {name: value for name, value in chat.fields.items() if name not in _REPLACED}
