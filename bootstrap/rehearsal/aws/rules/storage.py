"""Keys, logs, buckets and repositories."""

import fnmatch
from collections.abc import Iterator
from typing import Any

from moto.ecr.models import ecr_backends
from moto.s3.models import s3_backends

from bootstrap.rehearsal.aws import policies
from bootstrap.rehearsal.aws.rules.identity import principals_exist
from bootstrap.rehearsal.aws.rules.support import (
    KEY,
    Account,
    Refusal,
    Resource,
    Rules,
    admits,
    entries,
    first,
    key_of,
    value,
)

BUCKET = "aws:s3/bucket:Bucket"
_REPOSITORY = "aws:ecr/repository:Repository"
_ACTIONS = (
    "abortIncompleteMultipartUpload",
    "expiration",
    "noncurrentVersionExpiration",
    "noncurrentVersionTransitions",
    "transitions",
)
# The least age in days at which an object may move to a class.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
_LEAST_AGE = {"STANDARD_IA": 30, "ONEZONE_IA": 30}
_AGEING = "docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html"


def _key(resource: Resource, account: Account) -> Iterator[Refusal]:
    if value(resource, "rotationPeriodInDays") and not value(resource, "enableKeyRotation"):
        reason = "a period of rotation needs enableKeyRotation set to true"
        yield Refusal(
            "rotationPeriodInDays", reason, "terraform-provider-aws kms/key.go", "ValidationException"
        )
    if (document := value(resource, "policy")) is None:
        return
    yield from principals_exist("policy", document, account)
    if not value(resource, "bypassPolicyLockoutSafetyCheck") and f":{account.id}:" not in document:
        reason = f"no principal of the account {account.id} could change the policy again"
        source = "botocore kms.CreateKey.BypassPolicyLockoutSafetyCheck"
        yield Refusal("policy", reason, source, "MalformedPolicyDocumentException")


def _alias(resource: Resource, account: Account) -> Iterator[Refusal]:
    key = key_of(account, value(resource, "targetKeyId"))
    if key and not value(key, "isEnabled"):
        yield Refusal("targetKeyId", f"{key.id} is disabled", "botocore kms", "KMSInvalidStateException")


def _log_group(resource: Resource, account: Account) -> Iterator[Refusal]:
    key, service = (
        key_of(account, value(resource, "kmsKeyId")),
        rf"^logs\.({account.region}\.)?amazonaws\.com$",
    )
    if key and not admits(key, service, "kms:Encrypt"):
        reason = f"the policy of {key.id} does not let logs.{account.region}.amazonaws.com use it"
        source = "docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html"
        yield Refusal("kmsKeyId", reason, source, "InvalidParameterException")


def _encryption(resource: Resource, _: Account) -> Iterator[Refusal]:
    for rule in entries(resource, "rules"):
        default = rule.get("applyServerSideEncryptionByDefault") or {}
        if default.get("kmsMasterKeyId") and not str(default.get("sseAlgorithm")).startswith("aws:kms"):
            reason = f"a key goes with aws:kms, not with {default.get('sseAlgorithm')}"
            source = "botocore s3 ServerSideEncryptionByDefault.KMSMasterKeyID"
            yield Refusal("rules.applyServerSideEncryptionByDefault", reason, source, "InvalidArgument")


def _bucket_policy(resource: Resource, account: Account) -> Iterator[Refusal]:
    own = f":s3:::{value(resource, 'bucket')}"
    document = value(resource, "policy")
    yield from principals_exist("policy", document, account)
    for statement in policies.statements(document):
        for arn in (
            *policies.listed(statement.get("Resource")),
            *policies.listed(statement.get("NotResource")),
        ):
            if arn != "*" and not fnmatch.fnmatchcase(own, ":" + arn.split(":", 2)[-1].partition("/")[0]):
                reason = f"names {arn}, which is not of the bucket {value(resource, 'bucket')}"
                source = "docs.aws.amazon.com/AmazonS3/latest/userguide/s3-arn-format.html"
                yield Refusal("policy", reason, source, "MalformedPolicy")


