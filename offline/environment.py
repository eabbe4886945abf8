"""The environment variables that make the real tools work on an instance: what `source offline/activate` sets.

One table for people's shells and for our own subprocesses, so that what `make up` does can be repeated by hand.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from contract.instance import Instance
from offline.instance import Home
from offline.pulumi_cli import Cli
from offline.simulation import endpoint_of

REPOSITORY = Path(__file__).resolve().parent.parent

PASSPHRASE = "faregate-local"  # noqa: S105
"""Documented and no secret: the state of a simulated environment holds no secret value."""

# Whatever a real account is reached with, and whatever could point our tools elsewhere.
UNSET_PREFIXES = ("AWS_", "PULUMI_")
UNSET = frozenset({"KUBECONFIG"})


def compose(
    home: Home, instance: Instance, cli: Cli, region: str, ambient: Mapping[str, str]
) -> dict[str, str | None]:
    """Return the variables to set, and with `None` those to unset, on top of the ambient ones."""
    removed: dict[str, str | None] = {
        name: None for name in sorted(ambient) if name.startswith(UNSET_PREFIXES) or name in UNSET
    }
    folders = [str(REPOSITORY / "offline" / "bin"), str(cli.path.parent), str(Path(sys.executable).parent)]
    rest = [folder for folder in ambient.get("PATH", os.defpath).split(os.pathsep) if folder not in folders]
    return removed | {
        "PATH": os.pathsep.join([*folders, *rest]),
        "INSTANCE": instance.name,
        "FAREGATE_INSTANCE": str(home.record),
        "FAREGATE_PYTHON": sys.executable,
        "PULUMI_HOME": str(home.pulumi_home),
        "PULUMI_BACKEND_URL": f"file://{home.state}",
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        # The simulation forgets when it stops; a plain `pulumi up` must see that.
        "PULUMI_OPTION_REFRESH": "true",
        "AWS_ENDPOINT_URL": endpoint_of(instance.ports.simulation),
        "AWS_ACCESS_KEY_ID": "simulation",
        "AWS_SECRET_ACCESS_KEY": "simulation",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        # Profiles of real accounts are not even read.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def apply(variables: Mapping[str, str | None], ambient: Mapping[str, str]) -> dict[str, str]:
    """Return a whole environment for a subprocess."""
    merged = {**ambient, **variables}
    return {name: value for name, value in merged.items() if value is not None}


def to_shell(variables: Mapping[str, str | None]) -> str:
    """Return the lines that `offline/activate` evaluates: each goes through its function that can be undone."""
    return "\n".join(
        f"_faregate_unset {name}" if value is None else f"_faregate_set {name} {shlex.quote(value)}"
        for name, value in variables.items()
    )
