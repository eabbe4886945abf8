"""Writes rules and dashboards from their Python source, or checks that they are current.

python -m dashboards            write dashboards/generated/*
python -m dashboards --check    exit 1 and name the files that are stale
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from contract import generated
from contract.problems import ContractError
from dashboards.generated import GENERATED, render_files


def main(arguments: Sequence[str], folder: Path = GENERATED) -> int:
    """Run the command; return its exit code. A mistake in `stacks/` is a sentence, never a traceback."""
    try:
        return generated.main(
            arguments,
            program="python -m dashboards",
            description="Write rules and dashboards.",
            folder=folder,
            render=render_files,
        )
    except ContractError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
