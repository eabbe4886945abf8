"""Every resource type of the AWS provider from Check to the second Delete, as the engine drives it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from offline.aws.resources import RESOURCE_TYPES
from offline.plugins.wire import UNKNOWN

from .client import Properties, ProviderClient
from .samples import SAMPLES, Builder, Sample
from .scene import Scene

EVERY_SAMPLE = pytest.mark.parametrize(
    ("token", "build"),
    [pytest.param(token, build, id=f"{token.split(':')[-1]}-{build.__name__}") for token, build in SAMPLES],
)


def test_every_type_has_a_sample_that_sets_every_input_and_changes_every_updatable_one(scene: Scene) -> None:
    set_by: dict[str, set[str]] = {token: set() for token in RESOURCE_TYPES}
    changed_by: dict[str, set[str]] = {token: set() for token in RESOURCE_TYPES}
    for token, build in SAMPLES:
        sample = build(scene)
        set_by[token] |= sample.inputs.keys()
        changed_by[token] |= sample.updates.keys()

    assert set_by == {token: set(modelled.inputs) for token, modelled in RESOURCE_TYPES.items()}
    assert changed_by == {token: set(modelled.updates) for token, modelled in RESOURCE_TYPES.items()}


def test_the_samples_set_every_part_that_is_modelled_of_an_input(scene: Scene) -> None:
    parts: dict[str, set[tuple[str, str]]] = {token: set() for token in RESOURCE_TYPES}
    for token, build in SAMPLES:
        nested = RESOURCE_TYPES[token].nested
        parts[token] |= {part for part in _parts_of(build(scene).inputs, "") if part[0] in nested}

    assert parts == {
        token: {(kind, name) for kind, names in modelled.nested.items() for name in names}
        for token, modelled in RESOURCE_TYPES.items()
    }


@EVERY_SAMPLE
def test_check_passes_and_chooses_the_name_that_the_program_leaves_out(
    aws: ProviderClient, scene: Scene, token: str, build: Builder
) -> None:
    name_property = RESOURCE_TYPES[token].name_property
    given = {name: value for name, value in build(scene).inputs.items() if name != name_property}

    checked = aws.check(token, given, name="logical")

    assert checked.failures == {}
    assert {name: value for name, value in checked.inputs.items() if name != name_property} == given
    if name_property:
        assert checked.inputs[name_property].startswith("logical-")


@EVERY_SAMPLE
def test_a_preview_knows_inputs_and_promises_outputs_but_makes_nothing(
    aws: ProviderClient, scene: Scene, token: str, build: Builder
) -> None:
    inputs = build(scene).inputs

    planned = aws.create(token, inputs, preview=True)
    created = aws.create(token, inputs)  # whatever the preview had made would be in the way

    assert planned.id == ""
    assert created.id
    assert {name: planned.properties[name] for name in inputs} == inputs
    assert {planned.properties[name] for name in planned.properties.keys() - inputs.keys()} <= {UNKNOWN}
    assert created.properties.keys() <= planned.properties.keys(), "an output that no preview promised"


@EVERY_SAMPLE
def test_what_was_created_reads_back_without_a_difference(
    aws: ProviderClient, scene: Scene, token: str, build: Builder
) -> None:
    sample = build(scene)

    created = aws.create(token, sample.inputs)
    live = aws.read(token, created.id, sample.inputs, created.properties)

    assert live.id == created.id
    assert live.inputs == sample.inputs
    assert not aws.diff(token, sample.inputs, live.inputs).changed
    assert live.properties == created.properties


@EVERY_SAMPLE
def test_an_import_finds_the_inputs_that_aws_knows(
    aws: ProviderClient, scene: Scene, token: str, build: Builder
) -> None:
    sample = build(scene)
    created = aws.create(token, sample.inputs)

    imported = aws.read(token, created.id, inputs={})

    known = {name: value for name, value in sample.inputs.items() if name not in sample.in_state_only}
    # AWS says more than the program did: the parts of both that have the same names agree.
    assert _common_part(imported.inputs, known) == known


@EVERY_SAMPLE
def test_every_updatable_input_changes_in_place_and_reads_back(
    aws: ProviderClient, scene: Scene, token: str, build: Builder
) -> None:
    sample = build(scene)
    created = aws.create(token, sample.inputs)
    inputs, state = sample.inputs, created.properties

    for name, value in sample.updates.items():
        before, inputs = inputs, {**inputs, name: value}
        difference = aws.diff(token, before, inputs)
        assert (difference.inputs, difference.replaces) == ({name}, set())
        assert difference.kinds == {name: "UPDATE"}

        planned = aws.update(token, created.id, state, inputs, preview=True)
        assert planned[name] == value
        assert aws.read(token, created.id, before, state).inputs == before, "a preview changed something"

        state = aws.update(token, created.id, state, inputs)
        # Read with the inputs from before the update: what it returns can only come from AWS.
        told = {**before, name: value} if name in sample.in_state_only else before
        live = aws.read(token, created.id, told, state)
        assert live.inputs == inputs
        assert live.properties == state

    assert aws.read(token, created.id, inputs, state).inputs == inputs


@EVERY_SAMPLE
def test_a_change_of_what_can_not_change_in_place_replaces(
    aws: ProviderClient, scene: Scene, token: str, build: Builder
) -> None:
    modelled, inputs = RESOURCE_TYPES[token], build(scene).inputs
    names = sorted(modelled.replaces & inputs.keys())
    assert names

    for name in names:
        difference = aws.diff(token, inputs, {**inputs, name: _another(inputs[name])})

        assert difference.replaces == {name}
        assert difference.kinds == {name: "UPDATE_REPLACE"}
        # Two can't have one name, so the old one goes first unless the name is what changes.
        assert difference.delete_first == (name != modelled.name_property)


@EVERY_SAMPLE
def test_what_somebody_changes_by_hand_shows_in_the_inputs_and_an_update_heals_it(
    aws: ProviderClient, scene: Scene, token: str, build: Builder
) -> None:
    sample = build(scene)
    created = aws.create(token, sample.inputs)

    drifted = sample.drift(created.id)
    live = aws.read(token, created.id, sample.inputs, created.properties)

    if drifted is None:
        assert (live.id, live.inputs) == ("", {})
        return
    assert live.inputs == {**sample.inputs, **drifted}
    difference = aws.diff(token, live.inputs, sample.inputs)
    assert difference.inputs == drifted.keys()
    if not difference.replaces:
        healed = aws.update(token, created.id, live.properties, sample.inputs)
        assert healed == created.properties
        assert aws.read(token, created.id, live.inputs, healed).inputs == sample.inputs


@EVERY_SAMPLE
def test_deleting_twice_is_no_error_and_a_deleted_resource_reads_as_gone(
    aws: ProviderClient, scene: Scene, token: str, build: Builder
) -> None:
    sample = build(scene)
    created = aws.create(token, sample.inputs)
    state = _unprotected(aws, token, created.id, sample, created.properties)

    aws.delete(token, created.id, state)

    live = aws.read(token, created.id, sample.inputs, state)
    assert live.id == (created.id if sample.stays else "")
    aws.delete(token, created.id, state)


def _unprotected(aws: ProviderClient, token: str, id_: str, sample: Sample, state: Properties) -> Properties:
    """Take off the protection from deletion, if there is any, and return the state."""
    inputs = {
        name: False if name in ("deletionProtection", "enableDeletionProtection") else value
        for name, value in sample.inputs.items()
    }
    return state if inputs == sample.inputs else aws.update(token, id_, state, inputs)


def _parts_of(value: Any, kind: str) -> Iterator[tuple[str, str]]:
    """Yield the properties of objects at any depth with the path of their object, without positions in lists."""
    for item in value if isinstance(value, list) else [value]:
        for name, inner in item.items() if isinstance(item, dict) else ():
            yield kind, name
            yield from _parts_of(inner, f"{kind}.{name}" if kind else name)


def _another(value: Any) -> Any:
    """Return a different value of the same shape."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return f"{value}-other"
    if isinstance(value, int):
        return value + 1
    if isinstance(value, list):
        return value[:-1]
    first = min(value)
    return {**value, first: _another(value[first])}


def _common_part(live: Any, known: Any) -> Any:
    if isinstance(live, dict) and isinstance(known, dict):
        return {name: _common_part(live.get(name), value) for name, value in known.items()}
    if isinstance(live, list) and isinstance(known, list) and len(live) == len(known):
        return [_common_part(theirs, mine) for theirs, mine in zip(live, known, strict=True)]
    return live
