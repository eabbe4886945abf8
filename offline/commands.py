"""The commands that `make` calls, each a short story told by the modules beside this one.

Each takes the options that `offline.command_line` parsed and returns the exit code.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from contextlib import AbstractContextManager

from contract.problems import ContractError, Problem, describe_given
from offline import environment, pulumi_cli, simulation
from offline.cache import cache_folder
from offline.doctor import Finding, examine
from offline.failures import Refused
from offline.health import examine_parts
from offline.instance import DEFAULT, Home, find_home, list_homes, make_instance
from offline.locks import hold
from offline.screen import console, say, show_findings, show_outputs
from offline.stack import STACK, Stack
from offline.steps import Report, Steps
from offline.tools import compose_variables, open_stack, prepare_environment, require_cli


def up(options: argparse.Namespace) -> int:
    """Bring `local` up, or heal it. Whatever state an earlier run left, running this again goes on from there."""
    home = find_home(options.instance)
    port = _parse_port(options.port)
    steps = Steps(console, total=4)
    with _only_one(home):
        with steps.step("Preflight"):
            _refuse_unfit(examine(home))
            make_instance(options.instance, options.purpose, port)
        with steps.step("Pulumi CLI") as progress:
            cli = pulumi_cli.ensure_cli(progress.report)
            progress.outcome = f"from {cli.origin}"
        with steps.step("Simulated AWS") as progress:
            started = simulation.start(home, simulation.clean_environment())
            progress.outcome = "started" if started else "runs"
        with steps.step("Stack") as progress:
            stack = open_stack(home, cli)
            progress.outcome = _raise_stack(stack, home, progress.report)
            outputs = stack.outputs()
        steps.save(home.steps)
    show_outputs(outputs)
    chosen = "" if options.instance == DEFAULT else f"INSTANCE={options.instance} "
    say(f"Next: `{chosen}source offline/activate`, then `pulumi preview -s {STACK}`, `pulumi stack output --json`.")
    return 0


def down(options: argparse.Namespace) -> int:
    """Remove one instance and all that it consists of; keep the cache. Nothing to remove is no error."""
    home = find_home(options.instance)
    if not home.folder.exists():
        say(f"instance {options.instance} does not exist: nothing to do")
        return 0
    _remove(home)
    say(f"instance {options.instance} is gone; the cache in {cache_folder()} is kept (`make clean` removes it)")
    return 0


def sweep(_options: argparse.Namespace) -> int:
    """Remove the instances that tests left, and no others."""
    left = [home for home in list_homes() if _belongs_to_tests(home)]
    for home in left:
        _remove(home)
    say(f"{len(left)} instance(s) of tests removed")
    return 0


def clean(options: argparse.Namespace) -> int:
    """Remove the instance and the machine's cache, which no other instance may be using."""
    others = [home.folder.name for home in list_homes() if home.folder.name != options.instance]
    if others:
        raise Refused(f"other instances use the cache: {', '.join(others)}; first: make down INSTANCE={others[0]}")
    down(options)
    if cache_folder().exists():
        shutil.rmtree(cache_folder())
    say(f"{cache_folder()} is gone")
    return 0


def status(options: argparse.Namespace) -> int:
    """Show what the instance consists of; return 1 unless all of it is healthy."""
    findings = examine_parts(_require_home(options.instance))
    show_findings(f"Instance {options.instance}", findings)
    return _judge(findings)


def doctor(options: argparse.Namespace) -> int:
    """Check what `make up` would need, without changing anything; return 1 if something is missing."""
    findings = examine(find_home(options.instance))
    show_findings("Preflight", findings)
    return _judge(findings)


def logs(options: argparse.Namespace) -> int:
    """Print the instance's logs."""
    home = _require_home(options.instance)
    if not home.simulation_log.exists():
        raise Refused(f"instance {options.instance} has no log, for nothing of it was started yet: run `make up`")
    say(home.simulation_log.read_text(encoding="utf-8", errors="replace"))
    return 0


def preview(options: argparse.Namespace) -> int:
    """Show what `make up` would change in the stack."""
    prepared = prepare_environment(_require_home(options.instance), require_cli())
    command = ["pulumi", "preview", "--stack", STACK, "--diff"]
    return subprocess.run(command, cwd=environment.REPOSITORY, env=prepared, check=False).returncode


def show_environment(options: argparse.Namespace) -> int:
    """Print the variables of an instance for `offline/activate`."""
    print(environment.to_shell(compose_variables(_require_home(options.instance), require_cli())))
    return 0


def _raise_stack(stack: Stack, home: Home, report: Report) -> str:
    """Heal what an interrupted run left, bring the stack up and return what changed."""
    if stack.discard_damaged():
        report("the state was cut off by a command that was killed: stack and simulation start from nothing")
        simulation.forget(home)
    stack.make()
    if stack.unlock():
        report("removed the lock of a command that is dead")
    if pending := stack.pending_operations():
        # Nobody knows whether what was being created exists. The simulation is cheap, so it starts from nothing.
        report(f"{len(pending)} interrupted operation(s): the simulation starts from nothing")
        simulation.forget(home)
        stack.clear_pending()
    return stack.up(report)


def _belongs_to_tests(home: Home) -> bool:
    try:
        return home.read().purpose == "test"
    except ContractError:  # it does not say whose it is, so it may be a user's
        return False


def _remove(home: Home) -> None:
    with _only_one(home):
        simulation.stop(home)
        home.remove()


def _require_home(instance: str) -> Home:
    home = find_home(instance)
    if not home.exists:
        raise Refused(f"instance {instance} does not exist: run `make up`")
    return home


def _only_one(home: Home) -> AbstractContextManager[None]:
    """Let one command at a time change an instance."""
    return hold(home.lock, refusal=f"another command is changing instance {home.folder.name}: wait for it")


def _refuse_unfit(findings: list[Finding]) -> None:
    bad = [finding for finding in findings if not finding.good]
    if bad:
        raise Refused("\n       ".join(f"{finding.subject}: {finding.detail}" for finding in bad))


def _judge(findings: list[Finding]) -> int:
    return 0 if all(finding.good for finding in findings) else 1


def _parse_port(text: str) -> int | None:
    """Return the port that was asked for; none where `make` passes on that nobody asked."""
    if not text:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise ContractError("PORT", [Problem("", describe_given(text), "a number from 1 to 65535")])
    return int(text)
