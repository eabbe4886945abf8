"""Files that are generated and checked in: a folder of them is written anew, or checked to be current."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Render = Callable[[], Mapping[str, str]]
"""Returns the text of every file by its name."""


def main(arguments: Sequence[str], *, program: str, description: str, folder: Path, render: Render) -> int:
    """Run the command of a folder that holds generated files and nothing else; return its exit code.

    It writes what is stale and removes what is superfluous. With `--check` it only names both, and fails if there is
    any.
    """
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("--check", action="store_true", help="only name the files that are stale, and exit 1 if any is")
    check = parser.parse_args(arguments).check
    files = render()
    stale = find_stale(folder, files)
    if check:
        for name in stale:
            print(f"stale: {name}")
        return 1 if stale else 0
    write(folder, files)
    for name in stale:
        print(f"{'wrote' if name in files else 'removed'}: {name}")
    return 0


def find_stale(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Return the names of the files in `folder` that are missing, out of date or superfluous, in order."""
    current = {name: text.encode() for name, text in files.items()}
    # Hidden files are an editor's or git's.
    found = {path.name: path.read_bytes() for path in folder.glob("[!.]*") if path.is_file()}
    return sorted(name for name in current.keys() | found.keys() if current.get(name) != found.get(name))


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Make `folder` hold the given files and no others."""
    folder.mkdir(exist_ok=True)
    for name in find_stale(folder, files):
        if name in files:
            (folder / name).write_text(files[name], encoding="utf-8")
        else:
            (folder / name).unlink()
