"""Role `artifacts`: what lies in the model store is what the catalog says, whatever was there before."""

from __future__ import annotations

import hashlib
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.unit.playbooks.modules import run_module

from .play import Play, use_role

REGION = "eu-central-1"
FILE = "tiny.gguf"
RIGHT = b"the right bytes of a tiny model\n" * 100
WRONG = b"the wrong bytes of a tiny model\n" * 100
SHA256 = hashlib.sha256(RIGHT).hexdigest()
KEY = f"some/prefix/artifacts/tiny/{SHA256}/{FILE}"
PACKAGED = "tiny_model/data/model.gguf"


@dataclass(frozen=True)
class Store:
    """A bucket of the test's own."""

    client: Any
    bucket: str

    def put(self, data: bytes) -> None:
        """Store something under the artifact's key as anybody might."""
        self.client.put_object(Bucket=self.bucket, Key=KEY, Body=data)

    def read(self) -> dict[str, bytes]:
        """Return what lies in the bucket, by key."""
        listed = self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {
            entry["Key"]: self.client.get_object(Bucket=self.bucket, Key=entry["Key"])["Body"].read()
            for entry in listed
        }


@pytest.fixture
def store(endpoint: str) -> Store:
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="simulation",
        aws_secret_access_key="simulation",
        config=Config(s3={"addressing_style": "path"}),
    )
    bucket = f"models-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    return Store(client, bucket)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Return the file in the cache that holds the artifact, if it is there."""
    return tmp_path / "cache" / "artifacts" / SHA256 / FILE


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """Return a folder that stands in for PyPI."""
    folder = tmp_path / "packages"
    folder.mkdir()
    return folder


@pytest.fixture
def environment(tmp_path: Path, endpoint: str, packages: Path) -> dict[str, str]:
    settings = tmp_path / "uv.toml"
    settings.write_text(f'no-index = true\nfind-links = ["{packages}"]\n')
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "simulation",
        "AWS_SECRET_ACCESS_KEY": "simulation",
        "FAREGATE_CACHE": str(tmp_path / "cache"),
        "UV_CACHE_DIR": str(tmp_path / "uv"),
        "UV_CONFIG_FILE": str(settings),
    }


@pytest.fixture
def play(tmp_path: Path, store: Store, environment: dict[str, str]) -> Play:
    variables = {
        "catalog": make_catalog("1.2.3"),
        "outputs": {"model_store": f"s3://{store.bucket}/some/prefix", "region": REGION},
    }
    return use_role("artifacts", tmp_path, variables, environment)


def test_a_second_run_changes_nothing_and_a_third_replaces_what_somebody_spoilt(
    play: Play, store: Store, cache: Path
) -> None:
    fill(cache, RIGHT)

    assert play.run().changed == 1
    assert store.read() == {KEY: RIGHT}
    head = store.client.head_object(Bucket=store.bucket, Key=KEY, ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"]

    assert play.run().changed == 0

    store.put(WRONG)
    assert play.run().changed == 1
    assert store.read() == {KEY: RIGHT}


def test_an_artifact_comes_from_its_package_and_is_kept_where_the_cache_had_another_file(
    play: Play, store: Store, cache: Path, packages: Path
) -> None:
    fill(cache, WRONG)
    build_wheel(packages, {PACKAGED: RIGHT})

    assert play.run().changed > 1

    assert store.read() == {KEY: RIGHT}
    assert list_files(cache.parents[1]) == [cache]
    assert cache.read_bytes() == RIGHT


def test_a_file_that_is_not_the_catalog_s_is_refused_by_name(
    play: Play, store: Store, cache: Path, packages: Path
) -> None:
    build_wheel(packages, {PACKAGED: WRONG}, "1.2.3")
    build_wheel(packages, {"tiny_model/other": RIGHT}, "1.2.4")

    wrong, nothing = play.refuse({"catalog": make_catalog("1.2.3")}, {"catalog": make_catalog("1.2.4")})

    expected = f"artifact tiny: expected {len(RIGHT)} bytes with SHA-256 {SHA256}, got"
    found = f"{len(WRONG)} bytes with SHA-256 {hashlib.sha256(WRONG).hexdigest()}:"
    assert f"{expected} {found} {PACKAGED} of tiny-model 1.2.3" in wrong
    assert f"{expected} nothing: {PACKAGED} of tiny-model 1.2.4" in nothing
    assert store.read() == {}
    assert list(cache.parents[1].iterdir()) == []


def test_check_mode_says_what_would_change_and_changes_nothing(play: Play, store: Store, cache: Path) -> None:
    # The right bytes, but S3 was not told their SHA-256 and so can't vouch for them.
    store.put(RIGHT)

    assert play.run("--check").changed == 1

    assert "ChecksumSHA256" not in store.client.head_object(Bucket=store.bucket, Key=KEY, ChecksumMode="ENABLED")
    assert not cache.exists()


def test_a_missing_or_wrong_variable_is_refused_by_name(play: Play) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"outputs": None}, "outputs"),
        ({"artifacts_catalog": "tiny"}, "argument 'artifacts_catalog' is of type str"),
        ({"artifacts_model_store": "/models"}, "artifacts_model_store: given /models; allowed: s3://bucket"),
    ]
    refusals = play.refuse(*(variables for variables, _ in cases))

    for printed, (_, said) in zip(refusals, cases, strict=True):
        assert said in printed
        assert "Look for it in the model store" not in printed


def test_the_module_refuses_a_source_of_other_bytes(
    tmp_path: Path, store: Store, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.write_bytes(WRONG)
    task = {
        "bucket": store.bucket,
        "key": KEY,
        "sha256": SHA256,
        "bytes": len(RIGHT),
        "src": str(source),
        "region": REGION,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    answer, _ = run_module("s3_file", task)

    assert answer["failed"]
    assert f"{source}: expected {len(RIGHT)} bytes with SHA-256 {SHA256}, got" in answer["msg"]
    assert store.read() == {}


def fill(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(data)


def make_catalog(version: str) -> dict[str, Any]:
    """Return a catalog with the artifact, from this version of the package."""
    artifact = {
        "source": {"package": "tiny-model", "version": version, "path": PACKAGED},
        "file": FILE,
        "sha256": SHA256,
        "bytes": len(RIGHT),
    }
    return {"artifacts": {"tiny": artifact}}


def build_wheel(folder: Path, content: dict[str, bytes], version: str = "1.2.3") -> None:
    """Write a version of the package tiny-model that holds the content, by path."""
    info = f"tiny_model-{version}.dist-info"
    files = {
        **content,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tiny-model\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"tiny_model-{version}-py3-none-any.whl", "w") as wheel:
        for name, data in {**files, f"{info}/RECORD": record.encode()}.items():
            wheel.writestr(name, data)


def list_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
