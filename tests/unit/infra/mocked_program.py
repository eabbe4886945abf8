"""Runs the whole program under mocks, in a process of its own: Pulumi's SDK keeps its state in globals and threads.

Reads the stack's configuration as JSON from standard input, prints what was registered and exported as JSON. An error
of the program's own (`RunError`) is printed to standard error as a user would see it; exit code 1.
"""

from __future__ import annotations

import asyncio
import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pulumi
from google.protobuf import empty_pb2
from pulumi.runtime import mocks, run_in_stack, set_all_config, settings

from offline.plugins.wire import decode

MAIN = Path(__file__).parents[3] / "infra" / "__main__.py"
ACCOUNT = "123456789012"
ZONES = ["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d"]
NAMES = ("bucket", "name", "identifier", "nodeGroupName")


class Cloud(mocks.Mocks):
    """Answers as AWS would, as far as the program looks."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        named = dict.fromkeys(NAMES, f"faregate-local-{args.name}-0")
        computed = {"arn": f"arn:mock:{args.name}", "dnsName": "lb.us-east-1.elb.amazonaws.com", **named}
        return f"{args.name}-id", {**computed, **args.inputs}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        answers: dict[str, dict[str, Any]] = {
            "getCallerIdentity": {"accountId": ACCOUNT},
            "getAvailabilityZones": {"names": ZONES},
        }
        return answers[args.token.rsplit(":", 1)[-1]], []


class Monitor(mocks.MockMonitor):
    """Records registrations as the engine would get them, and the stack's outputs."""

    def __init__(self) -> None:
        super().__init__(Cloud())
        self.registered: list[dict[str, Any]] = []
        self.outputs: dict[str, Any] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        answer = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        inputs = decode(request.object)
        self.registered.append({"type": request.type, "name": request.name, "inputs": inputs, "parent": request.parent})
        return answer

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        if "::pulumi:pulumi:Stack::" in request.urn:
            self.outputs = decode(request.outputs)
        return empty_pb2.Empty()


def run_main() -> None:
    runpy.run_path(str(MAIN), run_name="__main__")


def main() -> int:
    monitor = Monitor()
    set_all_config(json.load(sys.stdin), [])
    # Not `set_mocks`: it makes a root stack of its own, and `run_in_stack` makes another, as in a real run.
    settings.configure(
        mocks.MockSettings(  # type: ignore[no-untyped-call]
            monitor=monitor,
            monitor_features=set(monitor.GetDeploymentInfo(empty_pb2.Empty()).supportedFeatures),  # type: ignore[no-untyped-call]
            engine=mocks.MockEngine(None),
            project="faregate",
            stack="local",
            dry_run=False,
            organization="organization",
            callbacks=None,
        )
    )
    try:
        asyncio.run(run_in_stack(run_main))
    except pulumi.RunError as error:
        print(error, file=sys.stderr)
        return 1
    json.dump({"resources": monitor.registered, "outputs": monitor.outputs}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
