"""Kubernetes objects as property trees: their identity, their file and what differs between two of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Manifest = dict[str, Any]

# Built-in kinds that live outside of namespaces.
CLUSTER_SCOPED = frozenset(
    {
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "RuntimeClass",
        "StorageClass",
        "ValidatingWebhookConfiguration",
    }
)
# What makes an object another object.
IDENTITY = ("apiVersion", "kind", "metadata.name", "metadata.namespace")

_DNS_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_SUBDOMAIN = re.compile(rf"{_DNS_LABEL}(\.{_DNS_LABEL})*")
_LONGEST_NAME = 253
_PLAIN_KEY = re.compile(r"[A-Za-z_][\w-]*")


def metadata(manifest: Manifest) -> dict[str, Any]:
    found = manifest.get("metadata")
    return found if isinstance(found, dict) else {}


def is_name(text: object) -> bool:
    """Say whether the text can name an object (RFC 1123 subdomain)."""
    return isinstance(text, str) and len(text) <= _LONGEST_NAME and _DNS_SUBDOMAIN.fullmatch(text) is not None


def identity(manifest: Manifest) -> str:
    """Return the id that Pulumi shows: `NAMESPACE/NAME`, or `NAME` for what lives outside of namespaces."""
    name: str = metadata(manifest)["name"]
    if manifest["kind"] in CLUSTER_SCOPED:
        return name
    return f"{metadata(manifest).get('namespace') or 'default'}/{name}"


def file_name(manifest: Manifest) -> str:
    """Return the path below the manifests' folder; definitions sort before what they define.

    The names are those of the official provider and not quite unique: `a-b` in `c` and `b` in `c-a` share one.
    """
    folder = "0-crd" if manifest["kind"] == "CustomResourceDefinition" else "1-manifest"
    parts = [
        manifest["apiVersion"],
        manifest["kind"].lower(),
        metadata(manifest).get("namespace") or "default",
        metadata(manifest)["name"],
    ]
    return f"{folder}/{'-'.join(re.sub('[/:]', '_', part) for part in parts)}.yaml"


def without_engine_keys(manifest: Manifest) -> Manifest:
    """Return the object without absent entries and without the engine's own (`__...`).

    The engine's are at the top; below, such a key is the program's: a ConfigMap may hold `__init__.py`.
    """
    return {key: _without_absent(item) for key, item in manifest.items() if item is not None and key[:2] != "__"}


def _without_absent(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_absent(item) for key, item in value.items() if item is not None}
    return [_without_absent(item) for item in value] if isinstance(value, list) else value


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path of each leaf that differs with ADD, DELETE or UPDATE."""
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from differences(old.get(key), new.get(key), _join(path, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (mine, theirs) in enumerate(zip(old, new, strict=True)):
            yield from differences(mine, theirs, f"{path}[{index}]")
    else:
        yield path, "ADD" if old is None else "DELETE" if new is None else "UPDATE"


def _join(path: str, key: str) -> str:
    if not path:
        return key
    return f"{path}.{key}" if _PLAIN_KEY.fullmatch(key) else f'{path}["{key}"]'
