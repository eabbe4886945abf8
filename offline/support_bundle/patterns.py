"""What a secret looks like where nobody knows its value: keys, tokens, passwords in addresses and assignments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Found:
    """A part of a text that is a secret, and which one."""

    begin: int
    end: int
    name: str


# What a name ends with whose value is a secret. `max_tokens`, `PASSWORD_FILE` and `access_key_id` end otherwise; types
# and ARNs of AWS go on after `/secret:` and `:secret:` with a name.
_NAMES = (
    r"(?:password|passwd|passphrase|(?<![:/])secret|token|ciphertext"
    r"|api[_-]?key|private[_-]?key|secret[_-]?(?:access[_-]?)?key)"
)

# A number that counts, and what says that there is no value.
_NOT_ONE = r"(?!(?:null|none|true|false|\d{1,5})\b)"

# In quotes of JSON in JSON, in quotes, without.
_VALUE = r"""(?:
    \\"(?P<escaped>[^\n]+?)\\"
    | "(?P<double>(?:\\.|[^"\\\n])+)"
    | '(?P<single>[^'\n]+)'
    | (?P<bare>[^\s"'\\,;&<>()\[\]{}]+)
)"""

_PATTERNS: tuple[tuple[str, str], ...] = (
    ("private key", r"(?s:-----BEGIN\ [A-Z ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|\Z))"),
    # The end of one whose beginning was cut off.
    ("private key", r"\A[A-Za-z0-9+/=\s]*-----END\ [A-Z ]*PRIVATE\ KEY-----"),
    ("key of an account", r"(?<![A-Za-z0-9])fg_[A-Za-z0-9_-]{20,}"),
    ("key of an account", r"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{20,}"),
    ("AWS key id", r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("token", r"(?i:\bbearer[ ]+)(?P<value>[A-Za-z0-9._~+/=-]{16,})"),
    ("token", r"(?i:\bauthorization)\\?[\"']?[ \t]*[:=][ \t]*\\?[\"']?\w+[ ]+(?P<value>[^\s\"'\\,]+)"),
    ("password in an address", r"(?i:\b[a-z][a-z0-9+.-]{0,20})://[^\s/:@\"'<>]*:(?P<value>[^\s/@\"'<>]+)@"),
    ("value of an option", rf"(?i:--(?:[a-z0-9]{{1,30}}-){{0,5}}{_NAMES})[ ]+{_NOT_ONE}(?P<value>[^\s\"'-][^\s\"']*)"),
    ("value of a setting", rf"(?i:{_NAMES})(?:\\?[\"'])?[ \t]*[:=][ \t]*(?i:{_NOT_ONE}){_VALUE}"),
)
_COMPILED = [(name, re.compile(pattern, re.VERBOSE)) for name, pattern in _PATTERNS]

_HIDDEN = re.compile(r"\[removed: [^\[\]]*\]")


def find_secrets(text: str) -> Iterator[Found]:
    """Return what looks like a secret; what was removed already does not."""
    for name, pattern in _COMPILED:
        for match in pattern.finditer(text):
            # The group that holds the value alone, where the pattern says more than that.
            group = match.lastgroup or 0
            if not _HIDDEN.match(text, match.start(group)):
                yield Found(match.start(group), match.end(group), name)
