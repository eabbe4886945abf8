"""What the provider needs to know of a resource type."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from offline.aws.cloud import Cloud

Properties = dict[str, Any]


class ResourceType(ABC):
    """One AWS resource type: how it is created, read, updated and deleted through boto3.

    Every input that a type models is named in `replaces` or `updates`; any other input is refused by the provider,
    so nothing that a program asks for is dropped in silence.
    """

    token: ClassVar[str]
    name_property: ClassVar[str | None] = None
    """The input that gets a generated name when the program sets none."""
    name_limit: ClassVar[int] = 63
    replaces: ClassVar[frozenset[str]] = frozenset()
    """Inputs whose change makes a new resource."""
    updates: ClassVar[frozenset[str]] = frozenset()
    """Inputs that change in place."""

    @property
    def inputs(self) -> frozenset[str]:
        return self.replaces | self.updates

    @abstractmethod
    def create(self, cloud: Cloud, inputs: Properties) -> str:
        """Create the resource and return its id."""

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


def to_tag_list(tags: dict[str, str] | None) -> list[dict[str, str]]:
    """Return tags as most AWS calls want them."""
    return [{"Key": key, "Value": value} for key, value in sorted((tags or {}).items())]


def from_tag_list(tags: list[dict[str, str]] | None) -> dict[str, str]:
    """Return tags as Pulumi shows them."""
    return {tag["Key"]: tag["Value"] for tag in tags or []}


def removed_tags(old: Properties, new: Properties) -> list[str]:
    """Return the keys of tags that the new inputs no longer have."""
    return sorted(set(old.get("tags") or {}) - set(new.get("tags") or {}))
