"""Every mistake is said as: field, what was given, what is allowed."""

import pickle
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import AwareDatetime, BaseModel, Field, ValidationError, field_validator, model_validator

from contract.base import Items, Model, Name
from contract.problems import ContractError, Problem, ProblemsError, describe_given, list_allowed, refuse


class Circle(Model):
    kind: Literal["circle"]
    radius: Annotated[float, Field(gt=0, lt=10)]


class Square(Model):
    kind: Literal["square"]
    side: Annotated[int, Field(gt=0)]


class Sheet(Model):
    title: Annotated[str, Field(min_length=2, max_length=5)] = "none"
    code: Annotated[str, Field(pattern="^x+$")] = "x"
    wide: bool = False
    depth: Annotated[int, Field(ge=1, le=9)] | None = None
    least: Annotated[int, Field(ge=1)] = 1
    most: Annotated[float, Field(le=5)] = 1.0
    shape: Annotated[Circle | Square, Field(discriminator="kind")] = Square(kind="square", side=1)
    maybe: Annotated[Circle | Square | None, Field(discriminator="kind")] = None
    shapes: Annotated[Items[Circle], Field(max_length=1)] = ()
    named: Mapping[Name, Square] = {}
    few: Annotated[Mapping[str, int], Field(min_length=1, max_length=2)] = {"a": 1}
    either: int | str = 1
    mixed: Square | int = 1
    moment: AwareDatetime = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
    folder: Path = Path("/")
    link: Annotated[str, Field(json_schema_extra={"format": "uri"})] = ""
    anything: Any = None
    colour: Literal["red", "green"] = "red"
    even: int = 0

    @field_validator("even")
    @classmethod
    def require_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("an even integer")
        return value


class Order(Model):
    sheet: Sheet
    name: Name
    count: int
    pages: Items[Sheet]


