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
TRAIL: Final = "trail"
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
        trail: Name of the audit trail that gets a bucket of its own, None for none.
        vpc_id: Network from which alone objects are read and written, None for anywhere.
        protect: Whether buckets refuse deletion, and the audit trail any change until it expires.
    """

    environment: str
    account: str
    region: str
    key_arns: Mapping[str, pulumi.Input[str]]
    logs_days: int = 90
    deleted_days: int = 30
    additional: Sequence[str] = ()
    trail: str | None = None
    vpc_id: pulumi.Input[str] | None = None
    protect: bool = False


class AwsStorage(Component[AwsStorageArgs]):
    """Versioned buckets for lake, artifacts, models and logs, and one that records who used them.

    Guarantees: nothing is public; only TLS is answered; every object is encrypted under the key of its
    purpose. The record of access is the one exception: AWS delivers it to buckets under its own key alone.
    Only CloudTrail writes to the bucket of the audit trail, and no consumer is granted it. A bucket that
    holds objects is never deleted.

    Attributes:
        buckets: Name of the bucket by purpose, and by name for further ones.
        arns: Its ARN.
        trail_bucket: Name of the bucket of the audit trail, where there is one.
        ready: What must be set before a bucket is used.

    Raises:
        ArgsError: A further bucket has a name that is taken.
    """

    args_type = AwsStorageArgs

    buckets: Mapping[str, pulumi.Output[str]]
    arns: Mapping[str, pulumi.Output[str]]
    trail_bucket: pulumi.Output[str] | None
    ready: Sequence[pulumi.Resource]

    def build(self, args: AwsStorageArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        if taken := {*Purpose, ACCESS, TRAIL} & set(args.additional):
            raise ArgsError(f"AwsStorage {self.name}: {', '.join(sorted(taken))}: taken; choose another name")
        self._ready: list[pulumi.Resource] = []
        purposes = {str(purpose): args.key_arns[purpose] for purpose in Purpose}
        keys = {**purposes, **dict.fromkeys(args.additional, args.key_arns[Purpose.LAKE])}
        if args.trail is not None:
            keys[TRAIL] = args.key_arns[Purpose.LOGS]
        physical = {name: bucket_name(args.environment, args.account, name) for name in keys}
        access, admitted = self._access(args, list(physical.values()))
        made: dict[str, aws.s3.Bucket] = {}
        for name, key in keys.items():
            expiring = name in (Purpose.LOGS, TRAIL)
            made[name], _ = self._bucket(
                args,
                name,
                _policy(args, name, physical[name], key),
                key=key,
                expires_days=args.logs_days if expiring else None,
            )
            aws.s3.BucketLogging(
                name,
                bucket=made[name].bucket,
                target_bucket=access.bucket,
                target_prefix=f"{physical[name]}/",
                opts=self.child(depends_on=[admitted]),
            )
        self.trail_bucket = made[TRAIL].bucket if TRAIL in made else None
        self.buckets = {name: bucket.bucket for name, bucket in made.items() if name != TRAIL}
        self.arns = {name: bucket.arn for name, bucket in made.items() if name != TRAIL}
        self.ready = self._ready
        return {"buckets": dict(self.buckets)}

    def _access(
        self, args: AwsStorageArgs, sources: Sequence[str]
    ) -> tuple[aws.s3.Bucket, aws.s3.BucketPolicy]:
        """Creates the bucket that records who used the sources."""
        name = bucket_name(args.environment, args.account, ACCESS)
        policy = documents.render(documents.access_log_bucket_policy(name, args.account, sources))
        return self._bucket(args, ACCESS, policy, expires_days=args.logs_days)

    def _bucket(
        self,
        args: AwsStorageArgs,
        name: str,
        policy: pulumi.Input[str],
        key: pulumi.Input[str] | None = None,
        expires_days: int | None = None,
    ) -> tuple[aws.s3.Bucket, aws.s3.BucketPolicy]:
        """Creates a bucket with all that it is set to; AWS's own key where none is given."""
        bucket = aws.s3.Bucket(
            name,
            bucket=bucket_name(args.environment, args.account, name),
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
        # S3 refuses two of the following at once, and the provider does not try again.
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
            opts=self.child(depends_on=[closed]),
        )
        admitted = aws.s3.BucketPolicy(
            name, bucket=bucket.bucket, policy=policy, opts=self.child(depends_on=[closed, owned])
        )
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=bucket.bucket,
            rules=lifecycle(args.deleted_days, expires_days),
            # S3 refuses rules for versions while versioning is not on.
            opts=self.child(depends_on=[versioning]),
        )
        self._ready += [versioning, encryption, closed, owned, admitted]
        if name == TRAIL and args.protect:
            self._ready.append(self._lock(bucket, args.logs_days, versioning))
        return bucket, admitted

    def _lock(self, bucket: aws.s3.Bucket, days: int, versioning: pulumi.Resource) -> pulumi.Resource:
        """Keeps what is written as it is, for everybody who may not bypass the lock on purpose."""
        return aws.s3.BucketObjectLockConfiguration(
            TRAIL,
            bucket=bucket.bucket,
            rule=aws.s3.BucketObjectLockConfigurationRuleArgs(
                default_retention=aws.s3.BucketObjectLockConfigurationRuleDefaultRetentionArgs(
                    mode="GOVERNANCE", days=days
                )
            ),
            opts=self.child(depends_on=[versioning]),
        )


def lifecycle(
    deleted_days: int, expires_days: int | None
) -> list[aws.s3.BucketLifecycleConfigurationRuleArgs]:
    """Returns what a bucket forgets by itself: old versions, abandoned uploads, and objects where asked."""
    rules = [
        aws.s3.BucketLifecycleConfigurationRuleArgs(
            id="deleted",
            status="Enabled",
            filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
            # A mark of a deletion whose versions are gone stands for nothing.
            expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(
                expired_object_delete_marker=True
            ),
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


def _policy(args: AwsStorageArgs, name: str, physical: str, key: pulumi.Input[str]) -> pulumi.Input[str]:
    if name == TRAIL and args.trail is not None:
        trail = documents.trail_bucket_policy(physical, args.account, args.region, args.trail)
        return documents.render(trail)
    return pulumi.Output.all(key, args.vpc_id).apply(
        lambda it: documents.render(documents.bucket_policy(physical, it[0], args.account, it[1]))
    )
