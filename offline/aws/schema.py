"""Input types of AWS resources, derived from the installed `pulumi_aws`, and the check of inputs against them.

The offline provider has no schema file of its own: the Python SDK's generated classes carry every property's name and
type. Deriving takes seconds (it imports large modules), so the result is kept in the machine's cache, under the
version of `pulumi_aws` and a digest of the wanted types.
"""

from __future__ import annotations

import difflib
import enum
import hashlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pulumi
from pulumi import _types as sdk

from offline.cache import cache_folder, write_atomically
from offline.plugins.wire import UNKNOWN

# A property's type: {"type": "string"}, {"array": T}, {"map": T}, {"object": NAME}, {"any_of": [T]}, {} for anything.
Shape = dict[str, Any]
Failure = tuple[str, str]  # property path, reason

VERSION = importlib.metadata.version("pulumi-aws")
SCALARS: dict[type, str] = {str: "string", bool: "boolean", int: "integer", float: "number"}


class Schema:
    """The inputs of some resource types."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._resources: dict[str, Shape] = document["resources"]
        self._objects: dict[str, Shape] = document["objects"]

    def has_input(self, token: str, name: str) -> bool:
        return name in self._resources[token]["properties"]

    def shape_of(self, token: str, name: str) -> Shape:
        """Return the type of one input; an empty shape allows anything."""
        shape: Shape = self._resources[token]["properties"].get(name, {})
        return shape

    def properties_of(self, shape: Shape) -> dict[str, Shape]:
        """Return the properties of an object's shape, none for any other shape."""
        properties: dict[str, Shape] = self._objects[shape["object"]]["properties"] if "object" in shape else {}
        return properties

    def outputs_of(self, token: str) -> list[str]:
        """Return the names of everything that a resource of this type shows once it exists."""
        outputs: list[str] = self._resources[token]["outputs"]
        return outputs

    def check(self, token: str, inputs: dict[str, Any]) -> list[Failure]:
        """Return what is wrong with a resource's inputs: unknown, missing and ill-typed properties."""
        return list(self._check_object(inputs, self._resources[token], ""))

    def _check_object(self, value: object, spec: Shape, path: str) -> Iterator[Failure]:
        if not isinstance(value, dict):
            yield path, f"expected an object, got {_describe(value)}"
            return
        known = spec["properties"]
        for name, item in value.items():
            where = f"{path}.{name}" if path else name
            if name.startswith("__"):  # the engine's own bookkeeping
                continue
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                yield where, "unknown property" + (f"; did you mean {near[0]}?" if near else "")
            else:
                yield from self._check_value(item, known[name], where)
        for name in spec["required"]:
            if value.get(name) is None:
                yield f"{path}.{name}" if path else name, "missing required property"

    def _check_value(self, value: object, shape: Shape, path: str) -> Iterator[Failure]:
        if value is None or value == UNKNOWN or not shape:
            return
        if "any_of" in shape:
            if all(list(self._check_value(value, option, path)) for option in shape["any_of"]):
                yield path, f"{_describe(value)} matches none of the allowed types"
        elif "object" in shape:
            yield from self._check_object(value, self._objects[shape["object"]], path)
        elif "array" in shape:
            if not isinstance(value, list):
                yield path, f"expected a list, got {_describe(value)}"
                return
            for index, item in enumerate(value):
                yield from self._check_value(item, shape["array"], f"{path}[{index}]")
        elif "map" in shape:
            if not isinstance(value, dict):
                yield path, f"expected a map, got {_describe(value)}"
                return
            for key, item in value.items():
                yield from self._check_value(item, shape["map"], f"{path}.{key}")
        elif not _is_scalar(value, shape["type"]):
            yield path, f"expected {shape['type']}, got {_describe(value)}"


def load_schema(tokens: Iterable[str]) -> Schema:
    """Return the schema of these resource types, from the cache or derived now.

    Raises:
        KeyError: the installed `pulumi_aws` has no such type.
    """
    wanted = sorted(set(tokens))
    digest = hashlib.sha256("\n".join([*wanted, Path(__file__).read_text()]).encode()).hexdigest()[:16]
    path = cache_folder() / "aws-schema" / f"{VERSION}-{digest}.json"
    if not path.exists():
        write_atomically(path, json.dumps(derive(wanted)))
    return Schema(json.loads(path.read_text()))