def refusal(data: object, model: type[BaseModel] = Sheet, prefix: str = "") -> ContractError:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(data)
    return refuse(caught.value, model, "doc.yaml", prefix)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"title": "a"}, "title: given 'a' (a string); allowed: a string of length at least 2 and at most 5"),
        ({"title": "abcdef"}, "title: given 'abcdef' (a string); allowed: a string of length at least 2 and at most 5"),
        ({"code": "y"}, "code: given 'y' (a string); allowed: a string that matches ^x+$"),
        ({"wide": 1}, "wide: given 1 (an integer); allowed: true or false"),
        ({"depth": 10}, "depth: given 10 (an integer); allowed: an integer from 1 to 9"),
        ({"depth": True}, "depth: given true (a boolean); allowed: an integer from 1 to 9"),
        ({"depth": "8"}, "depth: given '8' (a string); allowed: an integer from 1 to 9"),
        ({"depth": 1.0}, "depth: given 1.0 (a float); allowed: an integer from 1 to 9"),
        ({"least": 0}, "least: given 0 (an integer); allowed: an integer of at least 1"),
        ({"least": None}, "least: given null; allowed: an integer of at least 1"),
        ({"most": 6}, "most: given 6 (an integer); allowed: a number of at most 5"),
        ({"most": float("nan")}, "most: given nan (a float); allowed: a number of at most 5"),
        (
            {"shape": {"kind": "circle", "radius": 10}},
            "shape.radius: given 10 (an integer); allowed: a number of more than 0 and less than 10",
        ),
        (
            {"shape": {"kind": "square", "side": 0}},
            "shape.side: given 0 (an integer); allowed: an integer of more than 0",
        ),
        ({"shape": {"kind": "square"}}, "shape.side: given nothing; allowed: an integer of more than 0 (required)"),
        ({"shape": {"kind": "oval"}}, "shape.kind: given 'oval' (a string); allowed: one of circle, square"),
        ({"shape": {}}, "shape.kind: given nothing; allowed: one of circle, square (required)"),
        (
            {"shape": 3},
            (
                "shape: given 3 (an integer); allowed: a mapping with the keys kind, radius "
                "or a mapping with the keys kind, side"
            ),
        ),
        (
            {"shape": {"kind": "circle", "radius": 1, "side": 1}},
            "shape.side: given an unknown key; allowed: one of kind, radius",
        ),
        (
            {"maybe": {"kind": "square", "side": "a"}},
            "maybe.side: given 'a' (a string); allowed: an integer of more than 0",
        ),
        ({"shapes": 5}, "shapes: given 5 (an integer); allowed: a list of length at most 1"),
        ({"shapes": [5]}, "shapes[0]: given 5 (an integer); allowed: a mapping with the keys kind, radius"),
        (
            {"shapes": [{"kind": "square", "radius": 1}]},
            "shapes[0].kind: given 'square' (a string); allowed: circle",
        ),
        (
            {"named": {"Bad name": {"kind": "square", "side": 1}}},
            (
                "named.Bad name: given 'Bad name' (a string); allowed: a name of 1 to 40 lower-case letters, digits "
                "and inner hyphens that starts with a letter"
            ),
        ),
        (
            {"named": {"a": {"kind": "square", "side": 0}}},
            "named.a.side: given 0 (an integer); allowed: an integer of more than 0",
        ),
        ({"named": []}, "named: given [] (a list); allowed: a mapping"),
        ({"few": {}}, "few: given {} (a mapping); allowed: a mapping of length at least 1 and at most 2"),
        ({"few": {"a": "b"}}, "few.a: given 'b' (a string); allowed: an integer"),
        ({"either": 1.5}, "either: given 1.5 (a float); allowed: an integer or a string"),
        (
            {"moment": "soon"},
            "moment: given 'soon' (a string); allowed: a date and time with its zone, such as 2026-01-01T00:00:00Z",
        ),
        ({"folder": 1}, "folder: given 1 (an integer); allowed: a path"),
        ({"link": 1}, "link: given 1 (an integer); allowed: a string (uri)"),
        ({"colour": "blue"}, "colour: given 'blue' (a string); allowed: one of red, green"),
        ({"even": 3}, "even: given 3 (an integer); allowed: an even integer"),
        (
            {"titel": "abc"},
            (
                "titel: given an unknown key; allowed: one of title, code, wide, depth, least, most, shape, maybe, "
                "shapes, named, few, either, mixed, moment, folder, link, anything, colour, even (did you mean title?)"
            ),
        ),
    ],
)
def test_a_mistake_is_said_as_field_given_and_allowed(data: object, line: str) -> None:
    assert str(refusal(data)) == f"doc.yaml: {line}"


def test_a_mistake_inside_one_type_of_a_union_is_said_for_that_type() -> None:
    assert str(refusal({"mixed": {"kind": "square", "side": 0}})).splitlines() == [
        "doc.yaml: mixed.side: given 0 (an integer); allowed: an integer of more than 0",
        (
            "doc.yaml: mixed: given {'kind': 'square', 'side': 0} (a mapping); allowed: a mapping with the keys kind, "
            "side or an integer"
        ),
    ]


def test_every_mistake_is_said_on_a_line_of_its_own_with_the_whole_path() -> None:
    error = refusal({"sheet": {"depth": 0}, "name": "-", "pages": [{}, {"wide": 1}]}, Order)
    assert str(error).splitlines() == [
        "doc.yaml: sheet.depth: given 0 (an integer); allowed: an integer from 1 to 9",
        (
            "doc.yaml: name: given '-' (a string); allowed: a name of 1 to 40 lower-case letters, digits and inner "
            "hyphens that starts with a letter"
        ),
        "doc.yaml: count: given nothing; allowed: an integer (required)",
        "doc.yaml: pages[1].wide: given 1 (an integer); allowed: true or false",
    ]
    assert error.source == "doc.yaml"
    assert error.problems[2] == Problem("count", "nothing", "an integer (required)")


