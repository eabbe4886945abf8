"""Pulumi property values on the wire (protobuf `Struct`) and as plain Python values.

Secrets are unwrapped: the engine marks the outputs of a provider that does not accept secrets by itself.
Unknown values, which exist in previews only, stay as the sentinel `UNKNOWN`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import struct_pb2
from pulumi.runtime import rpc

UNKNOWN: str = rpc.UNKNOWN

type_signature: str = rpc._special_sig_key  # noqa: SLF001 - the protocol's constants have no public name
secret_signature: str = rpc._special_secret_sig  # noqa: SLF001

Properties = dict[str, Any]


def decode(message: struct_pb2.Struct) -> Properties:
    """Return the properties of a message; whole numbers become `int`."""
    return {key: _decode_value(value) for key, value in message.fields.items()}


def encode(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return the properties as a message; `None` means absent and is left out at the top level."""
    message = struct_pb2.Struct()
    message.update({key: value for key, value in properties.items() if value is not None})
    return message


def holds_unknown(value: object) -> bool:
    """Say whether any part of a value is not known yet."""
    if isinstance(value, dict):
        return any(map(holds_unknown, value.values()))
    if isinstance(value, list):
        return any(map(holds_unknown, value))
    return value == UNKNOWN


def resource_type(urn: str) -> str:
    """Return the type of the resource itself, without its parents': `aws:s3/bucket:Bucket`."""
    return urn.split("::")[2].rsplit("$", 1)[-1]


def resource_name(urn: str) -> str:
    """Return the logical name, the last part of the URN."""
    return urn.split("::", 3)[3]


def _decode_value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        fields = value.struct_value.fields
        if type_signature in fields and fields[type_signature].string_value == secret_signature:
            return _decode_value(fields["value"])
        return {key: _decode_value(item) for key, item in fields.items()}
    if kind == "list_value":
        return [_decode_value(item) for item in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    return None if kind in (None, "null_value") else getattr(value, kind)
