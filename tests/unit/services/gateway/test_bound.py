from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.catalog import TemplateOverhead
from services.gateway.bound import bound_output, bound_prompt
from services.gateway.chat import Chat, parse_chat
from services.gateway.models import ServedModel

MODEL = ServedModel("tiny", 1, 1000, 200, TemplateOverhead(per_request=25, per_message=5))


def parse(**fields: Any) -> Chat:
    given = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], **fields}
    return parse_chat(json.dumps(given).encode())


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30), min_size=1, max_size=5))
def test_every_byte_may_be_a_token_and_the_template_adds_its_own(texts: list[str]) -> None:
    chat = parse(messages=[{"role": "user", "content": text} for text in texts])
    least = sum(len(text.encode()) for text in texts) + 25 + 5 * len(texts)

    assert min(least, 1000) <= bound_prompt(chat, MODEL) <= 1000


def test_no_prompt_is_longer_than_the_context() -> None:
    assert bound_prompt(parse(messages=[{"role": "user", "content": "x" * 5000}]), MODEL) == 1000


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": []},
        {"response_format": {"type": "json_object"}},
        {"chat_template_kwargs": {"a": "b"}},
        {"unknown": 1},
        {"messages": [{"role": "tool", "content": "a", "tool_call_id": "1"}]},
        {"messages": [{"role": "assistant", "tool_calls": [{}]}]},
    ],
)
def test_what_the_template_may_multiply_is_bounded_by_the_context(fields: dict[str, Any]) -> None:
    assert bound_prompt(parse(**fields), MODEL) == 1000


@pytest.mark.parametrize("fields", [{"temperature": 1, "seed": 3, "stop": ["a"]}, {"user": "x" * 900}])
def test_fields_that_no_template_sees_count_nothing(fields: dict[str, Any]) -> None:
    assert bound_prompt(parse(**fields), MODEL) == bound_prompt(parse(), MODEL) < 100


@pytest.mark.parametrize(("asked", "bound"), [(None, 200), (1, 1), (200, 200), (201, 200), (2**31 - 1, 200)])
def test_an_answer_is_as_long_as_asked_for_and_no_longer_than_the_model_s_limit(asked: int | None, bound: int) -> None:
    assert bound_output(parse(max_tokens=asked), MODEL) == bound


def test_an_answer_is_never_longer_than_the_context() -> None:
    wide = ServedModel("tiny", 1, 100, 200, MODEL.template_overhead)

    assert bound_output(parse(), wide) == 100
