"""With real-looking credentials and no name that resolves: everything works, and no name of AWS's is ever asked for."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

from .conftest import Environment, run

CREDENTIALS = "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMIK7MDENG\n"


def test_nothing_resolves_an_aws_host(tmp_path: Path) -> None:
    isolated = Environment(f"t{secrets.token_hex(4)}")
    (tmp_path / "credentials").write_text(CREDENTIALS)
    questions = tmp_path / "questions"
    script = f"""
        set -e
        python3 -c 'import socket; socket.getaddrinfo("control.example.org", 80)' 2>/dev/null || true
        make --no-print-directory up INSTANCE={isolated.name} PURPOSE=test
        source offline/activate
        pulumi preview -s local --expect-no-changes --non-interactive
        ansible-playbook playbooks/status.yml
        python3 -c 'import boto3; print(boto3.client("s3").list_buckets()["Buckets"][0]["Name"])'
        deactivate
        make --no-print-directory down INSTANCE={isolated.name} YES=1
    """

    printed = run(
        [sys.executable, str(Path(__file__).with_name("no_names.py")), str(questions), "bash", "-c", script],
        INSTANCE=isolated.name,
        AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE",
        AWS_SECRET_ACCESS_KEY="wJalrXUtnFEMIK7MDENG",
        AWS_PROFILE="prod",
        AWS_REGION="eu-central-1",
        AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "credentials"),
    ).stdout

    asked = questions.read_text().split()
    assert "faregate-local-models-" in printed
    assert "control.example.org" in asked, "the recorder sees what is asked"
    assert [name for name in asked if "amazonaws" in name or "aws" in name.split(".")] == []
    assert not isolated.home.folder.exists()
