"""The command line of `offline`: which command, for which environment and instance, and the exit code."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from offline import commands
from offline.failures import KNOWN_FAILURES, Refused
from offline.instance import DEFAULT
from offline.screen import complain
from offline.stack import STACK
from offline.stack_file import require_environment


@dataclass(frozen=True)
class Command:
    """One command."""

    run: Callable[[argparse.Namespace], int]
    native: str
    """What does this for an environment of a real account, whose name takes the place of the braces."""


COMMANDS = {
    "up": Command(commands.up, "pulumi up -s {}"),
    "prepare": Command(commands.prepare, "pulumi about -s {}"),
    "down": Command(commands.down, "pulumi destroy -s {}"),
    "clean": Command(commands.clean, "pulumi destroy -s {}"),
    "status": Command(commands.status, "pulumi stack -s {}"),
    "doctor": Command(commands.doctor, "pulumi about -s {}"),
    "logs": Command(commands.logs, "pulumi logs -s {}"),
    "support-bundle": Command(commands.support_bundle, "pulumi about -s {} --json"),
    "preview": Command(commands.preview, "pulumi preview -s {}"),
    "load": Command(commands.load, "ENV={} locust"),
    "runbook": Command(commands.runbook, "python -m runbooks ALERT --env {}"),
    "dashboard": Command(commands.dashboard, "python -m dashboards.page --env {}"),
    "sweep": Command(commands.sweep, "pulumi destroy -s {}"),
    "environment": Command(commands.show_environment, "pulumi stack output -s {} --json"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code. A user's mistake is a sentence, never a traceback."""
    options = _parse(arguments)
    command = COMMANDS[options.command]
    try:
        _require_local(options, command.native)
        return command.run(options)
    except KNOWN_FAILURES as error:
        complain(f"error: {error}", style="red")
        return 1
    except KeyboardInterrupt:
        complain("interrupted; run the same command again to go on")
        return 130


def _require_local(options: argparse.Namespace, native: str) -> None:
    require_environment(options.environment)
    if options.environment != STACK:
        raise Refused(
            f"`make {options.command}` works for the environment {STACK} only; "
            f"for {options.environment} run: {native.format(options.environment)}"
        )


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="offline", description="Run `local` on this machine.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        text = (command.run.__doc__ or "").strip()
        subparser = subparsers.add_parser(name, help=text.splitlines()[0], description=text)
        subparser.add_argument("--env", dest="environment", default=STACK, help="environment (default: %(default)s)")
        subparser.add_argument("--instance", default=DEFAULT, help="copy of it on this machine (default: %(default)s)")
        if name in ("down", "clean"):
            subparser.add_argument("--yes", action="store_true", help="remove a volume that holds a ledger, too")
        if name == "load":
            subparser.add_argument("--shape", default="smoke", help="traffic shape (default: %(default)s)")
        if name == "runbook":
            subparser.add_argument("--alert", default="", help="the alert whose page to follow")
            subparser.add_argument("--yes", action="store_true", help="answer the page's questions with yes")
        if name == "dashboard":
            subparser.add_argument("--minutes", default="60", help="how far back (default: %(default)s)")
        if name == "up":
            subparser.add_argument("--port", default="", help="the gateway's port on 127.0.0.1")
            subparser.add_argument("--purpose", choices=["user", "test"], default="user", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)
