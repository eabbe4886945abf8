"""The commands that `make` calls, each a short story told by the modules beside this one."""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from contract.instance import Instance
from contract.outputs import Outputs
from contract.problems import ContractError
from offline import environment, pulumi_cli, simulation
from offline.cache import cache_folder
from offline.doctor import Finding, examine
from offline.instance import DEFAULT, Home, find_home, list_homes, make_instance
from offline.ports import PortTaken
from offline.stack import PulumiFailed, Stack, StackBusy
from offline.stack_file import list_environments, read_settings
from offline.steps import Steps

HERE = "local"
"""The environment that these commands work for; every other one has native commands."""

# Where nobody's terminal sets a width, lines are as wide as what is printed.
WIDTH = None if sys.stdout.isatty() else 160
console = Console(width=WIDTH)
errors = Console(stderr=True, width=WIDTH)

KNOWN_FAILURES = (
    ContractError,
    PortTaken,
    PulumiFailed,
    StackBusy,
    pulumi_cli.CliUnavailable,
    simulation.SimulationFailed,
)


class Refused(Exception):
    """The command can't be done as it was asked for; the text says what to do instead."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code. A user's mistake is a sentence, never a traceback."""
    options = _parse(arguments)
    try:
        _require_local(options)
        code: int = options.run(options)
    except (Refused, *KNOWN_FAILURES) as error:
        errors.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        errors.print("interrupted; run the same command again to go on")
        return 130
    return code


def up(options: argparse.Namespace) -> int:
    """Bring `local` up, or heal it. Whatever state an earlier run left, running this again goes on from there."""
    home = find_home(options.instance)
    steps = Steps(console, total=4)
    with _only_one(home):
        with steps.step("Preflight"):
            _refuse_unfit(examine(home))
            instance = make_instance(options.instance, options.purpose, options.port)
        with steps.step("Pulumi CLI") as progress:
            cli = pulumi_cli.ensure_cli(progress.report)
            progress.outcome = f"from {cli.origin}"
        variables = _compose(home, instance, cli)
        with steps.step("Simulated AWS") as progress:
            started = simulation.start(home, simulation.clean_environment())
            progress.outcome = "started" if started else "runs"
        with steps.step("Stack") as progress:
            stack = Stack(home.state, environment.apply(variables, os.environ))
            progress.outcome = _raise_stack(stack, home, progress.report)
            outputs = stack.outputs()
        steps.save(home.steps)
    _print_addresses(outputs)
    return 0


def down(options: argparse.Namespace) -> int:
    """Remove one instance and all that it consists of; keep the cache. Nothing to remove is no error."""
    home = find_home(options.instance)
    if not home.exists:
        console.print(f"instance {options.instance} does not exist: nothing to do")
        return 0
    with _only_one(home):
        simulation.stop(home)
        home.remove()
    console.print(f"instance {options.instance} is gone; the cache in {cache_folder()} is kept (`make clean` removes it)")
    return 0


def clean(options: argparse.Namespace) -> int:
    """Remove the instance and the machine's cache, which no other instance may be using."""
    others = [home.folder.name for home in list_homes() if home.folder.name != options.instance]
    if others:
        raise Refused(f"other instances use the cache: {', '.join(others)}; first: make down INSTANCE={others[0]}")
    down(options)
    shutil.rmtree(cache_folder(), ignore_errors=True)
    console.print(f"{cache_folder()} is gone")
    return 0


def status(options: argparse.Namespace) -> int:
    """Show what the instance consists of; return 1 unless all of it is healthy."""
    home = find_home(options.instance)
    if not home.exists:
        raise Refused(f"instance {options.instance} does not exist: run `make up`")
    findings = [_find_simulation(home), _find_stack(home)]
    _print_findings(f"Instance {options.instance}", findings)
    return 0 if all(finding.good for finding in findings) else 1


def doctor(options: argparse.Namespace) -> int:
    """Check what `make up` would need, without changing anything; return 1 if something is missing."""
    findings = examine(find_home(options.instance))
    _print_findings("Preflight", findings)
    return 0 if all(finding.good for finding in findings) else 1


def logs(options: argparse.Namespace) -> int:
    """Print the instance's logs."""
    home = find_home(options.instance)
    if not home.exists:
        raise Refused(f"instance {options.instance} does not exist: run `make up`")
    console.print(home.simulation_log.read_text(errors="replace"), markup=False, highlight=False, soft_wrap=True)
    return 0


def preview(options: argparse.Namespace) -> int:
    """Show what `make up` would change in the stack."""
    home = find_home(options.instance)
    if not home.exists:
        raise Refused(f"instance {options.instance} does not exist: run `make up`")
    prepared = environment.apply(_compose(home, home.read(), _require_cli()), os.environ)
    return subprocess.run(
        ["pulumi", "preview", "--stack", HERE, "--diff"], cwd=environment.REPOSITORY, env=prepared, check=False
    ).returncode