def test_a_document_of_the_wrong_kind_is_refused_as_a_whole() -> None:
    assert str(refusal(["a"], Square)) == "doc.yaml: given ['a'] (a list); allowed: a mapping with the keys kind, side"


def test_the_prefix_is_put_before_every_field_as_it_is() -> None:
    assert [problem.field for problem in refusal({"even": 1, "wide": 1}, prefix="faregate:").problems] == [
        "faregate:wide",
        "faregate:even",
    ]


def test_keys_are_known_by_their_alias() -> None:
    class Aliased(Model):
        node_count: int = Field(alias="nodeCount")

    assert str(refusal({}, Aliased)) == "doc.yaml: nodeCount: given nothing; allowed: an integer (required)"
    assert str(refusal({"nodeCount": 1, "nodeCuont": 2}, Aliased)) == (
        "doc.yaml: nodeCuont: given an unknown key; allowed: one of nodeCount (did you mean nodeCount?)"
    )


def test_what_a_schema_cannot_say_is_said_by_pydantic() -> None:
    class Free(Model):
        value: Any

        @field_validator("value")
        @classmethod
        def require_truth(cls, value: object) -> object:
            if not value:
                raise AssertionError("something that is true")
            return value

    assert str(refusal({}, Free)) == "doc.yaml: value: given nothing; allowed: (required)"
    assert str(refusal({"value": 0}, Free)) == "doc.yaml: value: given 0 (an integer); allowed: something that is true"

    class Opaque(BaseModel):
        value: Annotated[Any, Field(gt=3)]

    assert str(refusal({"value": 1}, Opaque)) == (
        "doc.yaml: value: given 1 (an integer); allowed: Input should be greater than 3"
    )


def test_a_validator_names_problems_relative_to_its_own_model() -> None:
    class Pair(Model):
        low: int
        high: int

        @model_validator(mode="after")
        def check(self) -> "Pair":
            if self.low > self.high:
                raise ProblemsError(
                    [Problem("low", "more", "less"), Problem("", "both", "in order"), Problem("[0]", "a", "b")]
                )
            return self

    class Pairs(Model):
        pairs: Items[Pair]

    data = {"pairs": [{"low": 1, "high": 2}, {"low": 2, "high": 1}]}
    assert [problem.field for problem in refusal(data, Pairs).problems] == ["pairs[1].low", "pairs[1]", "pairs[1][0]"]
    with pytest.raises(ValidationError, match="low: given more; allowed: less\n"):
        Pairs.model_validate(data)


def test_a_long_value_is_cut_to_eighty_characters() -> None:
    assert describe_given("x" * 78) == f"'{'x' * 78}' (a string)"
    assert describe_given("x" * 79) == f"'{'x' * 76}... (a string)"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "true (a boolean)"),
        (False, "false (a boolean)"),
        (0, "0 (an integer)"),
        (0.05, "0.05 (a float)"),
        ("a\nb", r"'a\nb' (a string)"),
        ([1], "[1] (a list)"),
        ((1,), "(1,) (a list)"),
        ({"a": 1}, "{'a': 1} (a mapping)"),
        (b"a", "b'a' (bytes)"),
    ],
)
def test_a_value_is_described_with_its_kind(value: object, words: str) -> None:
    assert describe_given(value) == words


def test_allowed_names_are_listed_and_the_nearest_is_suggested() -> None:
    assert list_allowed(["alpha", "beta"], "alhpa") == "one of alpha, beta (did you mean alpha?)"
    assert list_allowed(["alpha", "beta"], "zzz") == "one of alpha, beta"
    assert list_allowed([], "alpha") == "none, for none is declared"


def test_a_contract_error_survives_pickling() -> None:
    error = ContractError("doc.yaml", [Problem("a", "b", "c")])
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (str(copy), copy.problems) == ("doc.yaml: a: given b; allowed: c", error.problems)
