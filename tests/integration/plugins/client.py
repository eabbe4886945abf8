"""A resource provider as the engine uses it, in plain dictionaries."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import grpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from offline.plugins.wire import decode, encode

Properties = dict[str, Any]


class Failed(Exception):
    """A call failed; the text is what the user would see."""


@dataclass(frozen=True)
class Checked:
    """Inputs with defaults filled in, and what is wrong with them: reasons by property path."""

    inputs: Properties
    failures: dict[str, str]


@dataclass(frozen=True)
class Difference:
    """What the engine would do about a change; `kinds` says ADD, UPDATE_REPLACE, ... by property path."""

    changed: bool
    inputs: set[str]
    replaces: set[str]
    delete_first: bool
    kinds: dict[str, str]


@dataclass(frozen=True)
class Created:
    id: str
    properties: Properties


@dataclass(frozen=True)
class Live:
    """What exists; an empty id says that nothing does."""

    id: str
    properties: Properties
    inputs: Properties


class ProviderClient:
    """A connection to one provider plugin."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = provider_pb2_grpc.ResourceProviderStub(channel)

    def configure(self, **arguments: Any) -> None:
        self._call("Configure", provider_pb2.ConfigureRequest(args=encode(arguments)))

    def diff_config(self, old: Properties, new: Properties) -> Difference:
        request = provider_pb2.DiffRequest(olds=encode(old), old_inputs=encode(old), news=encode(new))
        return _difference(self._call("DiffConfig", request))

    def check(
        self,
        token: str,
        inputs: Properties,
        *,
        name: str = "thing",
        old: Properties | None = None,
        proposed: str | None = None,
        mode: Literal["PROPOSE", "ENFORCE", "DISABLE"] = "PROPOSE",
    ) -> Checked:
        options = provider_pb2.CheckRequest.AutonamingOptions
        request = provider_pb2.CheckRequest(
            urn=make_urn(token, name),
            olds=encode(old or {}),
            news=encode(inputs),
            # As the engine does: the same resource gets the same proposal in preview and update.
            randomSeed=hashlib.sha256(name.encode()).digest(),
            autonaming=None if proposed is None else options(proposed_name=proposed, mode=options.Mode.Value(mode)),
        )
        answer = self._call("Check", request)
        failures = {failure.property: failure.reason for failure in answer.failures}
        assert len(failures) == len(answer.failures), "a property is complained about twice"
        return Checked(decode(answer.inputs), failures)

    def diff(self, token: str, old: Properties, new: Properties, *, ignore: Sequence[str] = ()) -> Difference:
        request = provider_pb2.DiffRequest(
            urn=make_urn(token), olds=encode(old), old_inputs=encode(old), news=encode(new), ignoreChanges=ignore
        )
        return _difference(self._call("Diff", request))

    def create(self, token: str, inputs: Properties, *, preview: bool = False) -> Created:
        request = provider_pb2.CreateRequest(urn=make_urn(token), properties=encode(inputs), preview=preview)
        answer = self._call("Create", request)
        return Created(answer.id, decode(answer.properties))

    def read(self, token: str, id_: str, inputs: Properties, state: Properties | None = None) -> Live:
        """Read for a refresh; with empty inputs it is an import."""
        request = provider_pb2.ReadRequest(
            id=id_, urn=make_urn(token), inputs=encode(inputs), properties=encode(inputs if state is None else state)
        )
        answer = self._call("Read", request)
        return Live(answer.id, decode(answer.properties), decode(answer.inputs))

    def update(self, token: str, id_: str, old: Properties, new: Properties, *, preview: bool = False) -> Properties:
        """Update; `old` is the state."""
        request = provider_pb2.UpdateRequest(
            id=id_, urn=make_urn(token), olds=encode(old), old_inputs=encode(old), news=encode(new), preview=preview
        )
        return decode(self._call("Update", request).properties)

    def delete(self, token: str, id_: str, state: Properties) -> None:
        request = provider_pb2.DeleteRequest(id=id_, urn=make_urn(token), properties=encode(state))
        self._call("Delete", request)

    def invoke(self, function: str, arguments: Properties | None = None) -> Properties:
        """Call a function (a data source).

        Raises:
            Failed: the provider refuses the arguments.
        """
        answer = self._call("Invoke", provider_pb2.InvokeRequest(tok=function, args=encode(arguments or {})))
        if answer.failures:
            raise Failed("; ".join(f"{failure.property} {failure.reason}" for failure in answer.failures))
        return decode(getattr(answer, "return"))

    def _call(self, method: str, request: Any) -> Any:
        try:
            return getattr(self._stub, method)(request, timeout=60)
        except grpc.RpcError as error:
            raise Failed(error.details()) from None


@contextmanager
def connect(address: str) -> Iterator[ProviderClient]:
    with grpc.insecure_channel(address) as channel:
        yield ProviderClient(channel)


def make_urn(token: str, name: str = "thing") -> str:
    """Return the URN of a resource below a component: its parent's type is a part of it."""
    return f"urn:pulumi:test::faregate::faregate:infra:Parent${token}::{name}"


def _difference(answer: Any) -> Difference:
    kinds = provider_pb2.PropertyDiff.Kind
    return Difference(
        changed=answer.changes == provider_pb2.DiffResponse.DIFF_SOME,
        inputs=set(answer.diffs),
        replaces=set(answer.replaces),
        delete_first=answer.deleteBeforeReplace,
        kinds={path: kinds.Name(found.kind) for path, found in answer.detailedDiff.items()},
    )
