"""Walks a model's JSON Schema along the path of an error, and says in words what is allowed there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

_FORMATS = {
    "date-time": "a date and time with its zone, such as 2026-01-01T00:00:00Z",
    "path": "a path",
}
_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
}
_LENGTHS = {
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}


@dataclass(frozen=True)
class SchemaNode:
    """One place in a model's JSON Schema: references followed, "or null" taken off."""

    schema: Mapping[str, Any]
    definitions: Mapping[str, Any]

    @classmethod
    def root(cls, model: type[BaseModel]) -> "SchemaNode":
        """Return the node of the whole `model`, as it is validated (by alias)."""
        schema = model.model_json_schema()
        definitions = schema.get("$defs", {})
        return cls(_resolve(schema, definitions), definitions)

    def tags(self) -> list[str]:
        """Return the tags of a discriminated union, in the order it declares them; none where this is no such union."""
        return [str(tag) for tag in self._tagged()]

    def branch(self, label: str | int) -> "SchemaNode | None":
        """Return the branch of a union that pydantic's `label` stands for, or None where this is no union.

        The branch of a type that is no model is the union itself: all its alternatives are allowed there.
        """
        references = self._tagged()
        alternatives = self._alternatives()
        if not alternatives:
            return None
        for alternative in alternatives:
            if "$ref" in alternative:
                references.setdefault(alternative["$ref"].rsplit("/", 1)[-1], alternative["$ref"])
        return self._node({"$ref": references[label]}) if label in references else self

    def child(self, step: str | int) -> "SchemaNode":
        """Return the node of a key or list item; a node that allows anything where the schema knows none."""
        properties = self.schema.get("properties", {})
        if step in properties:
            return self._node(properties[step])
        for values in (self.schema.get("additionalProperties"), self.schema.get("items")):
            if isinstance(values, Mapping):
                return self._node(values)
        patterns = list(self.schema.get("patternProperties", {}).values())
        return self._node(patterns[0] if patterns else {})

    def key(self) -> "SchemaNode":
        """Return the node of this mapping's keys."""
        return self._node(self.schema.get("propertyNames", {}))

    def known_keys(self) -> list[str]:
        """Return the keys a model has, in the order it declares them."""
        return list(self.schema.get("properties", {}))

    def allowed(self) -> str:
        """Say what is allowed here, as a noun phrase; empty if the schema says nothing."""
        schema = self.schema
        if "patternErrorMessage" in schema:
            return str(schema["patternErrorMessage"])
        if "enum" in schema:
            return "one of " + ", ".join(str(value) for value in schema["enum"])
        if "const" in schema:
            return str(schema["const"])
        alternatives = self._alternatives()
        if alternatives:
            return " or ".join(self._node(alternative).allowed() for alternative in alternatives)
        return self._describe_type(schema.get("type", ""))

    def _tagged(self) -> dict[str | int, str]:
        return dict(self.schema.get("discriminator", {}).get("mapping", {}))

    def _alternatives(self) -> Sequence[Mapping[str, Any]]:
        return self.schema.get("anyOf") or self.schema.get("oneOf") or ()

    def _describe_type(self, kind: str) -> str:
        match kind:
            case "integer":
                return "an integer" + self._bounds()
            case "number":
                return "a number" + self._bounds()
            case "boolean":
                return "true or false"
            case "null":
                return "null"
            case "string":
                return self._describe_string() + self._length(kind)
            case "array":
                return "a list" + self._length(kind)
            case "object" if self.known_keys():
                return "a mapping with the keys " + ", ".join(self.known_keys())
            case "object":
                return "a mapping" + self._length(kind)
        return ""

    def _describe_string(self) -> str:
        if "format" in self.schema:
            return _FORMATS.get(self.schema["format"], f"a string ({self.schema['format']})")
        return f"a string that matches {self.schema['pattern']}" if "pattern" in self.schema else "a string"

    def _bounds(self) -> str:
        low, high = self.schema.get("minimum"), self.schema.get("maximum")
        if low is not None and high is not None:
            return f" from {low} to {high}"
        words = [text.format(self.schema[name]) for name, text in _BOUNDS.items() if name in self.schema]
        return f" of {' and '.join(words)}" if words else ""

    def _length(self, kind: str) -> str:
        least, most = (self.schema.get(name) for name in _LENGTHS[kind])
        words = [f"at least {least}"] if least is not None else []
        words += [f"at most {most}"] if most is not None else []
        return f" of length {' and '.join(words)}" if words else ""

    def _node(self, schema: Mapping[str, Any]) -> "SchemaNode":
        return SchemaNode(_resolve(schema, self.definitions), self.definitions)


def _resolve(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a reference, and take "or null" off: null is never what a reader of an error looks for."""
    if "$ref" in schema:
        return _resolve(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    alternatives = [branch for branch in schema.get("anyOf", ()) if branch.get("type") != "null"]
    return _resolve(alternatives[0], definitions) if len(alternatives) == 1 else schema
