"""Readers of the contract's documents. What cannot be used is a ContractError that names it, never a traceback."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from contract.base import Model
from contract.catalog import Catalog
from contract.instance import Instance
from contract.notation import parse_json, parse_yaml
from contract.outputs import Outputs
from contract.problems import NOTHING, ContractError, Problem, refuse
from contract.slo import Slos

_REPOSITORY = Path(__file__).resolve().parent.parent

CATALOG = _REPOSITORY / "stacks" / "catalog.yaml"
SLOS = _REPOSITORY / "stacks" / "slo.yaml"

Document = TypeVar("Document", bound=Model)


def read_catalog(path: Path = CATALOG) -> Catalog:
    """Return the catalog in a YAML file; ContractError if it cannot be used."""
    return _read(Catalog, path, parse_yaml)


def read_slos(path: Path = SLOS) -> Slos:
    """Return the SLOs in a YAML file; ContractError if they cannot be used."""
    return _read(Slos, path, parse_yaml)


def read_outputs(outputs: Mapping[str, object], source: str = "outputs") -> Outputs:
    """Return the outputs that `pulumi stack output --json` printed; ContractError if they cannot be used."""
    return _validate(Outputs, dict(outputs), source)


def read_instance(path: Path) -> Instance:
    """Return the instance in a JSON file; ContractError if it cannot be used."""
    return _read(Instance, path, parse_json)


def read_text(path: Path, source: str) -> str:
    """Return the text of a file; ContractError, which calls it `source`, if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ContractError(source, [Problem("", NOTHING, f"a readable file ({error.strerror})")]) from error
    except UnicodeDecodeError as error:
        given = f"the byte {error.object[error.start]:#04x} at offset {error.start}"
        raise ContractError(source, [Problem("", given, "text in UTF-8")]) from error


def _read(model: type[Document], path: Path, parse: Callable[[str, str], object]) -> Document:
    source = _name(path)
    return _validate(model, parse(read_text(path, source), source), source)


def _validate(model: type[Document], data: object, source: str) -> Document:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise refuse(error, model, source) from error


def _name(path: Path) -> str:
    """Return the path as people write it: from the root of this repository, if it lies there."""
    return str(path.relative_to(_REPOSITORY) if path.is_relative_to(_REPOSITORY) else path)
