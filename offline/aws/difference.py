"""What changed between two sets of inputs, and what a refresh may change of them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from offline.aws.resource import Properties, ResourceType
from offline.aws.schema import Schema, Shape


def changed_inputs(old: Properties, new: Properties) -> list[str]:
    """Return the names of inputs that differ; the engine's own keys and absent values aside."""
    names = {name for name in old.keys() | new.keys() if not name.startswith("__")}
    return sorted(name for name in names if old.get(name) != new.get(name))


def refresh_inputs(resource_type: ResourceType, schema: Schema, old: Properties, live: Properties) -> Properties:
    """Return the inputs as the cloud has them now, but only those parts that the program had set.

    An input that the program did not set must not appear: the next `up` would see a change, and might replace the
    resource for it.
    """
    if not old:  # an import: everything that is modelled and known
        return {name: live[name] for name in sorted(resource_type.inputs) if live.get(name) is not None}
    token = resource_type.token
    return {
        name: _project(value, live[name], schema.shape_of(token, name), schema) if name in live else value
        for name, value in old.items()
    }


def unmodelled_inputs(resource_type: ResourceType, inputs: Properties) -> Iterator[tuple[str, str]]:
    """Yield the path of everything that the program sets and the offline provider would drop, with the reason."""
    for name, value in inputs.items():
        if name.startswith("__"):  # the engine's own bookkeeping
            continue
        if name in resource_type.inputs:
            yield from _unmodelled_parts(resource_type, value, name, name)
        elif value is not None:
            yield name, _not_modelled(resource_type.inputs)


def _unmodelled_parts(resource_type: ResourceType, value: Any, kind: str, path: str) -> Iterator[tuple[str, str]]:
    """Look into a value; `kind` is its path without the positions in lists."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unmodelled_parts(resource_type, item, kind, f"{path}[{index}]")
    elif isinstance(value, dict) and kind in resource_type.nested:
        modelled = resource_type.nested[kind]
        for name, item in value.items():
            if name in modelled:
                yield from _unmodelled_parts(resource_type, item, f"{kind}.{name}", f"{path}.{name}")
            elif item is not None and not name.startswith("__"):
                yield f"{path}.{name}", _not_modelled(modelled)


def _not_modelled(modelled: frozenset[str]) -> str:
    return f"is not modelled by the offline provider; modelled: {', '.join(sorted(modelled))}"


def _project(old: Any, live: Any, shape: Shape, schema: Schema) -> Any:
    if old is None or live is None:  # not set by the program, or unset behind its back
        return None
    if isinstance(old, dict) and isinstance(live, dict) and "object" in shape:
        properties = schema.properties_of(shape)
        return {
            name: _project(value, live[name], properties.get(name, {}), schema) if name in live else value
            for name, value in old.items()
        }
    if isinstance(old, list) and isinstance(live, list):
        if _same_set(old, live):
            return old
        if len(old) == len(live):
            item = shape.get("array", {})
            return [_project(mine, theirs, item, schema) for mine, theirs in zip(old, live, strict=True)]
    if isinstance(old, str) and isinstance(live, str) and _same_document(old, live):
        return old
    return live


def _same_set(old: list[Any], live: list[Any]) -> bool:
    """Lists of strings are sets in most of AWS's answers: they come back in any order."""
    return all(isinstance(item, str) for item in [*old, *live]) and sorted(old) == sorted(live)


def _same_document(old: str, live: str) -> bool:
    if old[:1] not in ("{", "["):
        return False
    try:
        return bool(json.loads(old) == json.loads(live))
    except ValueError:
        return False
