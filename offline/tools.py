"""The real tools, prepared for an instance."""

from __future__ import annotations

import os

from offline import environment, pulumi_cli
from offline.container_tools import extend_path
from offline.instance import Home
from offline.podman import Podman
from offline.stack import STACK, Stack
from offline.stack_file import read_settings


def compose_variables(home: Home, cli: pulumi_cli.Cli) -> dict[str, str | None]:
    """Return the variables that every tool needs, and with `None` those to unset."""
    return environment.compose(home, home.read(), cli, read_settings(STACK).region, os.environ)


def compose_customer_variables(home: Home, cli: pulumi_cli.Cli) -> dict[str, str | None]:
    """Return the variables that `offline/activate` sets: with them OpenAI's clients are customers of the instance."""
    return compose_variables(home, cli) | environment.for_customers(home, home.read())


def prepare_environment(home: Home, cli: pulumi_cli.Cli) -> dict[str, str]:
    """Return the whole environment of a tool, for an instance that exists."""
    return environment.apply(compose_variables(home, cli), os.environ)


def open_stack(home: Home, cli: pulumi_cli.Cli) -> Stack:
    return Stack(home.state, prepare_environment(home, cli))


def prepare_container_environment() -> dict[str, str]:
    """Return the whole environment of podman and what builds with it, which needs no instance and no CLI."""
    prepared = environment.apply(environment.for_containers(os.environ), os.environ)
    return {**prepared, "PATH": extend_path(prepared.get("PATH", ""))}


def open_podman() -> Podman:
    """Return the machine's podman."""
    return Podman(prepare_container_environment())


def require_cli() -> pulumi_cli.Cli:
    """Return the CLI that is here.

    Raises:
        CliUnavailable: there is none yet.
    """
    cli = pulumi_cli.find_cli()
    if cli is None:
        raise pulumi_cli.CliUnavailable("there is no Pulumi CLI yet: run `make up`")
    return cli
