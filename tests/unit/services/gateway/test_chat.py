from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.chat import Chat, parse_chat
from services.gateway.refusals import Refused

HELLO: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}]}


def refuse(body: object) -> Refused:
    with pytest.raises(Refused) as refused:
        parse_chat(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert refused.value.status == 400
    return refused.value


def parse(**fields: object) -> Chat:
    return parse_chat(json.dumps({**HELLO, **fields}).encode())


def test_what_is_required_is_enough() -> None:
    chat = parse()

    assert chat == Chat("tiny", HELLO["messages"], False, False, None, HELLO)


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({}, None),
        ({"max_tokens": None}, None),
        ({"max_tokens": 7}, 7),
        ({"max_completion_tokens": 8}, 8),
        ({"max_tokens": 7, "max_completion_tokens": 8}, 7),
        ({"max_tokens": 9, "max_completion_tokens": 8}, 8),
    ],
)
def test_the_smaller_limit_holds(fields: dict[str, object], limit: int | None) -> None:
    assert parse(**fields).most_output_tokens == limit


@pytest.mark.parametrize("options", [None, {}, {"include_usage": None}, {"include_usage": False}])
def test_usage_is_not_included_unless_asked_for(options: object) -> None:
    assert parse(stream=True, stream_options=options).include_usage is False
    assert parse(stream=True, stream_options={"include_usage": True}).include_usage is True


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],
        [{"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}],
        [{"role": "assistant", "tool_calls": [{"id": "1"}]}],
        [{"role": "tool", "tool_call_id": "1", "content": "42"}],
        [{"role": "user", "content": "", "name": "bob"}],
    ],
)
def test_messages_go_through_untouched(messages: list[Any]) -> None:
    assert parse(messages=messages).messages == messages


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"model": None}, "model", "given null; allowed: the name of a model, a string (required)"),
        ({"model": 3}, "model", "given 3; allowed: the name of a model, a string (required)"),
        ({"model": ""}, "model", 'given ""; allowed: the name of a model, a string (required)'),
        ({"messages": []}, "messages", "given []; allowed: a list of at least one message (required)"),
        ({"messages": "hi"}, "messages", 'given "hi"; allowed: a list of at least one message (required)'),
        ({"messages": ["hi"]}, "messages[0]", 'given "hi"; allowed: an object with role and content'),
        ({"messages": [{"content": "a"}]}, "messages[0].role", "given null; allowed: a string such as user (required)"),
        (
            {"messages": [{"role": "user"}]},
            "messages[0].content",
            "given null; allowed: a string or a list of text parts (required)",
        ),
        (
            {"messages": [{"role": "user", "content": 1}]},
            "messages[0].content",
            "given 1; allowed: a string or a list of text parts",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages[0].content[0].type",
            'given "image_url"; allowed: "text": the models read nothing else',
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text",
            "given null; allowed: a string",
        ),
        ({"stream": "yes"}, "stream", 'given "yes"; allowed: true or false'),
        ({"stream": 1}, "stream", "given 1; allowed: true or false"),
        ({"stream_options": []}, "stream_options", "given []; allowed: an object"),
        (
            {"stream_options": {"include_usage": 1}},
            "stream_options.include_usage",
            "given 1; allowed: true or false",
        ),
        ({"n": 2}, "n", "given 2; allowed: 1, one answer for each request"),
        ({"n": True}, "n", "given true; allowed: 1, one answer for each request"),
        ({"max_tokens": 0}, "max_tokens", "given 0; allowed: an integer from 1 to 2147483647"),
        ({"max_tokens": True}, "max_tokens", "given true; allowed: an integer from 1 to 2147483647"),
        ({"max_tokens": 1.0}, "max_tokens", "given 1.0; allowed: an integer from 1 to 2147483647"),
        (
            {"max_completion_tokens": 2**31},
            "max_completion_tokens",
            "given 2147483648; allowed: an integer from 1 to 2147483647",
        ),
        ({"n_predict": 9}, "n_predict", "given 9; allowed: no such field: it is decided by the service"),
        (
            {"timings_per_token": False},
            "timings_per_token",
            "given false; allowed: no such field: it is decided by the service",
        ),
        ({"id_slot": 0}, "id_slot", "given 0; allowed: no such field: it is decided by the service"),
        (
            {"speculative.n_max": 3},
            "speculative.n_max",
            "given 3; allowed: no such field: it is decided by the service",
        ),
    ],
)
def test_a_field_that_is_wrong_is_named_with_what_was_given_and_what_is_allowed(
    fields: dict[str, object], param: str, message: str
) -> None:
    refused = refuse({**HELLO, **fields})

    assert (refused.param, refused.message) == (param, f"{param}: {message}")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The request's body is not JSON: Expecting value (line 1, column 1)"),
        (b"\xff", "The request's body is not UTF-8"),
        (b"[]", "The request's body is not a JSON object"),
        (b'{"a":1,"a":2}', "The request's body holds the key 'a' twice; allowed: each key once"),
        (b'{"a":{"b":1,"b":1}}', "The request's body holds the key 'b' twice; allowed: each key once"),
        (b'{"a":NaN}', "The request's body holds NaN, which is not JSON"),
        (b'{"a":-Infinity}', "The request's body holds -Infinity, which is not JSON"),
        (b'{"a":1e999}', "The request's body holds a number that is too large"),
        (b'{"a":' + b"9" * 5000 + b"}", "The request's body holds a number that is too large"),
        (b'{"a":"\\ud800"}', "The request's body holds half of a surrogate pair; allowed: characters"),
        (b'{"\\udfff":1}', "The request's body holds half of a surrogate pair; allowed: characters"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "The request's body nests too deeply"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(body: bytes, message: str) -> None:
    assert refuse(body).message == message


def test_what_was_given_is_told_in_few_words() -> None:
    assert len(refuse({**HELLO, "stream": "x" * 10_000}).message) < 150


def judge(body: bytes) -> Chat | int:
    """Return the request, or the status with which it is refused."""
    try:
        return parse_chat(body)
    except Refused as refused:
        return refused.status


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(body: bytes) -> None:
    assert judge(body) == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("model", "messages", "stream", "stream_options", "n", "max_tokens", "max_completion_tokens"), JSON
        ),
    )
)
def test_any_json_is_parsed_or_refused(fields: dict[str, Any]) -> None:
    chat = judge(json.dumps({**HELLO, **fields}).encode())

    if isinstance(chat, Chat):
        assert chat.most_output_tokens is None or chat.most_output_tokens >= 1
        assert chat.messages
    else:
        assert chat == 400
