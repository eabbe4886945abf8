"""The `aws` resource provider as the Pulumi engine speaks to it."""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import grpc
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from offline.aws.cloud import Cloud, Denied, Missing, Refused, Unreadable, is_not_found
from offline.aws.difference import changed_inputs, refresh_inputs, unmodelled_inputs
from offline.aws.invokes import INVOKES
from offline.aws.resource import Properties, ResourceType
from offline.aws.resources import RESOURCE_TYPES
from offline.aws.schema import VERSION, Schema, load_schema
from offline.plugins.provider import Plugin
from offline.plugins.wire import UNKNOWN, decode, encode, resource_name, resource_type

Result = TypeVar("Result")
Autonaming = provider_pb2.CheckRequest.AutonamingOptions
Diff = provider_pb2.DiffResponse


class Provider(Plugin):
    """One configured `aws` provider. The engine starts a process for each."""

    package = "aws"
    version = VERSION
    names_resources = True

    def __init__(self, schema: Schema | None = None) -> None:
        self._schema = schema or load_schema(RESOURCE_TYPES)
        self._cloud: Cloud | None = None
        self._default_tags: dict[str, str] = {}

    # ---- configuration ----------------------------------------------------------------------------------------

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - the protocol's names
        changed = changed_inputs(decode(request.olds), decode(request.news))
        # Resources can't move between regions.
        replaces = [name for name in changed if name == "region"]
        return Diff(changes=Diff.DIFF_SOME if changed else Diff.DIFF_NONE, diffs=changed, replaces=replaces)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        arguments = {name: _parse_config(value) for name, value in decode(request.args).items()}
        self._cloud = None
        try:
            cloud = Cloud(os.environ.get("AWS_ENDPOINT_URL"), arguments.get("region"))
            allowed = arguments.get("allowedAccountIds") or []
            account = cloud.account
        except (Refused, Unreadable, BotoCoreError, ClientError) as error:
            _fail(context, grpc.StatusCode.FAILED_PRECONDITION, str(error))
        if allowed and account not in allowed:
            _fail(
                context,
                grpc.StatusCode.FAILED_PRECONDITION,
                f"the credentials belong to account {account}; this stack allows {', '.join(allowed)}",
            )
        self._cloud = cloud
        default_tags = arguments.get("defaultTags")
        self._default_tags = (default_tags.get("tags") or {}) if isinstance(default_tags, dict) else {}
        return provider_pb2.ConfigureResponse(
            supportsPreview=True, supports_autonaming_configuration=self.names_resources
        )

    # ---- resources --------------------------------------------------------------------------------------------

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        token = resource_type(request.urn)
        if token not in RESOURCE_TYPES:
            reason = f"{token} is not modelled by the offline provider"
            return provider_pb2.CheckResponse(
                inputs=request.news, failures=[provider_pb2.CheckFailure(property="", reason=reason)]
            )
        modelled = RESOURCE_TYPES[token]
        inputs = decode(request.news)
        tags = inputs.get("tags") or {}
        if self._default_tags and self._schema.has_input(token, "tags") and isinstance(tags, dict):
            inputs["tags"] = {**self._default_tags, **tags}
        failures = {}
        if modelled.name_property:
            name = inputs.get(modelled.name_property) or _choose_name(modelled, request)
            if name is None:
                failures[modelled.name_property] = "missing required property: this stack's autonaming is disabled"
            elif isinstance(name, str) and name != UNKNOWN and len(name) > modelled.name_limit:
                failures[modelled.name_property] = f"{name!r} is longer than {modelled.name_limit} characters"
            inputs[modelled.name_property] = name
        # What the schema says of a property is more telling than that it is not modelled.
        failures = dict(unmodelled_inputs(modelled, inputs)) | failures | dict(self._schema.check(token, inputs))
        return provider_pb2.CheckResponse(
            inputs=encode(inputs),
            failures=[provider_pb2.CheckFailure(property=path, reason=reason) for path, reason in failures.items()],
        )

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        modelled = RESOURCE_TYPES[resource_type(request.urn)]
        old, new = decode(request.old_inputs), decode(request.news)
        changed = [name for name in changed_inputs(old, new) if name not in request.ignoreChanges]
        replaces = [name for name in changed if name in modelled.replaces]
        same_name = modelled.name_property is None or old.get(modelled.name_property) == new.get(modelled.name_property)
        return Diff(
            changes=Diff.DIFF_SOME if changed else Diff.DIFF_NONE,
            diffs=changed,
            replaces=replaces,
            deleteBeforeReplace=bool(replaces) and same_name,
            hasDetailedDiff=True,
            detailedDiff={name: _property_diff(name, old, new, name in replaces) for name in changed},
        )

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        modelled = RESOURCE_TYPES[resource_type(request.urn)]
        inputs = decode(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(id="", properties=encode({**self._unknown(modelled), **inputs}))

        def create() -> Any:
            resource_id = modelled.create(self._connected, inputs)
            try:
                modelled.complete(self._connected, resource_id, inputs)
                state = self._state(modelled, resource_id, inputs)
            except Exception:
                # The engine records nothing of a creation that failed, so nothing may be left of it.
                with contextlib.suppress(Exception):
                    modelled.delete(self._connected, resource_id, inputs)
                raise
            return provider_pb2.CreateResponse(id=resource_id, properties=state)

        return _guard(context, create)

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        modelled = RESOURCE_TYPES[resource_type(request.urn)]
        old = decode(request.inputs)

        def read() -> Any:
            try:
                live = modelled.read(self._connected, request.id)
            except Missing:
                return provider_pb2.ReadResponse(id="")
            except ClientError as error:
                if is_not_found(error):
                    return provider_pb2.ReadResponse(id="")
                raise
            inputs = refresh_inputs(modelled, self._schema, old, live)
            return provider_pb2.ReadResponse(id=request.id, properties=encode({**old, **live}), inputs=encode(inputs))

        return _guard(context, read)

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        modelled = RESOURCE_TYPES[resource_type(request.urn)]
        old, new = decode(request.olds), decode(request.news)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=encode({**old, **new}))

        def update() -> Any:
            modelled.update(self._connected, request.id, old, new)
            return provider_pb2.UpdateResponse(properties=self._state(modelled, request.id, new))

        return _guard(context, update)

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        modelled = RESOURCE_TYPES[resource_type(request.urn)]

        def delete() -> Any:
            try:
                modelled.delete(self._connected, request.id, decode(request.properties))
            except Missing:
                pass
            except ClientError as error:
                if not is_not_found(error):
                    raise
            return empty_pb2.Empty()

        return _guard(context, delete)

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        if request.tok not in INVOKES:
            reason = f"{request.tok} is not modelled by the offline provider"
            return provider_pb2.InvokeResponse(failures=[provider_pb2.CheckFailure(property="", reason=reason)])
        function, arguments = INVOKES[request.tok], decode(request.args)
        if strange := sorted(arguments.keys() - function.arguments):
            reason = "is not modelled by the offline provider"
            failures = [provider_pb2.CheckFailure(property=name, reason=reason) for name in strange]
            return provider_pb2.InvokeResponse(failures=failures)
        answer = _guard(context, lambda: function.call(self._connected, arguments))
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(encode(answer))  # the field's name is a word of Python's
        return response

    @property
    def _connected(self) -> Cloud:
        if self._cloud is None:
            raise Refused("the provider was not configured")
        return self._cloud

    def _unknown(self, modelled: ResourceType) -> Properties:
        """Return what a preview knows of outputs: that they will be there."""
        return dict.fromkeys(self._schema.outputs_of(modelled.token), UNKNOWN)

    def _state(self, modelled: ResourceType, resource_id: str, inputs: Properties) -> Any:
        """Return inputs and outputs as they are after a change; what AWS did not take up is not among them."""
        return encode({**inputs, **modelled.read(self._connected, resource_id)})


