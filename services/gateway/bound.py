"""The most that a request may count: what its hold must cover before an engine has seen it."""

from __future__ import annotations

import json

from services.gateway.chat import Chat
from services.gateway.models import ServedModel

# Fields that no chat template sees.
_NOT_RENDERED = frozenset(
    {
        "frequency_penalty",
        "ignore_eos",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "min_p",
        "model",
        "n",
        "parallel_tool_calls",
        "presence_penalty",
        "repeat_penalty",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "top_k",
        "top_logprobs",
        "top_p",
        "typical_p",
        "user",
    }
)
_PLAIN_MESSAGE = frozenset({"role", "content", "name"})


def bound_prompt(chat: Chat, model: ServedModel) -> int:
    """Return the most tokens that the prompt may be.

    A token stands for at least one byte of what was sent, or the template added it. What the template makes of tools,
    of its own arguments and of fields that nobody here knows is not bounded by their bytes, so then it is the context
    length: where the wallet does not cover that, the engine is asked for the exact number.
    """
    if chat.fields.keys() - _NOT_RENDERED or any(message.keys() - _PLAIN_MESSAGE for message in chat.messages):
        return model.context_length
    size = len(json.dumps(chat.messages, ensure_ascii=False).encode())
    return min(size + model.template_overhead.count(len(chat.messages)), model.context_length)


def bound_output(chat: Chat, model: ServedModel) -> int:
    """Return the most tokens that the answer may be.

    What is asked beyond the model's limit is cut to it and not refused: clients written for other services ask for
    their limits, and `finish_reason` says "length" where an answer was cut.
    """
    asked = model.max_output_tokens if chat.most_output_tokens is None else chat.most_output_tokens
    return min(asked, model.max_output_tokens, model.context_length)
