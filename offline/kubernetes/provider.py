"""The `kubernetes` resource provider as the Pulumi engine speaks to it; it renders and needs no cluster."""

from __future__ import annotations

import contextlib
import importlib.metadata
import re
import uuid
from pathlib import Path
from typing import Any, NoReturn

import grpc
import yaml
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from offline.cache import write_atomically
from offline.kubernetes.manifest import (
    CLUSTER_SCOPED,
    IDENTITY,
    Manifest,
    differences,
    file_name,
    identity,
    is_name,
    metadata,
    without_engine_keys,
)
from offline.plugins.provider import Plugin
from offline.plugins.wire import UNKNOWN, decode, encode, resource_name

VERSION = importlib.metadata.version("pulumi-kubernetes")
Diff = provider_pb2.DiffResponse


class NotAnObject(Exception):
    """A file does not hold a Kubernetes object; the text names it."""


class Provider(Plugin):
    """One configured `kubernetes` provider; `renderYamlToDirectory` is required."""

    package = "kubernetes"
    version = VERSION

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._namespace = ""

    # ---- configuration ----------------------------------------------------------------------------------------

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - the protocol's names
        old, new = decode(request.olds), decode(request.news)
        folder = "renderYamlToDirectory"
        moved = [folder] if old.get(folder) != new.get(folder) else []
        return Diff(changes=Diff.DIFF_SOME if old != new else Diff.DIFF_NONE, diffs=moved, replaces=moved)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        arguments = decode(request.args)
        folder = arguments.get("renderYamlToDirectory")
        self._folder = Path(folder).absolute() if folder and folder != UNKNOWN else None
        self._namespace = arguments.get("namespace") or ""
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    # ---- resources --------------------------------------------------------------------------------------------

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        inputs = decode(request.news)
        failures = [(key, "missing required property") for key in ("apiVersion", "kind") if not inputs.get(key)]
        if self._folder is None:
            failures.append(("", "this provider only renders: set renderYamlToDirectory"))
        given = inputs.get("metadata")
        if given is not None and given != UNKNOWN and not isinstance(given, dict):
            failures.append(("metadata", f"expected an object, got {given!r}"))
        elif given != UNKNOWN:
            inputs["metadata"] = self._complete_metadata(inputs, request)
            for key in ("name", "namespace"):
                value = inputs["metadata"].get(key)
                if value not in (None, UNKNOWN) and not is_name(value):
                    failures.append((f"metadata.{key}", f"{value!r} is not a valid DNS-1123 name"))
        return provider_pb2.CheckResponse(
            inputs=encode(inputs),
            failures=[provider_pb2.CheckFailure(property=path, reason=reason) for path, reason in failures],
        )

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        old, new = without_engine_keys(decode(request.old_inputs)), without_engine_keys(decode(request.news))
        changed = {
            path: kind
            for path, kind in differences(old, new)
            if not any(path == ignored or path.startswith(f"{ignored}.") for ignored in request.ignoreChanges)
        }
        replaces = [path for path in changed if path in IDENTITY]
        kinds = provider_pb2.PropertyDiff.Kind
        return Diff(
            changes=Diff.DIFF_SOME if changed else Diff.DIFF_NONE,
            diffs=sorted({re.split(r"[.\[]", path)[0] for path in changed}),
            replaces=replaces,
            deleteBeforeReplace=bool(replaces) and metadata(old).get("name") == metadata(new).get("name"),
            hasDetailedDiff=True,
            detailedDiff={
                path: provider_pb2.PropertyDiff(
                    kind=kinds.Value(f"{kind}_REPLACE" if path in replaces else kind), inputDiff=True
                )
                for path, kind in changed.items()
            },
        )

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        inputs = decode(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(id="", properties=encode(inputs))
        self._write(inputs, context)
        return provider_pb2.CreateResponse(id=identity(inputs), properties=encode(inputs))

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        state = decode(request.properties)
        path = self._path(state)
        if path is None or not path.exists():
            return provider_pb2.ReadResponse(id="")
        engine_keys = {key: value for key, value in decode(request.inputs).items() if key.startswith("__")}
        try:
            live = encode({**engine_keys, **_load(path)})
        except NotAnObject as error:
            _fail(context, str(error))
        return provider_pb2.ReadResponse(id=request.id, properties=live, inputs=live)

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        inputs = decode(request.news)
        if not request.preview:
            self._write(inputs, context)
        return provider_pb2.UpdateResponse(properties=encode(inputs))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        path = self._path(decode(request.properties))
        if path is not None:
            path.unlink(missing_ok=True)
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        reason = f"{request.tok} is not modelled by the rendering provider"
        return provider_pb2.InvokeResponse(failures=[provider_pb2.CheckFailure(property="", reason=reason)])

    def _complete_metadata(self, inputs: Manifest, request: Any) -> dict[str, Any]:
        completed = dict(metadata(inputs))
        if self._namespace and not completed.get("namespace") and inputs.get("kind") not in CLUSTER_SCOPED:
            completed["namespace"] = self._namespace
        if not completed.get("name"):
            suffix = (request.randomSeed.hex() or uuid.uuid4().hex)[:8]
            kept = metadata(decode(request.olds)).get("name")
            completed["name"] = kept or f"{resource_name(request.urn).lower()}-{suffix}"
            annotations = completed.get("annotations") or {}
            if isinstance(annotations, dict):  # else they are not known yet
                completed["annotations"] = {**annotations, "pulumi.com/autonamed": "true"}
        return completed

    def _path(self, manifest: Manifest) -> Path | None:
        return self._folder / file_name(manifest) if self._folder and manifest.get("kind") else None

    def _write(self, manifest: Manifest, context: grpc.ServicerContext) -> None:
        path = self._path(manifest)
        if path is None:
            raise AssertionError("Check refuses objects without a kind or a folder")
        with contextlib.suppress(NotAnObject):  # a file that somebody broke is written anew
            there = _load(path)
            if file_name(there) == file_name(manifest) and identity(there) != identity(manifest):
                _fail(context, f"{path} holds {identity(there)}: {identity(manifest)} would overwrite it")
        try:
            write_atomically(path, yaml.safe_dump(without_engine_keys(manifest), sort_keys=True, width=120))
        except OSError as error:
            _fail(context, str(error))


def _load(path: Path) -> Manifest:
    """Return the object in a file.

    Raises:
        NotAnObject: the file holds something else.
    """
    try:
        manifest: Manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
        file_name(manifest)
        encode(manifest)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        raise NotAnObject(f"{path} is not a Kubernetes object any more: mend or remove it ({error})") from error
    return manifest


def _fail(context: grpc.ServicerContext, text: str) -> NoReturn:
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, text)
    raise AssertionError("abort always raises")