def _choose_name(modelled: ResourceType, request: Any) -> str | None:
    """Return the resource's name: the one it has, else the engine's proposal, else NAME-RANDOM, unless that is off."""
    old = decode(request.olds).get(modelled.name_property or "")
    if old:
        return str(old)
    if request.HasField("autonaming"):
        modes = Autonaming.Mode
        name: str = request.autonaming.proposed_name
        if request.autonaming.mode == modes.DISABLE:
            return None
        if request.autonaming.mode == modes.ENFORCE or (name and len(name) <= modelled.name_limit):
            return name
    suffix = (request.randomSeed.hex() or uuid.uuid4().hex)[:7]
    stem = resource_name(request.urn)[: modelled.name_limit - len(suffix) - 1].rstrip("-")
    name = f"{stem}-{suffix}"
    return name.lower() if modelled.name_is_lower_case else name


def _property_diff(name: str, old: Properties, new: Properties, replaces: bool) -> Any:
    kinds = provider_pb2.PropertyDiff.Kind
    kind = "ADD" if old.get(name) is None else "DELETE" if new.get(name) is None else "UPDATE"
    return provider_pb2.PropertyDiff(kind=kinds.Value(f"{kind}_REPLACE" if replaces else kind), inputDiff=True)


def _parse_config(value: Any) -> Any:
    """Return a configuration value; the engine sends structured ones as JSON text."""
    if isinstance(value, str) and value[:1] in ("{", "[", '"'):
        return json.loads(value)
    return value


def _guard(context: grpc.ServicerContext, act: Callable[[], Result]) -> Result:
    """Run an action; a failed AWS call ends as the engine's error, with the operation and AWS's own words."""
    try:
        return act()
    except ParamValidationError as error:
        _fail(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
    except ClientError as error:
        _fail(context, grpc.StatusCode.UNKNOWN, str(error))
    except (Denied, Unreadable) as error:
        _fail(context, grpc.StatusCode.FAILED_PRECONDITION, str(error))
    except (BotoCoreError, Refused, Missing) as error:
        _fail(context, grpc.StatusCode.UNKNOWN, f"{type(error).__name__}: {error}")


def _fail(context: grpc.ServicerContext, code: grpc.StatusCode, text: str) -> NoReturn:
    context.abort(code, text)
    raise AssertionError("abort always raises")
