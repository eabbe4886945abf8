from __future__ import annotations

from pathlib import Path

import pytest

from services.gateway.failures import SettingsRefused
from services.gateway.pool import describe_connection
from services.gateway.settings import Host, Settings, read_settings

REQUIRED = {
    "GATEWAY_CATALOG": "/etc/faregate/catalog.yaml",
    "GATEWAY_ENGINE_HOSTS": "tiny=tiny-v1:8000",
    "GATEWAY_LEDGER_HOST": "database",
    "GATEWAY_LEDGER_NAME": "billing",
}


def read(**changes: str) -> Settings:
    return read_settings({**REQUIRED, **{f"GATEWAY_{name}": value for name, value in changes.items()}})


def refuse(environment: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsRefused) as refused:
        read_settings(environment)
    return str(refused.value).splitlines()


def test_what_is_required_is_enough() -> None:
    settings = read()

    assert settings.catalog == Path("/etc/faregate/catalog.yaml")
    assert settings.engines == {"tiny": (Host("tiny-v1", 8000),)}
    assert (settings.ledger.host, settings.ledger.port, settings.ledger.name) == ("database", 5432, "billing")
    assert (settings.ledger.user, settings.ledger.password_file) == ("billing_gateway", None)
    assert (settings.address, settings.port, settings.operations_port) == ("0.0.0.0", 8000, 8001)  # noqa: S104
    assert (settings.lease_seconds, settings.slice_tokens, settings.settlements) == (60, 128, 10_000)
    assert (settings.body_bytes, settings.drain_seconds, settings.expire_seconds) == (2 << 20, 30, 2)


def test_every_model_may_have_several_hosts() -> None:
    assert read(ENGINE_HOSTS="a=x:1,10.0.0.2:2  b/c=[::1]:3 a=y:4").engines == {
        "a": (Host("x", 1), Host("10.0.0.2", 2), Host("y", 4)),
        "b/c": (Host("::1", 3),),
    }


def test_everything_that_is_missing_is_named_at_once() -> None:
    assert sorted(line.split(":")[0] for line in refuse({})) == sorted(REQUIRED)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEWAY_CATALOG", "catalog.yaml"),
        ("GATEWAY_ENGINE_HOSTS", "tiny"),
        ("GATEWAY_ENGINE_HOSTS", "tiny=host"),
        ("GATEWAY_ENGINE_HOSTS", "tiny=host:8000;b=c:1"),
        ("GATEWAY_LEDGER_HOST", "two words"),
        ("GATEWAY_LEDGER_NAME", "a=b"),
        ("GATEWAY_LEDGER_PASSWORD_FILE", "secret"),
        ("GATEWAY_SLICE_TOKENS", "0"),
        ("GATEWAY_PORT", "http"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: str) -> None:
    (line,) = refuse({**REQUIRED, name: value})

    assert line.startswith(f"{name}: given {value!r}; allowed: ")


def test_customers_and_operators_never_share_a_port() -> None:
    assert refuse({**REQUIRED, "GATEWAY_OPERATIONS_PORT": "8000"}) == [
        "GATEWAY_OPERATIONS_PORT: given '8000'; allowed: another port than GATEWAY_PORT"
    ]


def test_a_misspelt_name_is_refused() -> None:
    assert refuse({**REQUIRED, "GATEWAY_LEASE_SECOND": "1"}) == [
        "GATEWAY_LEASE_SECOND: no such variable; did you mean GATEWAY_LEASE_SECONDS?"
    ]


def test_the_password_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("it's \\ secret\n")
    described = describe_connection(read(LEDGER_PASSWORD_FILE=str(file)).ledger)

    assert "host=database port=5432 dbname=billing user=billing_gateway" in described
    assert r"password='it\'s \\ secret'" in described
    assert "password" not in describe_connection(read().ledger)


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff"])
def test_a_password_that_cannot_be_read_is_refused_without_being_told(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsRefused, match="GATEWAY_LEDGER_PASSWORD_FILE: given"):
        describe_connection(read(LEDGER_PASSWORD_FILE=str(file)).ledger)
