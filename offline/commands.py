"""The commands that `make` calls, each a short story told by the modules beside this one.

Each takes the options that `offline.command_line` parsed and returns the exit code.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from contract.documents import read_catalog
from contract.money import format_usd
from contract.problems import ContractError, Problem, describe_given
from offline import container_tools, environment, pulumi_cli, simulation
from offline.cache import cache_folder
from offline.completion import ask
from offline.doctor import ABSENT, Finding, examine
from offline.failures import Refused
from offline.health import examine_parts
from offline.images import Images, build_images
from offline.instance import Home, find_home, list_homes, make_instance
from offline.locks import hold
from offline.playbook import run_playbook
from offline.receipt import read_receipt
from offline.remains import Remains, find_owners, find_remains, find_users
from offline.screen import confirm, console, say, show_completion, show_findings, show_next, show_outputs
from offline.stack import STACK, Stack
from offline.steps import Report, Steps
from offline.support_bundle.bundle import count_steps, describe_presence, make_bundle
from offline.support_bundle.summary import show_bundle
from offline.tools import (
    compose_customer_variables,
    open_podman,
    open_stack,
    prepare_container_environment,
    prepare_environment,
    require_cli,
)

LOG_LINES = 200
"""How many lines of each container's log `make logs` prints."""


def up(options: argparse.Namespace) -> int:
    """Bring `local` up, or heal it. Whatever state an earlier run left, running this again goes on from there."""
    home = find_home(options.instance)
    port = _parse_port(options.port)
    model = next(iter(read_catalog().models))
    steps = Steps(console, total=8)
    with _only_one(home):
        with steps.step("Preflight"):
            findings = examine(home)
            _refuse_unfit(findings)
            make_instance(options.instance, options.purpose, port)
        cli, images = _prepare(steps, findings)
        prepared = prepare_environment(home, cli)
        with steps.step("Simulated AWS") as progress:
            started = simulation.start(home, open_podman(), images.references[simulation.NAME])
            progress.outcome = "started" if started else "runs"
        with steps.step("Stack") as progress:
            stack = open_stack(home, cli)
            progress.outcome = _raise_stack(stack, home, progress.report)
            outputs = stack.outputs()
        with steps.step("Containers") as progress:
            outcome = run_playbook("site.yml", home, prepared, progress.report)
            progress.outcome = f"{outcome.changed} changed" if outcome.changed else "unchanged"
        with steps.step("Completion") as progress:
            completion = ask(outputs.gateway_url, model, home.read_demo_key())
            receipt = read_receipt(completion.request_id, prepared)
            progress.outcome = f"paid with {format_usd(receipt.charge)} USD"
        steps.save(home.steps)
    show_outputs(outputs)
    show_completion(completion, receipt)
    show_next(options.instance, completion.request_id)
    return 0


def prepare(options: argparse.Namespace) -> int:
    """Install and build what is made once on a machine: `make up` does it, too, where it is missing."""
    steps = Steps(console, total=4)
    with steps.step("Preflight"):
        findings = examine(find_home(options.instance))
        _refuse_unfit(findings)
    _prepare(steps, findings)
    return 0


def down(options: argparse.Namespace) -> int:
    """Remove one instance and all that it consists of; keep images and cache. Nothing to remove is no error."""
    home = find_home(options.instance)
    with _only_one(home):
        remains = find_remains(home, open_podman())
        if not remains:
            say(f"instance {options.instance} does not exist: nothing to do")
            return 0
        kept = remains.ledgers and not _may_remove_ledger(remains, options.yes)
        remains.remove(keep_ledger=bool(kept))
    say(f"instance {options.instance} is gone; images and the cache in {cache_folder()} are kept (see `make clean`)")
    if kept:
        say(
            f"the ledger is kept, for the next `make up` of this instance: volume {', '.join(remains.ledgers)}; "
            f"`make down YES=1` removes it"
        )
    return 0


def sweep(_options: argparse.Namespace) -> int:
    """Remove the instances that tests left, and no others."""
    podman = open_podman()
    left = {home.folder.name for home in list_homes() if _belongs_to_tests(home)} | find_owners(podman, "test")
    for name in sorted(left):
        home = find_home(name)
        with _only_one(home):
            find_remains(home, podman).remove(keep_ledger=False)
    say(f"{len(left)} instance(s) of tests removed")
    return 0