def _lifecycle(resource: Resource, _: Account) -> Iterator[Refusal]:
    rules = entries(resource, "rules")
    names = [rule.get("id") for rule in rules]
    if len(set(names)) < len(names):
        yield Refusal(
            "rules",
            f"two rules have one id: {', '.join(names)}",
            "botocore s3 LifecycleRule.ID",
            "InvalidArgument",
        )
    for rule in rules:
        name = f"rule {rule.get('id')!r}"
        if not any(rule.get(action) for action in _ACTIONS):
            yield Refusal("rules", f"{name} does nothing: it has no action", "moto s3", "MalformedXML")
        moves = [(m.get("days"), m.get("storageClass")) for m in rule.get("transitions") or []]
        for days, storage in moves:
            if days is not None and days < _LEAST_AGE.get(storage, 0):
                reason = f"{name} moves to {storage} after {days:.0f} days, before {_LEAST_AGE[storage]}"
                yield Refusal("rules.transitions", reason, _AGEING, "InvalidArgument")
        last = (rule.get("expiration") or {}).get("days")
        if last is not None and any(days is not None and days >= last for days, _ in moves):
            reason = f"{name} expires after {last:.0f} days, not after its transitions"
            yield Refusal("rules.expiration", reason, _AGEING, "InvalidArgument")


def _object_lock(resource: Resource, account: Account) -> Iterator[Refusal]:
    name = value(resource, "bucket")
    versioning = first(account, "aws:s3/bucketVersioning:BucketVersioning", "bucket", name)
    bucket = account.get(BUCKET, name)
    versioned = versioning and value(versioning, "versioningConfiguration.status") == "Enabled"
    if not versioned and not (bucket and value(bucket, "objectLockEnabled")):
        reason = f"the bucket {name} is neither versioned nor made with object lock"
        yield Refusal("bucket", reason, "moto s3", "InvalidBucketState")
    retention = value(resource, "rule.defaultRetention") or {}
    if retention and bool(retention.get("days")) == bool(retention.get("years")):
        reason = "a retention has either days or years"
        yield Refusal("rule.defaultRetention", reason, "moto s3", "MalformedXML")


def _versioning(resource: Resource, account: Account) -> Iterator[Refusal]:
    bucket = account.get(BUCKET, value(resource, "bucket"))
    status = value(resource, "versioningConfiguration.status")
    if bucket and value(bucket, "objectLockEnabled") and status != "Enabled":
        reason = "a bucket with object lock stays versioned"
        source = "docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html"
        yield Refusal("versioningConfiguration.status", reason, source, "InvalidBucketState")


def _repository(resource: Resource, _: Account) -> Iterator[Refusal]:
    for encryption in entries(resource, "encryptionConfigurations"):
        if encryption.get("kmsKey") and not str(encryption.get("encryptionType")).startswith("KMS"):
            reason = f"a key goes with KMS, not with {encryption.get('encryptionType')}"
            yield Refusal(
                "encryptionConfigurations",
                reason,
                "botocore ecr EncryptionConfiguration.kmsKey",
                "InvalidParameterException",
            )


def _bucket_emptied(resource: Resource, account: Account) -> Iterator[Refusal]:
    if not value(resource, "forceDestroy") and (held := objects(resource.id, account)):
        reason = f"holds objects, such as {held[0]!r}; delete them, or set it to true and run up"
        yield Refusal("forceDestroy", reason, "moto s3", "BucketNotEmpty")


def objects(bucket: str, account: Account) -> list[str]:
    """Returns the keys of the objects that boto3 put into the bucket of the rehearsed account."""
    return [str(key) for key in _held(s3_backends[account.id]["aws"].buckets, bucket, "keys")]


def _repository_emptied(resource: Resource, account: Account) -> Iterator[Refusal]:
    images = _held(ecr_backends[account.id][account.region].repositories, resource.id, "images")
    if images and not value(resource, "forceDelete"):
        reason = f"holds {len(images)} image(s); delete them, or set it to true and run up"
        yield Refusal("forceDelete", reason, "moto ecr", "RepositoryNotEmptyException")


def _held(stores: Any, name: str, attribute: str) -> list[Any]:
    return list(getattr(stores[name], attribute)) if name in stores else []


CREATING: Rules = {
    KEY: [_key],
    "aws:kms/alias:Alias": [_alias],
    "aws:cloudwatch/logGroup:LogGroup": [_log_group],
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": [_encryption],
    "aws:s3/bucketPolicy:BucketPolicy": [_bucket_policy],
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": [_lifecycle],
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": [_object_lock],
    "aws:s3/bucketVersioning:BucketVersioning": [_versioning],
    _REPOSITORY: [_repository],
}
DELETING: Rules = {BUCKET: [_bucket_emptied], _REPOSITORY: [_repository_emptied]}
