"""No secret survives, in whatever form and wherever it stands; what is none stays as it is."""

from __future__ import annotations

import base64
import json
import math
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from offline.support_bundle.redaction import Redaction
from services.billing.keys import make_key

VALUE = 'p/w d"é+\\1234'

# Anything that a file can hold, and little, so that values overlap with each other and with what stands around them.
VALUES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=8, max_size=40),
    st.text('ab%+"\\/=é]: ', min_size=8, max_size=12).filter(lambda value: len(value.strip()) >= 8),
    st.text("ab", min_size=8, max_size=10),
)
AROUND = st.one_of(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), st.text("ab]: ", max_size=8))

ENCODINGS = (
    str,
    lambda value: quote(value, safe=""),
    quote,
    quote_plus,
    lambda value: json.dumps(value)[1:-1],
    lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    lambda value: base64.b64encode(value.encode()).decode(),
    lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
)


def list_forms(value: str) -> list[str]:
    return [encode(value) for encode in ENCODINGS]


@given(st.lists(VALUES, min_size=1, max_size=3), st.data())
@example(["abababab", "babababa"], None)
def test_no_secret_survives_in_any_form_wherever_it_is(values: list[str], data: st.DataObject | None) -> None:
    secrets = {f"secret_{number}": value.strip() for number, value in enumerate(values)}
    forms = [form for value in secrets.values() for form in list_forms(value)]
    if data is None:
        text = "".join(forms)
    else:
        pieces = data.draw(st.lists(st.one_of(st.sampled_from(forms), AROUND), min_size=1, max_size=12))
        text = "".join(pieces)
    redaction = Redaction(secrets)
    assume(not redaction.left)

    redacted = redaction.redact(text)

    assert [form for form in forms if form in redacted] == []
    assert redaction.find_names(redacted) == []
    if any(form in text for form in forms):
        assert "[removed: " in redacted


@given(st.lists(st.text("ABCXYZ%+/", min_size=4, max_size=20)), st.text("abcdef0189 =:/.\"'\n{}[]-é"))
def test_a_text_without_secrets_is_unchanged(values: list[str], text: str) -> None:
    assume(not any(value in text for value in values))
    redaction = Redaction({f"secret_{number}": value for number, value in enumerate(values)})

    assert redaction.redact(text) == text
    assert redaction.find_names(text) == []


@given(VALUES, AROUND, AROUND)
def test_what_is_redacted_already_stays_as_it_is(value: str, before: str, after: str) -> None:
    redaction = Redaction({"secret": value})
    once = redaction.redact(f"{before}{value}{after} password={value}")

    assert redaction.redact(once) == once


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc", "Z"]), min_size=12, max_size=40), st.binary())
def test_a_secret_within_base64_of_more_is_not_read_from_what_is_left(value: str, before: bytes) -> None:
    text = base64.b64encode(before + value.encode() + b"\n").decode()

    redacted = Redaction({"secret": value}).redact(f"Basic {text}")

    before_it, mark, after_it = redacted.removeprefix("Basic ").partition("[removed: secret]")
    assert mark
    # Not more than the letters that share a character with something else.
    assert len(before_it) <= math.ceil(len(before) * 8 / 6)
    assert len(after_it) <= 4


def test_each_form_is_replaced_by_the_secret_s_name() -> None:
    redaction = Redaction({"database": VALUE})
    for form in list_forms(VALUE):
        assert redaction.redact(f"<{form}>") == "<[removed: database]>", form
    assert redaction.redact(f"<{quote_plus(VALUE).lower()}>") == "<[removed: database]>"


def test_what_overlaps_is_removed_whole() -> None:
    redaction = Redaction({"one": "abcdefgh12", "two": "gh12345678"})
    assert redaction.redact("<abcdefgh12345678>") == "<[removed: one]>"
    assert redaction.redact("abcdefgh12gh12345678") == "[removed: one][removed: two]"
    assert Redaction({"same": "abababab"}).redact("<ababababab>") == "<[removed: same]>"


