"""What the provider needs to know of a resource type."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from offline.aws.cloud import Cloud

Properties = dict[str, Any]


class ResourceType(ABC):
    """One AWS resource type: how it is created, read, updated and deleted through boto3.

    Every input that a type models is named in `replaces` or `updates`, every property of an input that is an object in
    `nested`; anything else is refused by the provider, so nothing that a program asks for is dropped in silence.
    """

    token: ClassVar[str]
    name_property: ClassVar[str | None] = None
    """The input that gets a generated name when the program sets none."""
    name_limit: ClassVar[int] = 63
    name_is_lower_case: ClassVar[bool] = False
    replaces: ClassVar[frozenset[str]] = frozenset()
    """Inputs whose change makes a new resource."""
    updates: ClassVar[frozenset[str]] = frozenset()
    """Inputs that change in place."""
    nested: ClassVar[Mapping[str, frozenset[str]]] = MappingProxyType({})
    """Modelled properties of objects and of lists of objects, by their path: `rules`, `rules.condition`."""

    @property
    def inputs(self) -> frozenset[str]:
        return self.replaces | self.updates

    @abstractmethod
    def create(self, cloud: Cloud, inputs: Properties) -> str:
        """Make the one call that creates the resource and return its id."""

    def complete(self, cloud: Cloud, resource_id: str, inputs: Properties) -> None:  # noqa: B027 - most need no more
        """Set what can't be said in the creating call. If this fails, the provider deletes the resource again."""

    @abstractmethod
    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        """Return the live properties.

        Raises:
            Missing, ClientError with a not-found code: the resource is gone.
        """

    def update(self, cloud: Cloud, resource_id: str, old: Properties, new: Properties) -> None:
        """Change the inputs in `updates` that differ."""
        raise AssertionError(f"{self.token} has no input that changes in place")

    @abstractmethod
    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        """Delete the resource; one that is gone already is no error (the provider sees to that)."""


def present(properties: Properties) -> Properties:
    """Return the properties that have a value."""
    return {name: value for name, value in properties.items() if value is not None}


def to_tag_list(tags: dict[str, str] | None) -> list[dict[str, str]]:
    """Return tags as most AWS calls want them."""
    return [{"Key": key, "Value": value} for key, value in sorted((tags or {}).items())]


def from_tag_list(tags: list[dict[str, str]] | None) -> dict[str, str]:
    """Return tags as Pulumi shows them."""
    return {tag["Key"]: tag["Value"] for tag in tags or []}


def removed_tags(old: Properties, new: Properties) -> list[str]:
    """Return the keys of tags that the new inputs no longer have."""
    return sorted(set(old.get("tags") or {}) - set(new.get("tags") or {}))
