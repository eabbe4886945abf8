"""Takes secrets out of texts: those whose values are known, in every form that they take, and what looks like one."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from offline.support_bundle.patterns import Found, find_secrets

SHORTEST = 4
"""Characters of the shortest value that is looked for: without a shorter one no sentence would be left."""
ANYWHERE = 8
"""Characters from which on a value is removed wherever it stands; a shorter one only where it is a whole word."""

_ROUNDS = 8
"""What stands beside a removed value can spell another one together with what tells of the removal."""


@dataclass(frozen=True)
class _Needle:
    """One form of a value."""

    name: str
    form: str

    def find(self, text: str) -> Iterator[int]:
        """Return where it begins, each time that it does: two may overlap."""
        begin = text.find(self.form)
        while begin >= 0:
            if len(self.form) >= ANYWHERE or self._is_word(text, begin):
                yield begin
            begin = text.find(self.form, begin + 1)

    def _is_word(self, text: str, begin: int) -> bool:
        around = text[max(begin - 1, 0) : begin], text[begin + len(self.form) : begin + len(self.form) + 1]
        return not any(character.isalnum() for character in around)


class Redaction:
    """Removes the secrets of an instance. Pure: the same text gives the same text."""

    def __init__(self, values: Mapping[str, str]) -> None:
        """Take the value of each secret by its name; a value of several lines is also looked for line by line."""
        pieces = [
            (name, piece.strip())
            for name, value in values.items()
            for piece in dict.fromkeys([value.strip(), *value.splitlines()])
        ]
        # What tells that a secret was removed says its name, so a value like that is none.
        public = " ".join(_mark(name) for name in values)
        self._needles = [
            _Needle(name, form)
            for name, piece in pieces
            if len(piece) >= SHORTEST and piece not in public
            for form in _list_forms(piece)
        ]
        looked_for = {needle.name for needle in self._needles}
        self.left: tuple[str, ...] = tuple(sorted(set(values) - looked_for))
        """The names of those that are not looked for: too short, or what their own name says."""

    def redact(self, text: str) -> str:
        """Return the text with `[removed: NAME]` in place of each secret."""
        found = [*self._find(text), *find_secrets(text)]
        for _ in range(_ROUNDS):
            if not found:
                break
            text = _replace(text, found)
            found = list(self._find(text))
        return text

    def find_names(self, text: str) -> list[str]:
        """Return the names of the secrets whose values are in the text, in whatever form."""
        return sorted({found.name for found in self._find(text)})

    def _find(self, text: str) -> Iterator[Found]:
        for needle in self._needles:
            for begin in needle.find(text):
                yield Found(begin, begin + len(needle.form), needle.name)


def _replace(text: str, found: Iterable[Found]) -> str:
    """Return the text without what was found; what overlaps goes as one, so that no end of it stays behind."""
    parts: list[str] = []
    reached = 0
    for secret in sorted(found, key=lambda secret: (secret.begin, -secret.end)):
        if secret.begin >= reached:
            parts += [text[reached : secret.begin], _mark(secret.name)]
        reached = max(reached, secret.end)
    return "".join([*parts, text[reached:]])


def _mark(name: str) -> str:
    return f"[removed: {name}]"


def _list_forms(value: str) -> list[str]:
    """Return the value as it stands in texts, addresses, JSON and base64, each form once."""
    quoted = [quote(value), quote(value, safe=""), quote_plus(value)]
    forms = [
        value,
        *quoted,
        *(re.sub("%..", lambda escape: escape[0].lower(), form) for form in quoted),
        *(json.dumps(value, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)),
        *_list_base64(value.encode(errors="surrogatepass")),
    ]
    return [form for form in dict.fromkeys(forms) if len(form) >= SHORTEST]


def _list_base64(value: bytes) -> Iterator[str]:
    """Return the value in base64, alone and as a part of something longer, which shifts it by none to two bytes."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(value).decode()
        yield encode(value).decode().rstrip("=")
        for shift in range(3):
            whole = encode(bytes(shift) + value).decode()
            # The characters at either end also tell of the bytes beside the value.
            inner = whole[-(-shift * 8 // 6) : (shift + len(value)) * 8 // 6]
            if len(inner) >= ANYWHERE:
                yield inner