def test_what_is_left_beside_a_removal_spells_no_other_secret() -> None:
    redaction = Redaction({"one": "abcdefgh", "two": "one]12345"})
    assert "one]12345" not in redaction.redact("abcdefgh12345")


def test_a_short_value_is_removed_where_it_is_a_word() -> None:
    redaction = Redaction({"pin": "rose"})
    assert redaction.redact("rose, (rose) x=rose; prose roses") == (
        "[removed: pin], ([removed: pin]) x=[removed: pin]; prose roses"
    )
    assert redaction.left == ()


def test_values_that_are_too_short_or_said_by_their_name_are_named_and_left() -> None:
    redaction = Redaction({"letter": "a", "empty": "", "demo_key": "demo_key", "real": "abcdefgh"})
    assert redaction.left == ("demo_key", "empty", "letter")
    assert redaction.redact("a demo_key") == "a demo_key"


def test_each_line_of_a_secret_is_one() -> None:
    redaction = Redaction({"key": "first-line-1\r\n  second-line-2\n"})
    assert redaction.redact("x second-line-2 y\nfirst-line-1") == "x [removed: key] y\n[removed: key]"


PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n+/Aa=\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abcdefghijklmnop.qr", "abcdefghijklmnop.qr"),
        ('{"Authorization": "Bearer short"}', "short"),
        ("authorization: Basic dTpwYXNz", "dTpwYXNz"),
        ("sent bearer eyJhbGciOiJIUzI1NiJ9.e30.abc", "eyJhbGciOiJIUzI1NiJ9.e30.abc"),
        ("key sk-proj-abcdefghijklmnopqrstuv, refused", "sk-proj-abcdefghijklmnopqrstuv"),
        ("id AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        ('"secretAccessKey": "wJalr"', "wJalr"),
        ("postgresql://billing:hunter2@database:5432/billing", "hunter2"),
        ("PGPASSWORD=hunter2 psql", "hunter2"),
        ("host=database password='hunter 2' port=1", "hunter 2"),
        ("db_password: hunter2", "hunter2"),
        ('{"password": "hunter \\" 2", "port": 1}', 'hunter \\" 2'),
        ('"{\\"password\\": \\"hunter 2\\"}"', "hunter 2"),
        ("tool --db-password hunter2 --verbose", "hunter2"),
        ("--api-key=hunter2", "hunter2"),
        ('"ciphertext": "v1:abc:def"', "v1:abc:def"),
        ("PULUMI_CONFIG_PASSPHRASE=open sesame", "open"),
        (f"before {PRIVATE_KEY} after", PRIVATE_KEY),
        (json.dumps(PRIVATE_KEY), "MIIEow"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEow\nMIIE", "MIIEow\nMIIE"),
        ("MIIEow\nMIIE\n-----END PRIVATE KEY-----\nafter", "MIIEow\nMIIE"),
    ],
)
def test_what_looks_like_a_secret_is_removed_though_nobody_knows_its_value(text: str, secret: str) -> None:
    assert secret in text
    redacted = Redaction({}).redact(text)
    assert secret not in redacted
    assert "[removed: " in redacted


def test_the_keys_that_customers_get_are_recognized() -> None:
    assert Redaction({}).redact(f"key {make_key()}!") == "key [removed: key of an account]!"


@pytest.mark.parametrize(
    "text",
    [
        '{"max_tokens": 48, "output_tokens": 123456, "token": 15043}',
        "GATEWAY_LEDGER_PASSWORD_FILE: /run/secrets/ledger_password",
        "secret:\n  name: ledger",
        "tool --next-token 5 --verbose",
        '"secret": false, "token": null',
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:faregate-local-owner",
        "aws:secretsmanager/secret:Secret",
        "http://127.0.0.1:8080/v1/models?x=a@b",
        "the bearer of bad news",
        "sha256:9d340ef068b0c7a245c29ec7e635ae61b7cfd07c66966c0b0add6488a7fa1c3d",
        "access_key_id: 7; disk-0123456789012345678901",
        "ssh://git@example.org:22/x",
    ],
)
def test_what_only_resembles_a_secret_is_kept(text: str) -> None:
    assert Redaction({}).redact(text) == text
