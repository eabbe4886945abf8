"""The model store: the bucket that artifacts are uploaded to and engines pull from."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws


class ModelStore(pulumi.ComponentResource):
    """A versioned, encrypted bucket that nobody outside of the account can read."""

    def __init__(self, name: str, *, keep_when_full: bool, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the bucket.

        Args:
            name: logical name.
            keep_when_full: refuse to delete the bucket while it holds artifacts.
            opts: options; must bring the AWS provider.
        """
        super().__init__("faregate:infra:ModelStore", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        self.bucket = aws.s3.Bucket(name, force_destroy=not keep_when_full, opts=own)
        aws.s3.BucketVersioning(
            name, bucket=self.bucket.bucket, versioning_configuration={"status": "Enabled"}, opts=own
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=self.bucket.bucket,
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
            opts=own,
        )
        aws.s3.BucketPublicAccessBlock(
            name,
            bucket=self.bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=own,
        )
        self.url = pulumi.Output.concat("s3://", self.bucket.bucket)
        self.register_outputs({"url": self.url})
