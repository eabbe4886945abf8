"""Input types: what `check` says of inputs, and what `derive` reads off the installed SDK."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from offline.aws import schema as schema_module
from offline.aws.schema import VERSION, Schema, derive, load_schema
from offline.plugins.wire import UNKNOWN

TOKEN = "test:index:Thing"
STRING, INTEGER, NUMBER, BOOLEAN = ({"type": name} for name in ("string", "integer", "number", "boolean"))


def make_schema(properties: dict[str, Any], required: tuple[str, ...] = (), **objects: dict[str, Any]) -> Schema:
    return Schema(
        {
            "resources": {TOKEN: {"properties": properties, "required": list(required), "outputs": ["arn"]}},
            "objects": {
                name: {"properties": found, "required": [key for key in found if key.startswith("must")]}
                for name, found in objects.items()
            },
        }
    )


# ---- check ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        (STRING, ["", "a"], [1, 1.5, True, [], {}]),
        (INTEGER, [0, -1], ["1", 1.5, True, [], {}]),
        (NUMBER, [0, 1.5], ["1", False, [], {}]),
        (BOOLEAN, [True, False], ["true", 1, [], {}]),
        ({"array": STRING}, [[], ["a"]], ["a", [1], {"a": "b"}]),
        ({"map": INTEGER}, [{}, {"any key": 1}], [[], "a", {"a": "1"}]),
        ({"object": "Part"}, [{"must": "a"}, {"must": "a", "may": 1}], ["a", [], {}, {"must": 1}]),
        ({"any_of": [STRING, {"array": STRING}]}, ["a", ["a"]], [1, [1], {}]),
        ({}, [1, "a", [], {}, True], []),
    ],
)
def test_a_value_passes_if_it_has_the_type(shape: dict[str, Any], good: list[Any], bad: list[Any]) -> None:
    schema = make_schema({"it": shape}, Part={"must": STRING, "may": INTEGER})

    for value in [*good, None, UNKNOWN]:
        assert schema.check(TOKEN, {"it": value}) == [], value
    for value in bad:
        failures = schema.check(TOKEN, {"it": value})
        assert failures, value
        assert all(path.startswith("it") for path, _ in failures)


def test_every_mistake_is_listed_with_its_path() -> None:
    schema = make_schema(
        {"name": STRING, "parts": {"array": {"object": "Part"}}, "tags": {"map": STRING}},
        ("name",),
        Part={"must": STRING, "size": INTEGER, "inner": {"object": "Part"}},
    )

    failures = schema.check(
        TOKEN,
        {
            "nmae": "a",
            "parts": [{"must": "a"}, {"size": "big", "inner": {"must": "a", "siez": 1}}],
            "tags": {"a": 1},
            "__defaults": ["the engine's own"],
        },
    )

    assert dict(failures) == {
        "nmae": "unknown property; did you mean name?",
        "name": "missing required property",
        "parts[1].size": "expected integer, got 'big' (str)",
        "parts[1].must": "missing required property",
        "parts[1].inner.siez": "unknown property; did you mean size?",
        "tags.a": "expected string, got 1 (int)",
    }


def test_a_name_that_resembles_nothing_gets_no_suggestion() -> None:
    assert make_schema({"name": STRING}).check(TOKEN, {"zzz": 1}) == [("zzz", "unknown property")]


def test_a_required_value_that_is_not_known_yet_is_there() -> None:
    schema = make_schema({"name": STRING}, ("name",))

    assert schema.check(TOKEN, {"name": UNKNOWN}) == []
    assert schema.check(TOKEN, {"name": None}) == [("name", "missing required property")]


def test_a_schema_knows_its_properties() -> None:
    schema = make_schema({"part": {"object": "Part"}, "name": STRING}, Part={"size": INTEGER})

    assert schema.has_input(TOKEN, "name")
    assert not schema.has_input(TOKEN, "arn")
    assert schema.outputs_of(TOKEN) == ["arn"]
    assert schema.shape_of(TOKEN, "unheard of") == {}
    assert schema.properties_of(schema.shape_of(TOKEN, "part")) == {"size": INTEGER}
    assert schema.properties_of(schema.shape_of(TOKEN, "name")) == {}


# ---- derive -----------------------------------------------------------------------------------------------------

BUCKET = "aws:s3/bucket:Bucket"
LISTENER = "aws:lb/listener:Listener"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"


@pytest.fixture(scope="module")
def derived() -> dict[str, Any]:
    return derive([BUCKET, LISTENER, LOG_GROUP])


def test_names_are_the_engine_s_and_types_those_of_the_sdk(derived: dict[str, Any]) -> None:
    properties = derived["resources"][LOG_GROUP]["properties"]

    assert properties["retentionInDays"] == INTEGER
    assert properties["skipDestroy"] == BOOLEAN
    assert properties["name"] == STRING
    assert properties["tags"] == {"map": STRING}
    assert "retention_in_days" not in properties


def test_inputs_are_required_as_in_the_sdk(derived: dict[str, Any]) -> None:
    required = {token: set(found["required"]) for token, found in derived["resources"].items()}

    assert required == {BUCKET: set(), LISTENER: {"defaultActions", "loadBalancerArn"}, LOG_GROUP: set()}


def test_outputs_are_those_that_a_resource_shows(derived: dict[str, Any]) -> None:
    assert {"arn", "name", "retentionInDays", "tagsAll"} <= set(derived["resources"][LOG_GROUP]["outputs"])
    assert "tagsAll" not in derived["resources"][LOG_GROUP]["properties"]


def test_objects_are_followed_to_their_ends(derived: dict[str, Any]) -> None:
    schema = Schema(derived)

    actions = schema.shape_of(LISTENER, "defaultActions")
    action = schema.properties_of(actions["array"])
    forward = schema.properties_of(action["forward"])
    group = schema.properties_of(forward["targetGroups"]["array"])

    assert action["type"] == STRING
    assert action["order"] == INTEGER
    assert group == {"arn": STRING, "weight": INTEGER}


def test_a_bucket_s_inputs_are_its_own_although_an_input_type_has_the_same_name(derived: dict[str, Any]) -> None:
    assert {"bucket", "forceDestroy", "tags"} <= derived["resources"][BUCKET]["properties"].keys()


def test_a_derived_schema_survives_json(derived: dict[str, Any]) -> None:
    assert json.loads(json.dumps(derived)) == derived


def test_a_type_that_the_sdk_does_not_have_is_an_error() -> None:
    with pytest.raises(KeyError, match="aws:none/such:Such"):
        derive(["aws:none/such:Such"])


# ---- the cache --------------------------------------------------------------------------------------------------


def test_a_schema_is_derived_once_for_a_set_of_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked: list[list[str]] = []

    def fake_derive(tokens: list[str]) -> dict[str, Any]:
        asked.append(tokens)
        properties = {"properties": {"name": STRING}, "required": [], "outputs": []}
        return {"resources": dict.fromkeys(tokens, properties), "objects": {}}

    monkeypatch.setattr(schema_module, "derive", fake_derive)

    for tokens in (["a", "b"], ["b", "a", "a"], ["a"]):
        assert load_schema(tokens).has_input("a", "name")

    assert asked == [["a", "b"], ["a"]]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 2
    assert all(path.name.startswith(f"{VERSION}-") for path in files)
