"""What is wrong with a document: the field, what was given, what is allowed. Never a traceback."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from contract.schema_nodes import SchemaNode

NOTHING = "nothing"
"""What a problem says was given where a value is missing."""

_LONGEST_GIVEN = 80
_KINDS: tuple[tuple[type, str], ...] = (
    (int, "an integer"),
    (float, "a float"),
    (str, "a string"),
    (Mapping, "a mapping"),
    (list, "a list"),
    (tuple, "a list"),
)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    field: str
    """Path of the value, such as `models.smollm2-135m.prices[0].version`; empty for the whole document."""
    given: str
    """What stands there, as words (see `describe_given`)."""
    allowed: str
    """What may stand there, as words."""

    def __str__(self) -> str:
        """Return `FIELD: given GIVEN; allowed: ALLOWED`."""
        where = f"{self.field}: " if self.field else ""
        return f"{where}given {self.given}; allowed: {self.allowed}"


class ProblemsError(ValueError):
    """Raised by a model's own validator: problems between fields, each named relative to that model."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        """Return the problems, one a line."""
        return "\n".join(map(str, self.problems))


class ContractError(ValueError):
    """A document that cannot be used, with every problem found in it."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        """Keep where the document came from (a file's name, or "outputs") and its problems (at least one)."""
        super().__init__(source, problems)
        self.source = source
        self.problems = tuple(problems)

    def __str__(self) -> str:
        """Return the problems, one a line, each beginning with the source."""
        return "\n".join(f"{self.source}: {problem}" for problem in self.problems)


def describe_given(value: object) -> str:
    """Return `value`, cut to 80 characters, and its kind in the words of YAML: `0.05 (a float)`, `null`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"{str(value).lower()} (a boolean)"
    text = repr(value)
    if len(text) > _LONGEST_GIVEN:
        text = text[: _LONGEST_GIVEN - 3] + "..."
    kind = next((words for kind, words in _KINDS if isinstance(value, kind)), type(value).__name__)
    return f"{text} ({kind})"


def list_allowed(names: Iterable[str], given: str) -> str:
    """Return "one of a, b, c", with the name nearest to `given` suggested if one is near."""
    known = list(names)
    nearest = difflib.get_close_matches(given, known, n=1)
    hint = f" (did you mean {nearest[0]}?)" if nearest else ""
    return f"one of {', '.join(known)}{hint}" if known else "none, for none is declared"


def refuse(error: ValidationError, model: type[BaseModel], source: str, prefix: str = "") -> ContractError:
    """Turn what pydantic found in data for `model` into a ContractError that says what is allowed.

    Args:
        error: what validating raised.
        model: the model that was validated; its JSON Schema says what is allowed.
        source: where the data came from, such as a file's name.
        prefix: put before every field as it is, such as "faregate:" for the keys of a Pulumi configuration.

    A validator of `model` that raises ValueError says with its text what is allowed; one that raises ProblemsError
    brings problems of its own.
    """
    root = SchemaNode.root(model)
    problems = [
        Problem(prefix + problem.field, problem.given, problem.allowed)
        for details in error.errors()
        for problem in _explain(details, root)
    ]
    # Each branch of a union reports the same problem: say it once.
    return ContractError(source, list(dict.fromkeys(problems)))


def _explain(details: ErrorDetails, root: SchemaNode) -> list[Problem]:
    """Return the problems behind one error of pydantic."""
    steps = details["loc"]
    of_key = bool(steps) and steps[-1] == "[key]"
    field, node, parent = _locate(steps[:-1] if of_key else steps, root)
    given = describe_given(details["input"])
    context = details.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, ProblemsError):
        return [
            Problem(_join(field, inner.field) if inner.field else field, inner.given, inner.allowed)
            for inner in cause.problems
        ]
    if isinstance(cause, Exception):
        return [Problem(field, given, str(cause))]
    match details["type"]:
        case "missing":
            return [Problem(field, NOTHING, f"{node.allowed()} (required)".lstrip())]
        case "extra_forbidden":
            return [Problem(field, "an unknown key", list_allowed(parent.known_keys(), str(steps[-1])))]
        case "union_tag_not_found":
            return [Problem(_join(field, _tag_key(context)), NOTHING, f"{_list_tags(node)} (required)")]
        case "union_tag_invalid":
            return [Problem(_join(field, _tag_key(context)), describe_given(context["tag"]), _list_tags(node))]
    allowed = parent.key().allowed() if of_key else node.allowed()
    return [Problem(field, given, allowed or details["msg"])]


def _locate(steps: Sequence[str | int], root: SchemaNode) -> tuple[str, SchemaNode, SchemaNode]:
    """Walk pydantic's path; return it as text, its last node, and the node before that."""
    field, parent, node = "", root, root
    for step in steps:
        branch = node.branch(step)
        if branch:  # pydantic names the branch of a union that it took; the document has no such key
            node = branch
            continue
        parent, node = node, node.child(step)
        field = _join(field, f"[{step}]" if isinstance(step, int) else step)
    return field, node, parent


def _join(field: str, step: str) -> str:
    return field + step if step.startswith("[") or not field else f"{field}.{step}"


def _tag_key(context: Mapping[str, object]) -> str:
    return str(context["discriminator"]).strip("'")


def _list_tags(union: SchemaNode) -> str:
    return f"one of {', '.join(union.tags())}"
