#!/usr/bin/python
"""Ansible module: a file in S3 that is what its SHA-256 says, by S3's own account.

`amazon.aws.s3_object` uploads in parts and compares ETags, which are no digests of such objects. S3 itself checks the
SHA-256 of an upload in one part (up to 5 GiB), keeps it, and returns it without sending the object.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

DOCUMENTATION = r"""
module: s3_file
short_description: Look for a file in S3 by size and SHA-256, and upload it where it is missing or another one
description:
  - Without O(src), says whether the object is there with the given size and SHA-256. Nothing is changed.
  - With O(src), uploads that file unless the object is there. A file that has another size or SHA-256 is refused.
  - An object whose SHA-256 S3 does not know, because it was uploaded otherwise, counts as another one.
options:
  bucket:
    description: Name of the bucket.
    type: str
    required: true
  key:
    description: Key of the object.
    type: str
    required: true
  sha256:
    description: SHA-256 that the object must have, 64 lower-case hexadecimal digits.
    type: str
    required: true
  bytes:
    description: Size that the object must have.
    type: int
    required: true
  src:
    description: File to upload, at most 5 GiB.
    type: path
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
author: Faregate
"""

EXAMPLES = r"""
- name: Look for the model's file
  s3_file:
    bucket: models
    key: small/model.gguf
    sha256: "{{ model.sha256 }}"
    bytes: "{{ model.bytes }}"
  register: stored

- name: Upload it
  s3_file:
    bucket: models
    key: small/model.gguf
    sha256: "{{ model.sha256 }}"
    bytes: "{{ model.bytes }}"
    src: /var/cache/model.gguf
  when: not stored.present
"""

RETURN = r"""
present:
  description: Whether the object is there with the given size and SHA-256, now that the module ends.
  type: bool
  returned: always
"""


def main() -> None:
    arguments = {
        "bucket": {"type": "str", "required": True},
        "key": {"type": "str", "required": True, "no_log": False},
        "sha256": {"type": "str", "required": True},
        "bytes": {"type": "int", "required": True},
        "src": {"type": "path"},
    }
    module = AnsibleAWSModule(argument_spec=arguments, supports_check_mode=True)
    wanted = module.params
    place = f"s3://{wanted['bucket']}/{wanted['key']}"
    try:
        client = module.client("s3")
        present = _is_stored(client, wanted)
        changed = wanted["src"] is not None and not present
        if changed and not module.check_mode:
            _require_right_file(module)
            _upload(client, wanted)
            present = _is_stored(client, wanted)
            if not present:
                module.fail_json(msg=f"{place} is not what was uploaded a moment ago; something else writes there")
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"storing {place} failed")
    module.exit_json(changed=changed, present=present)


def _is_stored(client: Any, wanted: dict[str, Any]) -> bool:
    try:
        head = client.head_object(Bucket=wanted["bucket"], Key=wanted["key"], ChecksumMode="ENABLED")
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return False
        raise
    found = (head["ContentLength"], head.get("ChecksumSHA256"))
    return found == (wanted["bytes"], _encode(wanted["sha256"]))


def _require_right_file(module: AnsibleAWSModule) -> None:
    source = Path(module.params["src"])
    try:
        size = source.stat().st_size
        with source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        module.fail_json(msg=f"reading {source} failed: {error}")
    if (size, digest) != (module.params["bytes"], module.params["sha256"]):
        module.fail_json(
            msg=f"{source}: expected {module.params['bytes']} bytes with SHA-256 {module.params['sha256']}, "
            f"got {size} bytes with SHA-256 {digest}; nothing was uploaded"
        )


def _upload(client: Any, wanted: dict[str, Any]) -> None:
    with Path(wanted["src"]).open("rb") as file:
        client.put_object(
            Bucket=wanted["bucket"],
            Key=wanted["key"],
            Body=file,
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=_encode(wanted["sha256"]),
        )


def _encode(sha256: str) -> str:
    """Return a digest as S3 spells it."""
    return base64.b64encode(bytes.fromhex(sha256)).decode()


if __name__ == "__main__":
    main()
