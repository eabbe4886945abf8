"""Buckets. Versioning, encryption and the block of public access are resources of their own, keyed by the bucket."""

from __future__ import annotations

from types import MappingProxyType

from botocore.exceptions import ClientError

from offline.aws.cloud import Cloud, Missing
from offline.aws.resource import Properties, ResourceType, from_tag_list, present, to_tag_list


class Bucket(ResourceType):
    token = "aws:s3/bucket:Bucket"
    name_property = "bucket"
    name_is_lower_case = True
    replaces = frozenset({"bucket"})
    updates = frozenset({"forceDestroy", "tags"})

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        name: str = inputs["bucket"]
        # us-east-1 is the one region that may not be named.
        location = None if cloud.region == "us-east-1" else {"LocationConstraint": cloud.region}
        cloud.call("s3", "create_bucket", Bucket=name, CreateBucketConfiguration=location)
        return name

    def complete(self, cloud: Cloud, resource_id: str, inputs: Properties) -> None:
        self._set_tags(cloud, resource_id, inputs)

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        # HeadBucket answers a bare 404, which could mean anything; this names what is missing.
        cloud.call("s3", "get_bucket_location", Bucket=resource_id)
        try:
            tags = from_tag_list(cloud.call("s3", "get_bucket_tagging", Bucket=resource_id)["TagSet"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchTagSet":
                raise
            tags = {}
        return {"arn": f"arn:aws:s3:::{resource_id}", "bucket": resource_id, "region": cloud.region, "tags": tags}

    def update(self, cloud: Cloud, resource_id: str, old: Properties, new: Properties) -> None:
        self._set_tags(cloud, resource_id, new)

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        if state.get("forceDestroy"):
            self._empty(cloud, resource_id)
        cloud.call("s3", "delete_bucket", Bucket=resource_id)

    def _set_tags(self, cloud: Cloud, name: str, inputs: Properties) -> None:
        if inputs.get("tags"):
            cloud.call("s3", "put_bucket_tagging", Bucket=name, Tagging={"TagSet": to_tag_list(inputs["tags"])})
        else:
            cloud.call("s3", "delete_bucket_tagging", Bucket=name)

    def _empty(self, cloud: Cloud, name: str) -> None:
        while True:
            page = cloud.call("s3", "list_object_versions", Bucket=name)
            objects = [
                {"Key": item["Key"], "VersionId": item["VersionId"]}
                for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            ]
            if not objects:
                return
            cloud.call("s3", "delete_objects", Bucket=name, Delete={"Objects": objects})


class BucketVersioning(ResourceType):
    """Versioning of a bucket. AWS can't take it off again, only suspend it, so after a deletion it still reads."""

    token = "aws:s3/bucketVersioning:BucketVersioning"
    replaces = frozenset({"bucket"})
    updates = frozenset({"versioningConfiguration"})
    nested = MappingProxyType({"versioningConfiguration": frozenset({"status"})})

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        return self._put(cloud, inputs)

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        status = cloud.call("s3", "get_bucket_versioning", Bucket=resource_id).get("Status")
        if status is None:
            raise Missing(resource_id)
        return {"bucket": resource_id, "versioningConfiguration": {"status": status}}

    def update(self, cloud: Cloud, resource_id: str, old: Properties, new: Properties) -> None:
        self._put(cloud, new)

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        cloud.call("s3", "put_bucket_versioning", Bucket=resource_id, VersioningConfiguration={"Status": "Suspended"})

    def _put(self, cloud: Cloud, inputs: Properties) -> str:
        bucket: str = inputs["bucket"]
        status = inputs["versioningConfiguration"]["status"]
        cloud.call("s3", "put_bucket_versioning", Bucket=bucket, VersioningConfiguration={"Status": status})
        return bucket


class BucketServerSideEncryptionConfiguration(ResourceType):
    token = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    replaces = frozenset({"bucket"})
    updates = frozenset({"rules"})
    nested = MappingProxyType(
        {
            "rules": frozenset({"applyServerSideEncryptionByDefault", "bucketKeyEnabled"}),
            "rules.applyServerSideEncryptionByDefault": frozenset({"kmsMasterKeyId", "sseAlgorithm"}),
        }
    )

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        return self._put(cloud, inputs)

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        answer = cloud.call("s3", "get_bucket_encryption", Bucket=resource_id)
        rules = []
        for rule in answer["ServerSideEncryptionConfiguration"]["Rules"]:
            by_default = rule.get("ApplyServerSideEncryptionByDefault", {})
            shown = {
                "kmsMasterKeyId": by_default.get("KMSMasterKeyID"),
                "sseAlgorithm": by_default.get("SSEAlgorithm"),
            }
            rules.append(
                present(
                    {
                        "applyServerSideEncryptionByDefault": present(shown) or None,
                        "bucketKeyEnabled": rule.get("BucketKeyEnabled"),
                    }
                )
            )
        return {"bucket": resource_id, "rules": rules}

    def update(self, cloud: Cloud, resource_id: str, old: Properties, new: Properties) -> None:
        self._put(cloud, new)

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        cloud.call("s3", "delete_bucket_encryption", Bucket=resource_id)

    def _put(self, cloud: Cloud, inputs: Properties) -> str:
        bucket: str = inputs["bucket"]
        rules = []
        for rule in inputs["rules"]:
            by_default = rule.get("applyServerSideEncryptionByDefault") or {}
            asked = {
                "KMSMasterKeyID": by_default.get("kmsMasterKeyId"),
                "SSEAlgorithm": by_default.get("sseAlgorithm"),
            }
            rules.append(
                present(
                    {
                        "ApplyServerSideEncryptionByDefault": present(asked) or None,
                        "BucketKeyEnabled": rule.get("bucketKeyEnabled"),
                    }
                )
            )
        configuration = {"Rules": rules}
        cloud.call("s3", "put_bucket_encryption", Bucket=bucket, ServerSideEncryptionConfiguration=configuration)
        return bucket


class BucketPublicAccessBlock(ResourceType):
    token = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    replaces = frozenset({"bucket"})
    updates = frozenset({"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"})

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        return self._put(cloud, inputs)

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        block = cloud.call("s3", "get_public_access_block", Bucket=resource_id)["PublicAccessBlockConfiguration"]
        return {"bucket": resource_id, **{name: block[name[0].upper() + name[1:]] for name in self.updates}}

    def update(self, cloud: Cloud, resource_id: str, old: Properties, new: Properties) -> None:
        self._put(cloud, new)

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        cloud.call("s3", "delete_public_access_block", Bucket=resource_id)

    def _put(self, cloud: Cloud, inputs: Properties) -> str:
        bucket: str = inputs["bucket"]
        block = {name[0].upper() + name[1:]: inputs.get(name, False) for name in self.updates}
        cloud.call("s3", "put_public_access_block", Bucket=bucket, PublicAccessBlockConfiguration=block)
        return bucket
