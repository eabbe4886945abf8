"""Reads YAML and JSON text as plain values: mappings with string keys, lists, strings, numbers, booleans, null.

YAML is read as the JSON it stands for (the JSON schema of YAML 1.2), as editors do: `no` is a string and 010 is not 8.
A key that stands twice is refused, where the usual parsers keep the last.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Never, cast

import yaml

from contract.problems import NOTHING, ContractError, Problem, describe_given

_PLAIN: tuple[tuple[re.Pattern[str], Callable[[str], object]], ...] = (
    (re.compile(r"true|false"), lambda text: text == "true"),
    (re.compile(r"null|~|"), lambda _: None),
    (re.compile(r"-?(0|[1-9][0-9]{0,99})"), int),
    (re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?"), float),
)
"""What an unquoted scalar stands for; anything else is a string."""

_TOO_DEEP = Problem("", "a document that nests too deeply", "a few levels, none of which contains itself")


def parse_yaml(text: str, source: str) -> object:
    """Return the value of one YAML document.

    Raises:
        ContractError: not YAML, empty, more than one document, a repeated key, a key that is no string, a tag.
    """
    try:
        # The base loader resolves no tag and constructs nothing: scalars are judged here.
        node = yaml.compose(text, Loader=yaml.BaseLoader)
        if node is None:
            raise ContractError(source, [Problem("", f"{NOTHING} (an empty document)", "a mapping")])
        return _construct(node, "", source)
    except yaml.MarkedYAMLError as error:
        mark = cast("yaml.Mark", error.problem_mark)  # the scanner, parser and composer always set it
        _refuse_text(source, "YAML", mark.line + 1, mark.column + 1, str(error.problem))
    except yaml.reader.ReaderError as error:
        before = text[: int(error.position)]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        _refuse_text(source, "YAML", line, column, str(error.reason))
    except RecursionError:
        raise ContractError(source, [_TOO_DEEP]) from None


def parse_json(text: str, source: str) -> object:
    """Return the value of one JSON document.

    Raises:
        ContractError: not JSON, or a repeated key.
    """

    def keep_unique(pairs: list[tuple[str, object]]) -> Mapping[str, object]:
        values: dict[str, object] = {}
        for key, value in pairs:
            if key in values:
                raise ContractError(source, [Problem(key, "the key twice", "each key once")])
            values[key] = value
        return values

    try:
        # Python refuses to read an integer of thousands of digits; as a float it is refused by the model, by name.
        return json.loads(text, object_pairs_hook=keep_unique, parse_int=_read_plain)
    except json.JSONDecodeError as error:
        _refuse_text(source, "JSON", error.lineno, error.colno, error.msg)
    except RecursionError:
        raise ContractError(source, [_TOO_DEEP]) from None


def _construct(node: yaml.Node, field: str, source: str) -> object:
    match node:
        case yaml.ScalarNode() if node.tag == yaml.resolver.BaseResolver.DEFAULT_SCALAR_TAG:
            return node.value if node.style else _read_plain(node.value)
        case yaml.SequenceNode() if node.tag == yaml.resolver.BaseResolver.DEFAULT_SEQUENCE_TAG:
            return [_construct(item, f"{field}[{index}]", source) for index, item in enumerate(node.value)]
        case yaml.MappingNode() if node.tag == yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG:
            return _construct_mapping(node, field, source)
    raise ContractError(source, [Problem(field, f"the tag {node.tag}", "a value without a tag")])


def _construct_mapping(node: yaml.MappingNode, field: str, source: str) -> Mapping[str, object]:
    values: dict[str, object] = {}
    lines: dict[str, int] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = _construct(key_node, field, source)
        if not isinstance(key, str):
            raise ContractError(
                source, [Problem(field, f"the key {describe_given(key)} on line {line}", "string keys")]
            )
        inner = f"{field}.{key}" if field else key
        if key in values:
            given = f"the key on line {lines[key]} and again on line {line}"
            raise ContractError(source, [Problem(inner, given, "each key once")])
        values[key], lines[key] = _construct(value_node, inner, source), line
    return values


def _read_plain(text: str) -> object:
    return next((read(text) for pattern, read in _PLAIN if pattern.fullmatch(text)), text)


def _refuse_text(source: str, notation: str, line: int, column: int, reason: str) -> Never:
    problem = Problem(f"line {line}, column {column}", f"text that is not {notation} ({reason})", notation)
    raise ContractError(source, [problem]) from None
