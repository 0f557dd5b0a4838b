"""Object stores: a bucket for each purpose, encrypted with the key of the purpose."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from components import naming
from components.base import ArgsError, Component
from components.foundation.aws import documents
from components.foundation.aws.tags import tags
from components.foundation.contract import Purpose

ACCESS: Final = "access"
TRAIL_PREFIX: Final = "trail"
_ABANDONED_DAYS: Final = 7


def bucket_name(environment: str, account: str, name: str) -> str:
    """Returns the physical name of a bucket.

    The names of all buckets of all customers share one space, so a part of it is drawn from the account.
    """
    mark = hashlib.sha256(account.encode()).hexdigest()[:8]
    return naming.physical("s3-bucket", environment, name, mark)


@dataclass(frozen=True)
class AwsStorageArgs:
    """Arguments of `AwsStorage`.

    Attributes:
        environment: Name of the environment.
        account: The account that everything is in.
        region: Its region.
        key_arns: ARN of the key by purpose.
        logs_days: Days that logs are kept.
        deleted_days: Days in which a deleted or overwritten object can be restored.
        additional: Names of further buckets, under the key of the lake.
        trail: Name of the audit trail that is delivered to the logs bucket, None for none.
        protect: Whether buckets refuse deletion.
    """

    environment: str
    account: str
    region: str
    key_arns: Mapping[str, pulumi.Input[str]]
    logs_days: int = 90
    deleted_days: int = 30
    additional: Sequence[str] = ()
    trail: str | None = None
    protect: bool = False


class AwsStorage(Component[AwsStorageArgs]):
    """Versioned buckets for lake, artifacts, models and logs, and one that records who used them.

    Guarantees: nothing is public; only TLS is answered; every object is encrypted under the key of its
    purpose. The record of access is the one exception: AWS delivers it to buckets under its own key alone.
    A bucket that holds objects is never deleted.

    Attributes:
        buckets: Name of the bucket by purpose.
        arns: Its ARN.
        ready: What must be set before a bucket is used.

    Raises:
        ArgsError: A further bucket has the name of a purpose.
    """

    args_type = AwsStorageArgs

    buckets: Mapping[str, pulumi.Output[str]]
    arns: Mapping[str, pulumi.Output[str]]
    ready: Sequence[pulumi.Resource]

    def build(self, args: AwsStorageArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        taken = {*Purpose, ACCESS} & set(args.additional)
        if taken:
            raise ArgsError(f"AwsStorage {self.name}: {', '.join(sorted(taken))}: always exists")
        names = [*(str(purpose) for purpose in Purpose), *args.additional]
        physical = {name: bucket_name(args.environment, args.account, name) for name in names}
        record = bucket_name(args.environment, args.account, ACCESS)
        ready: list[pulumi.Resource] = []
        access = self._bucket(args, ACCESS, record, None, args.logs_days, ready)
        admitted = self._policy(
            ACCESS,
            access,
            documents.render(
                documents.access_log_bucket_policy(record, args.account, list(physical.values()))
            ),
        )
        buckets: dict[str, aws.s3.Bucket] = {}
        for name in names:
            key = pulumi.Output.from_input(args.key_arns[name if name in args.key_arns else Purpose.LAKE])
            expiry = args.logs_days if name == Purpose.LOGS else None
            buckets[name] = bucket = self._bucket(args, name, physical[name], key, expiry, ready)
            ready.append(self._policy(name, bucket, _policy_of(args, name, physical[name], key)))
            aws.s3.BucketLogging(
                name,
                bucket=bucket.bucket,
                target_bucket=access.bucket,
                target_prefix=f"{physical[name]}/",
                opts=self.child(depends_on=[admitted]),
            )
        self.buckets = {name: bucket.bucket for name, bucket in buckets.items()}
        self.arns = {name: bucket.arn for name, bucket in buckets.items()}
        self.ready = ready
        return {"buckets": dict(self.buckets)}

    def _bucket(
        self,
        args: AwsStorageArgs,
        name: str,
        physical: str,
        key: pulumi.Output[str] | None,
        expires_days: int | None,
        ready: list[pulumi.Resource],
    ) -> aws.s3.Bucket:
        bucket = aws.s3.Bucket(
            name,
            bucket=physical,
            force_destroy=False,
            tags=tags(name),
            opts=self.child(protect=args.protect or None),
        )
        versioning = aws.s3.BucketVersioning(
            name,
            bucket=bucket.bucket,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=self.child(),
        )
        encryption = aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.bucket,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=(
                        aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                            sse_algorithm="aws:kms" if key is not None else "AES256", kms_master_key_id=key
                        )
                    ),
                    # One call of the key for many objects: a lake would else pay for each.
                    bucket_key_enabled=key is not None,
                )
            ],
            opts=self.child(),
        )
        closed = aws.s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self.child(),
        )
        owned = aws.s3.BucketOwnershipControls(
            name,
            bucket=bucket.bucket,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=self.child(),
        )
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=bucket.bucket,
            rules=lifecycle(args.deleted_days, expires_days),
            # S3 refuses rules for versions while versioning is not on.
            opts=self.child(depends_on=[versioning]),
        )
        ready += [versioning, encryption, closed, owned]
        return bucket

    def _policy(self, name: str, bucket: aws.s3.Bucket, policy: pulumi.Input[str]) -> pulumi.Resource:
        return aws.s3.BucketPolicy(name, bucket=bucket.bucket, policy=policy, opts=self.child())


def lifecycle(
    deleted_days: int, expires_days: int | None
) -> list[aws.s3.BucketLifecycleConfigurationRuleArgs]:
    """Returns what a bucket forgets by itself: old versions, abandoned uploads, and objects where asked."""
    rules = [
        aws.s3.BucketLifecycleConfigurationRuleArgs(
            id="deleted",
            status="Enabled",
            filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
            noncurrent_version_expiration=(
                aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                    noncurrent_days=deleted_days
                )
            ),
            abort_incomplete_multipart_upload=(
                aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                    days_after_initiation=_ABANDONED_DAYS
                )
            ),
        )
    ]
    if expires_days is not None:
        rules.append(
            aws.s3.BucketLifecycleConfigurationRuleArgs(
                id="expired",
                status="Enabled",
                filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=expires_days),
            )
        )
    return rules


def _policy_of(args: AwsStorageArgs, name: str, physical: str, key: pulumi.Output[str]) -> pulumi.Output[str]:
    if name == Purpose.LOGS and args.trail is not None:
        trail = args.trail
        return key.apply(
            lambda arn: documents.render(
                documents.trail_bucket_policy(physical, arn, args.account, args.region, trail)
            )
        )
    return key.apply(lambda arn: documents.render(documents.bucket_policy(physical, arn)))
