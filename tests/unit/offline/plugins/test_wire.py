"""Property values on the wire: what goes in comes out, secrets are unwrapped, unknown values are found."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.plugins.wire import (
    UNKNOWN,
    decode,
    encode,
    holds_unknown,
    resource_name,
    resource_type,
    secret_signature,
    type_signature,
)

# The wire has one kind of number, a double: beyond that integers are not exact.
EXACT = 2**53
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-EXACT, EXACT)
    | st.floats(allow_nan=False)
    | st.text().filter(lambda text: text != UNKNOWN)
)


def containers(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(values, max_size=4) | st.dictionaries(st.text(), values, max_size=4)


VALUES = st.recursive(SCALARS, containers, max_leaves=20)
PROPERTIES = st.dictionaries(st.text(), VALUES, max_size=5)


def make_secret(value: Any) -> dict[str, Any]:
    return {type_signature: secret_signature, "value": value}


@settings(deadline=None)
@given(PROPERTIES)
def test_what_is_encoded_decodes_to_the_same_without_what_is_absent(properties: dict[str, Any]) -> None:
    assert decode(encode(properties)) == {name: value for name, value in properties.items() if value is not None}


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.integers(-EXACT, EXACT), min_size=1))
def test_whole_numbers_stay_integers(properties: dict[str, int]) -> None:
    assert {type(value) for value in decode(encode(properties)).values()} == {int}


def test_numbers_that_are_not_whole_stay_what_they_are() -> None:
    decoded = decode(encode({"half": 0.5, "endless": math.inf, "none": math.nan}))

    assert decoded["half"] == 0.5
    assert decoded["endless"] == math.inf
    assert math.isnan(decoded["none"])


@settings(deadline=None)
@given(VALUES.filter(lambda value: value is not None))
def test_secrets_are_unwrapped_at_any_depth(value: Any) -> None:
    wrapped = {
        "plain": value,
        "secret": make_secret(value),
        "twice": make_secret(make_secret(value)),
        "listed": [make_secret(value), value],
        "inside": {"of": {"objects": make_secret({"deeper": make_secret(value)})}},
    }

    assert decode(encode(wrapped)) == {
        "plain": value,
        "secret": value,
        "twice": value,
        "listed": [value, value],
        "inside": {"of": {"objects": {"deeper": value}}},
    }


def test_an_object_with_another_signature_is_no_secret() -> None:
    asset = {type_signature: "c44067f5952c0a294b673a41bacd8c17", "value": "text"}

    assert decode(encode({"asset": asset})) == {"asset": asset}


@st.composite
def trees_with_an_unknown(draw: st.DrawFn) -> Any:
    tree: Any = UNKNOWN
    for _ in range(draw(st.integers(0, 5))):
        siblings = draw(st.lists(VALUES, max_size=3))
        at = draw(st.integers(0, len(siblings)))
        items = [*siblings[:at], tree, *siblings[at:]]
        tree = draw(st.sampled_from([items, {str(index): item for index, item in enumerate(items)}]))
    return tree


@settings(deadline=None)
@given(trees_with_an_unknown())
def test_an_unknown_value_is_found_at_any_depth(tree: Any) -> None:
    assert holds_unknown(tree)
    assert decode(encode({"it": tree})) == {"it": tree}


@settings(deadline=None)
@given(VALUES)
def test_where_everything_is_known_nothing_unknown_is_found(tree: Any) -> None:
    assert not holds_unknown(tree)


@pytest.mark.parametrize(
    ("urn", "kind", "name"),
    [
        ("urn:pulumi:local::faregate::aws:s3/bucket:Bucket::models", "aws:s3/bucket:Bucket", "models"),
        ("urn:pulumi:local::faregate::a:b:C$d:e:F$aws:ec2/vpc:Vpc::network", "aws:ec2/vpc:Vpc", "network"),
        ("urn:pulumi:local::faregate::aws:ec2/vpc:Vpc::a::name$with::marks", "aws:ec2/vpc:Vpc", "a::name$with::marks"),
    ],
)
def test_a_urn_is_taken_apart(urn: str, kind: str, name: str) -> None:
    assert (resource_type(urn), resource_name(urn)) == (kind, name)