def derive(tokens: Iterable[str]) -> dict[str, Any]:
    """Read the inputs of these types off the generated classes of `pulumi_aws`."""
    classes = _resource_classes()
    objects: dict[str, Shape] = {}
    resources = {}
    for token in tokens:
        module_name, class_name = classes[token]
        resource_class = getattr(importlib.import_module(module_name), class_name)
        # XInitArgs where an input type is called XArgs already: a bucket has a property `versioning`.
        module = vars(sys.modules[resource_class.__module__])
        arguments = module.get(f"{class_name}InitArgs") or module[f"{class_name}Args"]
        resources[token] = {**_object_shape(arguments, objects), "outputs": _output_names(resource_class)}
    return {"resources": resources, "objects": objects}


def _resource_classes() -> dict[str, tuple[str, str]]:
    """Map every type token to its module and class, from the registration in `pulumi_aws/__init__.py`."""
    spec = importlib.util.find_spec("pulumi_aws")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pulumi_aws is not installed")
    blobs = re.findall(r'resource_modules="""(.*?)"""', Path(spec.origin).read_text(), re.DOTALL)
    modules = [module for blob in blobs for module in json.loads(blob)]
    return {token: (module["fqn"], name) for module in modules for token, name in module["classes"].items()}


def _output_names(resource_class: type) -> list[str]:
    getters = [member.fget for member in vars(resource_class).values() if isinstance(member, property)]
    return sorted(str(vars(getter)["_pulumi_name"]) for getter in getters if hasattr(getter, "_pulumi_name"))


def _object_shape(arguments: type, objects: dict[str, Shape]) -> Shape:
    names = sdk.input_type_py_to_pulumi_names(arguments)
    hints = sdk.input_type_types(arguments)
    parameters = inspect.signature(arguments).parameters
    return {
        "properties": {name: _shape(hints[name], objects) for name in names.values()},
        "required": [
            name
            for python_name, name in names.items()
            if python_name in parameters and parameters[python_name].default is inspect.Parameter.empty
        ],
    }


def _shape(hint: Any, objects: dict[str, Shape]) -> Shape:
    hint = sdk.unwrap_type(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        shapes: list[Shape] = []
        for option in filter(_is_value_type, arguments):
            shape = _shape(option, objects)
            if shape not in shapes:
                shapes.append(shape)
        return shapes[0] if len(shapes) == 1 else {"any_of": shapes}
    if getattr(origin, "__name__", "") in ("Sequence", "list"):
        return {"array": _shape(arguments[0], objects)}
    if getattr(origin, "__name__", "") in ("Mapping", "dict"):
        return {"map": _shape(arguments[1], objects)}
    if hint in SCALARS:
        return {"type": SCALARS[hint]}
    if inspect.isclass(hint) and issubclass(hint, enum.Enum):
        return {"type": "string"}  # the SDK allows any string beside an enum's members
    if inspect.isclass(hint) and sdk.is_input_type(hint):
        name = f"{hint.__module__.split('.')[1]}.{hint.__name__}"
        if name not in objects:
            objects[name] = {}  # a type may contain itself
            objects[name].update(_object_shape(hint, objects))
        return {"object": name}
    return {}


def _is_value_type(option: Any) -> bool:
    """Leave out what only Python's type checkers need: None, TypedDict twins, outputs and awaitables."""
    origin = typing.get_origin(option)
    return not (
        option is type(None)
        or typing.is_typeddict(option)
        or pulumi.Output in (option, origin)
        or getattr(origin, "__name__", "") in ("Awaitable", "Coroutine")
        or isinstance(option, typing.ForwardRef)
    )


def _is_scalar(value: object, kind: str) -> bool:
    if kind == "string":
        return isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool)
    allowed = (int,) if kind == "integer" else (int, float)
    return isinstance(value, allowed) and not isinstance(value, bool)


def _describe(value: object) -> str:
    return f"{value!r} ({type(value).__name__})"