def show_environment(options: argparse.Namespace) -> int:
    """Print the variables of an instance for `offline/activate`."""
    home = find_home(options.instance)
    if not home.exists:
        raise Refused(f"instance {options.instance} does not exist: run `make up`")
    print(environment.to_shell(_compose(home, home.read(), _require_cli())))
    return 0


def _raise_stack(stack: Stack, home: Home, report: pulumi_cli.Report) -> str:
    """Heal what an interrupted run left, bring the stack up and return what changed."""
    stack.make()
    if stack.unlock():
        report("removed the lock of a command that is dead")
    if pending := stack.pending_operations():
        # Nobody knows whether what was being created exists. The simulation is cheap, so it starts from nothing.
        report(f"{len(pending)} interrupted operation(s): the simulation starts from nothing")
        simulation.forget(home)
        stack.clear_pending()
    return stack.up(report)


def _compose(home: Home, instance: Instance, cli: pulumi_cli.Cli) -> dict[str, str | None]:
    return environment.compose(home, instance, cli, read_settings(HERE).region, os.environ)


def _require_cli() -> pulumi_cli.Cli:
    cli = pulumi_cli.find_cli()
    if cli is None:
        raise Refused("there is no Pulumi CLI yet: run `make up`")
    return cli


def _require_local(options: argparse.Namespace) -> None:
    if options.environment == HERE:
        return
    if options.environment not in list_environments():
        read_settings(options.environment)  # refuses it by name
    raise Refused(
        f"`make {options.command}` works for the environment {HERE} only; "
        f"for {options.environment} run: pulumi {options.command} -s {options.environment}"
    )


def _refuse_unfit(findings: list[Finding]) -> None:
    bad = [finding for finding in findings if not finding.good]
    if bad:
        raise Refused("\n       ".join(f"{finding.subject}: {finding.detail}" for finding in bad))


def _find_simulation(home: Home) -> Finding:
    port = home.read().ports.simulation
    running = simulation.is_running(home)
    return Finding("simulated AWS", running, f"127.0.0.1:{port}" if running else "does not answer: run `make up`")


def _find_stack(home: Home) -> Finding:
    try:
        stack = Stack(home.state, environment.apply(_compose(home, home.read(), _require_cli()), os.environ))
        if not stack.exists():
            return Finding("stack", False, "not made yet: run `make up`")
        if pending := stack.pending_operations():
            return Finding("stack", False, f"{len(pending)} interrupted operation(s): run `make up`")
        outputs = stack.outputs()
    except (Refused, *KNOWN_FAILURES) as error:
        return Finding("stack", False, f"{error}: run `make up`")
    return Finding("stack", True, f"{outputs.environment} in {outputs.region}, outputs as the contract says")


def _print_findings(title: str, findings: list[Finding]) -> None:
    table = _make_table(title)
    for finding in findings:
        table.add_row(finding.subject, "[green]ok[/]" if finding.good else "[red]not ok[/]", finding.detail)
    console.print(table)


def _make_table(title: str) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    return table


def _print_addresses(outputs: Outputs) -> None:
    table = _make_table("The environment's outputs")
    for name, value in outputs.model_dump(mode="json", exclude_none=True).items():
        if isinstance(value, dict):
            for key, item in value.items():
                table.add_row(f"{name}.{key}", str(item))
        else:
            table.add_row(name, str(value))
    console.print(table)
    console.print("Next: `source offline/activate`, then `pulumi preview -s local`, `pulumi stack output --json`.")


@contextmanager
def _only_one(home: Home) -> Iterator[None]:
    """Let one command at a time change an instance; the lock ends with the process that holds it."""
    home.lock.parent.mkdir(parents=True, exist_ok=True)
    with home.lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"another command is changing instance {home.folder.name}: wait for it") from None
        yield


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="offline", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    runs = {
        "up": up,
        "down": down,
        "clean": clean,
        "status": status,
        "doctor": doctor,
        "logs": logs,
        "preview": preview,
        "environment": show_environment,
    }
    for name, run in runs.items():
        text = (run.__doc__ or "").strip()
        command = commands.add_parser(name, help=text.splitlines()[0], description=text)
        command.add_argument("--env", dest="environment", default=HERE, help="environment (default: %(default)s)")
        command.add_argument("--instance", default=DEFAULT, help="copy of it on this machine (default: %(default)s)")
        command.set_defaults(run=run)
        if name == "up":
            command.add_argument("--port", type=_port, default=None, help="the gateway's port on 127.0.0.1")
            command.add_argument("--purpose", choices=["user", "test"], default="user", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _port(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"given {text!r}; allowed: a number from 1 to 65535")
    return int(text)
