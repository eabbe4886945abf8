"""The language host as the Pulumi engine speaks to it."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from offline.language.program import SHOWN, Run

PREVIEW_VARIABLE = "FAREGATE_PREVIEW"
"""Set for one command: the program of a real account may be previewed against the simulation."""

GRACE_SECONDS = 2.0
"""How long a child may take to end by itself."""


class Host(language_pb2_grpc.LanguageRuntimeServicer):
    """Runs programs and policy packs in the interpreter that `Pulumi.yaml` names, else in its own."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._children: set[subprocess.Popen[bytes]] = set()

    def terminate_children(self) -> None:
        """End the running programs and plugins."""
        _end(list(self._children))

    # ---- the plugin itself ------------------------------------------------------------------------------------

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - the protocol's names
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi"))

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self.terminate_children()
        return empty_pb2.Empty()

    # ---- packages: none are acquired, providers come from PATH -------------------------------------------------

    def GetRequiredPackages(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return language_pb2.GetRequiredPackagesResponse()

    def GetRequiredPlugins(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return language_pb2.GetRequiredPluginsResponse()

    def RuntimeOptionsPrompts(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return language_pb2.RuntimeOptionsResponse()

    def InstallDependencies(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        yield language_pb2.InstallDependenciesResponse(stdout=b"`make` installs the dependencies\n")

    def About(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return language_pb2.AboutResponse(
            executable=_interpreter(request.info, context), version=platform.python_version()
        )

    def GetProgramDependencies(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        installed = {found.metadata["Name"]: found.version for found in importlib.metadata.distributions()}
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[
                language_pb2.DependencyInfo(name=name, version=version) for name, version in sorted(installed.items())
            ]
        )

    # ---- running ----------------------------------------------------------------------------------------------

    def Run(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        refusal = refuse_real_account(request.project, request.stack, dict(request.config), dry_run=request.dryRun)
        if refusal:
            return language_pb2.RunResponse(error=refusal)
        interpreter = _interpreter(request.info, context)
        run = Run(
            monitor=request.monitor_address,
            engine=self._engine,
            project=request.project,
            stack=request.stack,
            parallel=request.parallel,
            dry_run=request.dryRun,
            organization=request.organization,
            root_directory=request.info.root_directory,
            program=str(Path(request.info.program_directory) / (request.info.entry_point or ".")),
            arguments=list(request.args),
        )
        # The configuration may hold secrets, so it goes by the environment, not by process arguments.
        environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        command = [interpreter, "-P", "-m", "offline.language.program", json.dumps(vars(run))]
        with self._start(command, context, cwd=request.pwd, env=environment) as child:
            code = child.wait()
        if code == 0:
            return language_pb2.RunResponse()
        if code == SHOWN:
            return language_pb2.RunResponse(bail=True)
        return language_pb2.RunResponse(error=f"Program exited with non-zero exit code: {code}")

    def RunPlugin(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Run a policy pack (kind `analyzer`) or a provider written in Python."""
        interpreter = _interpreter(request.info, context)
        folder = request.info.program_directory
        command = [interpreter, "-u", folder, *request.args]
        if request.kind == "analyzer":
            command = [interpreter, "-u", "-m", "pulumi.policy", *request.args, folder]
        environment = dict(entry.split("=", 1) for entry in request.env) or dict(os.environ)
        pipe = subprocess.PIPE
        with self._start(command, context, cwd=request.pwd, env=environment, stdout=pipe, stderr=pipe) as child:
            if child.stdout is None or child.stderr is None:
                raise AssertionError("both streams are pipes")
            for name, chunk in _read_streams({"stdout": child.stdout, "stderr": child.stderr}):
                response = language_pb2.RunPluginResponse
                yield response(stderr=chunk) if name == "stderr" else response(stdout=chunk)
            yield language_pb2.RunPluginResponse(exitcode=child.wait())

    @contextlib.contextmanager
    def _start(
        self, command: list[str], context: grpc.ServicerContext, **options: Any
    ) -> Iterator[subprocess.Popen[bytes]]:
        child = subprocess.Popen(command, **options)
        self._children.add(child)
        # ^C, or the engine is gone; if it is gone already, nothing calls back. In a thread: gRPC waits for callbacks.
        ending = threading.Thread(target=_end, args=([child],), daemon=True)
        if not context.add_callback(ending.start):
            ending.start()
        try:
            yield child
        finally:
            _end([child])
            self._children.discard(child)


def refuse_real_account(project: str, stack: str, config: dict[str, str], *, dry_run: bool) -> str | None:
    """Return why this stack may not run here, or None.

    With the offline tools active a stack of a real account would be created in the simulation, and its operator would
    believe it to be in AWS.
    """
    if config.get(f"{project}:cloud") == "simulated":
        return None
    if dry_run and os.environ.get(PREVIEW_VARIABLE):
        return None
    return (
        f"stack {stack} belongs to a real account and the offline tools are active: "
        f"run `deactivate` to work on the account, or `{PREVIEW_VARIABLE}=1 pulumi preview -s {stack}` "
        "to see what it would create without one"
    )


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    """End processes; one that does not heed SIGTERM is killed."""
    for child in children:
        child.terminate()
    for child in children:
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _interpreter(info: Any, context: grpc.ServicerContext) -> str:
    """Return the interpreter of the project's `virtualenv` option, else the one this host runs on."""
    options = info.options.fields
    virtualenv = options["virtualenv"].string_value if "virtualenv" in options else ""
    if not virtualenv:
        return sys.executable
    path = Path(info.root_directory) / virtualenv / "bin" / "python"
    if not path.exists():
        context.abort(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"Pulumi.yaml names the virtualenv {virtualenv!r}, which has no {path}: run `make tools`",
        )
    return str(path)


def _read_streams(streams: dict[str, IO[bytes]]) -> Iterator[tuple[str, bytes]]:
    """Yield what comes out of several pipes as it comes, until all are closed."""
    chunks: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()

    def pump(name: str, stream: IO[bytes]) -> None:
        while chunk := os.read(stream.fileno(), 65536):
            chunks.put((name, chunk))
        chunks.put((name, b""))

    for name, stream in streams.items():
        threading.Thread(target=pump, args=(name, stream), daemon=True).start()
    still_open = len(streams)
    while still_open:
        name, chunk = chunks.get()
        if chunk:
            yield name, chunk
        else:
            still_open -= 1
