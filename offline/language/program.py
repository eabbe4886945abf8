"""Runs one Pulumi program in this interpreter, against the engine's resource monitor: the child of the language host.

`python -P -m offline.language.program JSON`, where JSON holds the fields of `Run`. Exit codes: 0, `SHOWN`, or any other
for an error that the engine still has to report.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import dataclasses
import json
import logging
import runpy
import sys
import traceback
from pathlib import Path

import pulumi
from pulumi.runtime import Settings, configure, get_config_env, get_config_secret_keys_env, run_in_stack, set_all_config

SHOWN = 32
"""The program failed and its error was shown to the user already."""


@dataclasses.dataclass(frozen=True)
class Run:
    """What the language host passes to its child."""

    monitor: str
    engine: str
    project: str
    stack: str
    parallel: int
    dry_run: bool
    organization: str
    root_directory: str
    program: str
    arguments: list[str]


def run_program(run: Run) -> int:
    """Run the program to its end and return the exit code."""
    set_all_config(get_config_env(), get_config_secret_keys_env())
    configure(
        Settings(
            monitor=run.monitor,
            engine=run.engine,
            project=run.project,
            stack=run.stack,
            parallel=run.parallel,
            dry_run=run.dry_run,
            organization=run.organization,
            root_directory=run.root_directory,
        )
    )
    program = Path(run.program).absolute()
    folder = program.parent if program.is_file() else program
    sys.argv = [str(program), *run.arguments]
    sys.path.insert(0, str(folder))
    # Futures that a failure left behind are not news.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    with concurrent.futures.ThreadPoolExecutor(max(run.parallel, 1) * 4) as pool:
        loop.set_default_executor(pool)
        try:
            loop.run_until_complete(run_in_stack(lambda: _execute(program)))
        except pulumi.RunError as error:
            pulumi.log.error(str(error))
            return SHOWN
        except SystemExit as left:
            if left.code is None or isinstance(left.code, int):
                return left.code or 0
            pulumi.log.error(str(left.code))  # sys.exit("why")
            return SHOWN
        except Exception as error:  # noqa: BLE001 - whatever a user's program raises is shown to its user
            pulumi.log.error(f"Program failed with an unhandled exception:\n{_user_traceback(error, folder)}")
            return SHOWN
    return 0


def _execute(program: Path) -> None:
    if program.is_dir() and not (program / "__main__.py").exists():
        pulumi.log.error(f"no __main__.py in {program}")
        raise SystemExit(SHOWN)
    runpy.run_path(str(program), run_name="__main__")


def _user_traceback(error: Exception, folder: Path) -> str:
    """Return the traceback from the first frame of the user's program on; ours above it say nothing to them."""
    frames = traceback.extract_tb(error.__traceback__)
    first = next((i for i, frame in enumerate(frames) if Path(frame.filename).is_relative_to(folder)), 0)
    return "".join(
        [
            "Traceback (most recent call last):\n",
            *traceback.format_list(frames[first:]),
            *traceback.format_exception_only(error),
        ]
    )


if __name__ == "__main__":
    code = run_program(Run(**json.loads(sys.argv[1])))
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)
