"""A podman that only keeps lists, of what it was asked for and of what there is: a program that `Machine` puts on PATH.

It is started for every command, so it imports little.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Row = dict[str, Any]
    Shelf = dict[str, list[Row]]

KINDS = ("containers", "networks", "volumes", "secrets", "images")

PID = 2**22 + 1
"""The process of every container that is run: an id that Linux gives to none, so nobody's is ever ended."""
ID = "736993a6cd0360924e5652efda724b2edaed1ca612af71653294ca07b5bbd3af"


def main(folder: Path, arguments: list[str]) -> None:
    with (folder / "asked").open("a") as record:
        record.write(" ".join(arguments) + "\n")
    shelf = read(folder)
    match arguments:
        case ["--version"]:
            print("podman version 4.3.1")
        case ["secret", "ls", "--quiet"]:
            print(*(row["ID"] for row in shelf["secrets"]), sep="\n")
        case ["secret", "inspect", *ids]:
            print(json.dumps([row for row in shelf["secrets"] if row["ID"] in ids]))
        case ["ps" | "images" as word, *rest] | [word, "ls", *rest]:
            conditions = [value for option, value in itertools.pairwise(rest) if option == "--filter"]
            rows = shelf[_kind(word)]
            print(json.dumps([row for row in rows if all(_matches(row, condition) for condition in conditions)]))
        case ["run", *rest]:
            name = rest[rest.index("--name") + 1]
            shelf["containers"].append(make_row("containers", name, _labels(rest), rest[-1]))
            print(ID)
        case [word, "create", *rest]:
            shelf[_kind(word)].append(make_row(_kind(word), rest[-1], _labels(rest)))
        case ["rm", *rest]:
            _remove(shelf, "containers", rest[-1:])
        case ["rmi", "--ignore", *names]:
            _remove(shelf, "images", names)
        case [word, "rm", name]:
            _remove(shelf, _kind(word), [name])
        case ["logs", *rest]:
            print(f"[log] of {rest[-1]}")
        case _:
            sys.exit(f"this podman knows no {arguments}")
    write(folder, shelf)


def read(folder: Path) -> Shelf:
    """Return what there is, by its kind."""
    file = folder / "shelf.json"
    shelf: Shelf = json.loads(file.read_text()) if file.exists() else {kind: [] for kind in KINDS}
    return shelf


def write(folder: Path, shelf: Shelf) -> None:
    (folder / "shelf.json").write_text(json.dumps(shelf))


def _kind(word: str) -> str:
    return {"ps": "containers", "images": "images"}.get(word, f"{word}s")


def make_row(kind: str, name: str, labels: Mapping[str, str], image: str = "") -> Row:
    """Return what podman 4.3 prints of a thing, cut to what is read."""
    if kind == "networks":
        return {"name": name, "labels": labels}
    if kind == "volumes":
        return {"Name": name, "Labels": labels}
    if kind == "secrets":
        return {"ID": f"id-of-{name}", "Spec": {"Name": name, "Labels": labels}}
    row = {"Names": [name], "Labels": labels, "Created": 0}
    return {**row, "Id": f"id-of-{name}"} if kind == "images" else {**row, "Id": ID, "Image": image, "Pid": PID}


def name_of(row: Mapping[str, Any]) -> str:
    if "Spec" in row:
        row = row["Spec"]
    return str(row["Names"][0] if "Names" in row else row.get("Name", row.get("name")))


def _labels(arguments: list[str]) -> dict[str, str]:
    words = (argument.removeprefix("--label=") for argument in arguments if argument.startswith("--label="))
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def _matches(row: Mapping[str, Any], condition: str) -> bool:
    kind, _, wanted = condition.partition("=")
    if kind == "name":
        return re.search(wanted, name_of(row)) is not None
    labels = row.get("Labels", row.get("labels"))
    label, _, value = wanted.partition("=")
    return label in labels and value in ("", labels[label])


def _remove(shelf: Shelf, kind: str, names: list[str]) -> None:
    shelf[kind] = [row for row in shelf[kind] if name_of(row) not in names]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
