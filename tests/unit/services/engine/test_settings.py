from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.engine.failures import SettingsRefused
from services.engine.settings import Artifact, read_settings

REQUIRED = {
    "ENGINE_MODEL": "smollm2-135m",
    "ENGINE_ARTIFACT": "smollm2-135m-q4",
    "ENGINE_ARTIFACT_URL": "s3://models/smollm2/v1/smollm2.gguf",
    "ENGINE_ARTIFACT_SHA256": "ab" * 32,
    "ENGINE_ARTIFACT_BYTES": "98362432",
    "ENGINE_CONTEXT_LENGTH": "8192",
}


def refuse(environment: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsRefused) as refused:
        read_settings(environment)
    return str(refused.value).splitlines()


def test_what_is_required_is_enough() -> None:
    settings = read_settings(REQUIRED)

    assert settings.model == "smollm2-135m"
    assert settings.artifact == Artifact("smollm2-135m-q4", REQUIRED["ENGINE_ARTIFACT_URL"], "ab" * 32, 98362432)
    assert settings.context_length == 8192
    assert (settings.cache, settings.slots, settings.drain_seconds) == (Path("/var/cache/faregate"), 4, 30)
    assert (settings.address, settings.port) == ("0.0.0.0", 8000)  # noqa: S104
    assert settings.threads >= 1


def test_every_default_can_be_replaced() -> None:
    settings = read_settings(
        {
            **REQUIRED,
            "ENGINE_CACHE": "/cache",
            "ENGINE_SLOTS": "2",
            "ENGINE_THREADS": "7",
            "ENGINE_ADDRESS": "::1",
            "ENGINE_PORT": "8001",
            "ENGINE_DRAIN_SECONDS": "0",
        }
    )

    assert (settings.cache, settings.slots, settings.threads) == (Path("/cache"), 2, 7)
    assert (settings.address, settings.port, settings.drain_seconds) == ("::1", 8001, 0)


def test_an_artifact_s_url_names_its_bucket_its_key_and_its_file() -> None:
    artifact = read_settings(REQUIRED).artifact

    assert (artifact.bucket, artifact.key, artifact.file) == ("models", "smollm2/v1/smollm2.gguf", "smollm2.gguf")


def test_everything_that_is_missing_is_named_at_once() -> None:
    assert [line.split(":")[0] for line in refuse({})] == list(REQUIRED)
    assert "ENGINE_CONTEXT_LENGTH: given nothing; allowed: an integer from 1 to 4194304 (required)" in refuse({})


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("ENGINE_MODEL", "", "a name of letters, digits and . _ / -"),
        ("ENGINE_MODEL", "two words", "a name of letters, digits and . _ / -"),
        ("ENGINE_ARTIFACT", "line\nbreak", "a name of letters, digits and . _ -"),
        ("ENGINE_ARTIFACT_URL", "https://models/x.gguf", "s3://BUCKET/KEY that ends with a file's name"),
        ("ENGINE_ARTIFACT_URL", "s3://models", "s3://BUCKET/KEY that ends with a file's name"),
        ("ENGINE_ARTIFACT_URL", "s3://models/folder/", "s3://BUCKET/KEY that ends with a file's name"),
        ("ENGINE_ARTIFACT_URL", "s3://models/..", "s3://BUCKET/KEY that ends with a file's name"),
        ("ENGINE_ARTIFACT_SHA256", "AB" * 32, "64 digits 0-9 a-f"),
        ("ENGINE_ARTIFACT_SHA256", "ab" * 31, "64 digits 0-9 a-f"),
        ("ENGINE_ARTIFACT_BYTES", "98 MB", "an integer from 1 to 1125899906842624"),
        ("ENGINE_CACHE", "relative", "an absolute path"),
        ("ENGINE_CONTEXT_LENGTH", "0", "an integer from 1 to 4194304"),
        ("ENGINE_SLOTS", "257", "an integer from 1 to 256"),
        ("ENGINE_SLOTS", "1_0", "an integer from 1 to 256"),
        ("ENGINE_THREADS", "-1", "an integer from 1 to 512"),
        ("ENGINE_ADDRESS", "localhost", "an IP address"),
        ("ENGINE_PORT", "tcp://10.0.0.1:8000", "an integer from 1 to 65535"),
        ("ENGINE_DRAIN_SECONDS", "1.5", "an integer from 0 to 3600"),
    ],
)
def test_a_wrong_value_is_refused_with_what_was_given_and_what_is_allowed(name: str, value: str, allowed: str) -> None:
    assert refuse({**REQUIRED, name: value}) == [f"{name}: given {value!r}; allowed: {allowed}"]


def test_a_misspelt_name_is_refused() -> None:
    assert refuse({**REQUIRED, "ENGINE_SLOT": "2"}) == ["ENGINE_SLOT: no such variable; did you mean ENGINE_SLOTS?"]


def test_the_names_that_kubernetes_sets_for_a_service_are_not_misspelt() -> None:
    ambient = {"ENGINE_SERVICE_HOST": "10.0.0.1", "ENGINE_SERVICE_PORT": "80", "ENGINE_PORT_8000_TCP": "tcp://"}

    assert read_settings({**REQUIRED, **ambient}) == read_settings(REQUIRED)


@given(name=st.sampled_from(sorted(REQUIRED)), value=st.text(max_size=80))
def test_any_text_is_taken_or_refused_by_name_in_one_line(name: str, value: str) -> None:
    try:
        read_settings({**REQUIRED, name: value})
        problems = []
    except SettingsRefused as refused:
        problems = str(refused).splitlines()

    assert len(problems) <= 1
    assert all(line.startswith(f"{name}: given {value!r}; allowed: ") for line in problems)


@given(st.integers(1, 256))
def test_a_number_is_read_as_it_is_written(slots: int) -> None:
    assert read_settings({**REQUIRED, "ENGINE_SLOTS": str(slots)}).slots == slots