def clean(options: argparse.Namespace) -> int:
    """Remove the instance, the images and the machine's cache, which no other instance may be using."""
    podman = open_podman()
    homes = {home.folder.name for home in list_homes()}
    others = sorted((homes | find_users(podman)) - {options.instance})
    if others:
        raise Refused(
            f"other instances use the images and the cache: {', '.join(others)}; first: make down INSTANCE={others[0]}"
        )
    down(options)
    if podman.is_installed():
        podman.remove_images(podman.images())
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
    _require_home(options.instance)
    podman = open_podman()
    containers = podman.containers(options.instance)
    if not containers:
        raise Refused(f"instance {options.instance} has no log, for nothing of it runs: run `make up`")
    for container in sorted(containers, key=lambda container: container.name):
        say(f"--- {container.name}")
        say(podman.logs(container.name, LOG_LINES))
    return 0


def support_bundle(options: argparse.Namespace) -> int:
    """Write one file for a report of a bug: versions, states and logs, without secrets."""
    home = find_home(options.instance)
    command = f"make support-bundle INSTANCE={options.instance}"
    bundle = make_bundle(home, Steps(console, total=count_steps(home)), datetime.now(UTC), command)
    show_bundle(bundle, f"{options.instance} {describe_presence(home)}")
    return 0


def preview(options: argparse.Namespace) -> int:
    """Show what `make up` would change in the stack."""
    prepared = prepare_environment(_require_home(options.instance), require_cli())
    return _run(["pulumi", "preview", "--stack", STACK, "--diff"], prepared)


def load(options: argparse.Namespace) -> int:
    """Load the instance as customers do, and judge what they got; return 0 only if the verdict is a pass."""
    home = _require_home(options.instance)
    variables = compose_customer_variables(home, require_cli())
    prepared = environment.apply(variables | {"SHAPE": options.shape}, os.environ)
    return _run(["locust"], prepared)


def runbook(options: argparse.Namespace) -> int:
    """Do what the page of an alert says, step by step; return 0 only if that healed. Without ALERT: list the pages."""
    home = _require_home(options.instance)
    chosen = [options.alert, *(["--yes"] if options.yes else [])] if options.alert else ["--list"]
    with _only_one(home):
        return _run_module(home, "runbooks", *chosen)


def dashboard(options: argparse.Namespace) -> int:
    """Draw the dashboard's panels as a page, from what Prometheus has now."""
    return _run_module(_require_home(options.instance), "dashboards.page", "--minutes", options.minutes)


def show_environment(options: argparse.Namespace) -> int:
    """Print the variables of an instance for `offline/activate`."""
    home = _require_home(options.instance)
    print(environment.to_shell(compose_customer_variables(home, require_cli())))
    return 0


def _run_module(home: Home, module: str, *arguments: str) -> int:
    """Run what may not be imported here, as an environment of a real account runs it, too."""
    return _run([sys.executable, "-P", "-m", module, *arguments], prepare_environment(home, require_cli()))


def _run(command: list[str], variables: dict[str, str]) -> int:
    """Run a tool at the root of the repository, on this terminal; return its exit code."""
    return subprocess.run(command, cwd=environment.REPOSITORY, env=variables, check=False).returncode


def _prepare(steps: Steps, findings: list[Finding]) -> tuple[pulumi_cli.Cli, Images]:
    _announce(findings)
    with steps.step("Container tools") as progress:
        progress.outcome = container_tools.ensure(progress.report)
        container_tools.write_config()
    with steps.step("Pulumi CLI") as progress:
        cli = pulumi_cli.ensure_cli(progress.report)
        progress.outcome = f"from {cli.origin}"
    with steps.step("Images") as progress:
        images = build_images(prepare_container_environment(), progress.report)
        progress.outcome = f"{images.built} built" if images.built else "here"
    return cli, images


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


def _may_remove_ledger(remains: Remains, answered: bool) -> bool:
    """Ask whether the ledger may go, too. Nobody to ask is a no."""
    question = f"Volume {', '.join(remains.ledgers)} holds a ledger: balances and every charge. Remove it for good?"
    return answered or confirm(question)


def _require_home(instance: str) -> Home:
    home = find_home(instance)
    if not home.exists:
        raise Refused(f"instance {instance} does not exist: run `make up`")
    return home


def _only_one(home: Home) -> AbstractContextManager[None]:
    """Let one command at a time change an instance."""
    return hold(home.lock, refusal=f"another command is changing instance {home.folder.name}: wait for it")


def _announce(findings: list[Finding]) -> None:
    """List what is going to be installed on this machine."""
    for finding in findings:
        if finding.detail.startswith(ABSENT):
            say(f"      will install: {finding.subject}: {finding.detail.removeprefix(ABSENT)}")


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
