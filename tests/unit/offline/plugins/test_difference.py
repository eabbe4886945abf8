"""What changed between inputs, what a refresh may change of them, and what nobody models."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.aws.cloud import Cloud
from offline.aws.difference import changed_inputs, refresh_inputs, unmodelled_inputs
from offline.aws.resource import Properties, ResourceType
from offline.aws.schema import Schema

TOKEN = "test:index:Thing"
STRING = {"type": "string"}
SCHEMA = Schema(
    {
        "resources": {
            TOKEN: {
                "properties": {
                    "name": STRING,
                    "policy": STRING,
                    "enabled": {"type": "boolean"},
                    "size": {"type": "integer"},
                    "members": {"array": STRING},
                    "tags": {"map": STRING},
                    "check": {"object": "Check"},
                    "rules": {"array": {"object": "Rule"}},
                },
                "required": [],
                "outputs": [],
            }
        },
        "objects": {
            "Check": {"properties": {"path": STRING, "matcher": {"object": "Matcher"}}, "required": []},
            "Matcher": {"properties": {"code": STRING, "body": STRING}, "required": []},
            "Rule": {"properties": {"kind": STRING, "matcher": {"object": "Matcher"}}, "required": []},
        },
    }
)


class Thing(ResourceType):
    token = TOKEN
    replaces = frozenset({"name"})
    updates = frozenset({"policy", "enabled", "size", "members", "tags", "check", "rules"})
    nested = MappingProxyType(
        {
            "check": frozenset({"path", "matcher"}),
            "check.matcher": frozenset({"code"}),
            "rules": frozenset({"kind"}),
        }
    )

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        raise NotImplementedError

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        raise NotImplementedError

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        raise NotImplementedError


def some(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=values)


TEXTS = st.sampled_from(["", "a", "b", "c"])
DOCUMENTS = st.builds(
    json.dumps, st.dictionaries(TEXTS, st.integers(0, 2), max_size=2), indent=st.sampled_from([None, 2])
)
MATCHERS = some(code=TEXTS | st.none(), body=TEXTS)
THINGS = some(
    name=TEXTS,
    policy=TEXTS | DOCUMENTS,
    enabled=st.booleans(),
    size=st.integers(0, 3),
    members=st.lists(TEXTS, max_size=3),
    tags=st.dictionaries(TEXTS, TEXTS, max_size=3),
    check=some(path=TEXTS | st.none(), matcher=MATCHERS),
    rules=st.lists(some(kind=TEXTS, matcher=MATCHERS), max_size=2),
)


def refresh(old: Properties, live: Properties) -> Properties:
    return refresh_inputs(Thing(), SCHEMA, old, live)


def added_keys(old: Any, new: Any, kind: str = "") -> list[str]:
    """Return the paths of object properties that only the new value has; the keys of maps are values themselves."""
    if isinstance(old, dict) and isinstance(new, dict) and kind != "tags":
        more = [f"{kind}.{name}" for name, value in new.items() if value is not None and old.get(name) is None]
        return more + [path for name in old.keys() & new.keys() for path in added_keys(old[name], new[name], name)]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [path for mine, theirs in zip(old, new, strict=True) for path in added_keys(mine, theirs, kind)]
    return []


# ---- refresh ----------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(THINGS.filter(bool), THINGS)
def test_a_refresh_never_adds_what_the_program_did_not_set(old: Properties, live: Properties) -> None:
    assert added_keys(old, refresh(old, live)) == []


@settings(deadline=None)
@given(THINGS, THINGS)
def test_refreshing_twice_is_refreshing_once(old: Properties, live: Properties) -> None:
    once = refresh(old, live)

    # Without inputs a refresh is an import.
    assert once == {} or refresh(once, live) == once


@settings(deadline=None)
@given(THINGS.filter(bool), THINGS)
def test_what_is_as_the_program_set_it_is_no_change_whatever_else_there_is(old: Properties, live: Properties) -> None:
    assert refresh(old, {**live, **old}) == old


@settings(deadline=None)
@given(st.data(), st.lists(TEXTS, max_size=5))
def test_the_order_of_texts_is_no_change(data: st.DataObject, members: list[str]) -> None:
    shuffled = data.draw(st.permutations(members))

    assert refresh({"members": members}, {"members": shuffled}) == {"members": members}


def test_another_member_is_a_change() -> None:
    assert refresh({"members": ["a", "b"]}, {"members": ["c", "a"]}) == {"members": ["c", "a"]}
    assert refresh({"members": ["a"]}, {"members": ["a", "a"]}) == {"members": ["a", "a"]}


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        ('{"a": 1, "b": [1, 2]}', '{"b":[1,2],"a":1}', True),
        ("[1, 2]", "[1,2]", True),
        ("[1, 2]", "[2, 1]", False),
        ('{"a": 1}', '{"a": 2}', False),
        ("{not json", "{ not json", False),
        ("1", "1.0", False),  # a text that happens to be a number is not a document
    ],
)
def test_documents_that_say_the_same_in_other_words_are_no_change(mine: str, theirs: str, same: bool) -> None:
    assert refresh({"policy": mine}, {"policy": theirs}) == {"policy": mine if same else theirs}


def test_what_somebody_changed_inside_of_an_object_is_seen_and_the_rest_of_it_is_not() -> None:
    old = {"check": {"path": "/", "matcher": {"code": "200"}}, "rules": [{"kind": "a"}]}
    live = {
        "check": {"path": "/", "matcher": {"code": "201", "body": "x"}, "timeout": 5},
        "rules": [{"kind": "b", "matcher": {}}],
    }

    assert refresh(old, live) == {"check": {"path": "/", "matcher": {"code": "201"}}, "rules": [{"kind": "b"}]}


def test_what_somebody_unset_is_seen() -> None:
    assert refresh({"policy": "a", "tags": {"a": "1"}}, {"policy": None, "tags": {}}) == {"policy": None, "tags": {}}


def test_a_map_is_seen_whole() -> None:
    assert refresh({"tags": {"a": "1"}}, {"tags": {"b": "2"}}) == {"tags": {"b": "2"}}


def test_what_aws_does_not_know_stays_as_the_program_set_it() -> None:
    assert refresh({"enabled": True, "__defaults": []}, {"name": "x"}) == {"enabled": True, "__defaults": []}


def test_an_import_takes_everything_that_is_modelled_and_set() -> None:
    assert refresh({}, {"name": "x", "size": 0, "policy": None, "arn": "y"}) == {"name": "x", "size": 0}


# ---- changes ----------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(THINGS, THINGS)
def test_inputs_change_exactly_where_they_differ(old: Properties, new: Properties) -> None:
    names = old.keys() | new.keys()

    assert changed_inputs(old, new) == sorted(name for name in names if old.get(name) != new.get(name))
    assert changed_inputs(old, old) == []


def test_the_engine_s_own_keys_and_absent_values_are_no_change() -> None:
    assert changed_inputs({"__defaults": [1], "a": None}, {"__defaults": [2], "b": None}) == []


# ---- what is not modelled ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "paths"),
    [
        ({"name": "x", "check": {"path": "/", "matcher": {"code": "1"}}, "rules": [{"kind": "a"}]}, []),
        ({"color": "red", "colour": None, "__defaults": []}, ["color"]),
        ({"check": {"timeout": 5, "interval": None}}, ["check.timeout"]),
        ({"check": {"matcher": {"body": "x"}}}, ["check.matcher.body"]),
        ({"rules": [{"kind": "a"}, {"kind": "a", "matcher": {}}]}, ["rules[1].matcher"]),
        ({"tags": {"anything": "goes"}}, []),
        ({"check": "unknown", "rules": "unknown"}, []),
    ],
)
def test_everything_that_would_be_dropped_is_named(inputs: Properties, paths: list[str]) -> None:
    assert [path for path, _ in unmodelled_inputs(Thing(), inputs)] == paths


def test_the_reason_lists_what_is_modelled() -> None:
    [(_, reason)] = unmodelled_inputs(Thing(), {"check": {"timeout": 5}})

    assert reason == "is not modelled by the offline provider; modelled: matcher, path"
