"""Macie, budgets, CloudTrail."""

import fnmatch
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation

from bootstrap.rehearsal.aws import policies
from bootstrap.rehearsal.aws.rules.support import (
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

_SERVICE = "cloudtrail.amazonaws.com"


def _job(resource: Resource, account: Account) -> Iterator[Refusal]:
    if not account.all("aws:macie2/account:Account"):
        reason = "Macie is not enabled in the account"
        yield Refusal("jobType", reason, "botocore macie2.EnableMacie", "AccessDeniedException")
    scheduled = value(resource, "jobType") == "SCHEDULED"
    if scheduled != bool(value(resource, "scheduleFrequency")):
        reason = "goes with the type SCHEDULED, and that needs it"
        yield Refusal(
            "scheduleFrequency",
            reason,
            "botocore macie2.CreateClassificationJob.jobType",
            "ValidationException",
        )


def _budget(resource: Resource, _: Account) -> Iterator[Refusal]:
    try:
        amount = Decimal(str(value(resource, "limitAmount")))
    except InvalidOperation:
        amount = Decimal(0)
    if amount <= 0:
        reason = f"{value(resource, 'limitAmount')!r} is no amount above 0"
        yield Refusal("limitAmount", reason, "botocore budgets Spend.Amount", "InvalidParameterException")
    if value(resource, "budgetType") == "COST" and value(resource, "limitUnit") != "USD":
        reason = f"{value(resource, 'limitUnit')!r} is no unit of cost: budgets are in USD"
        source = "docs.aws.amazon.com/cost-management/latest/userguide/budgets-create.html"
        yield Refusal("limitUnit", reason, source, "InvalidParameterException")
    source = "botocore budgets.CreateNotification"
    for notification in entries(resource, "notifications"):
        emails = notification.get("subscriberEmailAddresses") or []
        topics = notification.get("subscriberSnsTopicArns") or []
        if not 1 <= len(emails) + len(topics) <= 11 or len(emails) > 10 or len(topics) > 1:
            reason = (
                f"has {len(emails)} addresses and {len(topics)} topics; 1 to 10 and at most 1 are possible"
            )
            yield Refusal("notifications", reason, source, "InvalidParameterException")


def _trail(resource: Resource, account: Account) -> Iterator[Refusal]:
    bucket = value(resource, "s3BucketName")
    policy = first(account, "aws:s3/bucketPolicy:BucketPolicy", "bucket", bucket)
    for action in ("s3:GetBucketAcl", "s3:PutObject"):
        if policy is None or not _admitted(value(policy, "policy"), action):
            reason = f"the policy of {bucket} does not allow {_SERVICE} {action}"
            source = "AWSCloudTrail userguide create-s3-bucket-policy-for-cloudtrail.html"
            yield Refusal("s3BucketName", reason, source, "InsufficientS3BucketPolicyException")
    key = key_of(account, value(resource, "kmsKeyId"))
    if key and not admits(key, rf"^{_SERVICE}$", "kms:GenerateDataKey"):
        reason = f"the policy of {key.id} does not let {_SERVICE} use it"
        source = "AWSCloudTrail userguide create-kms-key-policy-for-cloudtrail.html"
        yield Refusal("kmsKeyId", reason, source, "InsufficientEncryptionPolicyException")
    if bool(value(resource, "cloudWatchLogsGroupArn")) != bool(value(resource, "cloudWatchLogsRoleArn")):
        reason = "a log group and a role for it need each other"
        yield Refusal(
            "cloudWatchLogsRoleArn",
            reason,
            "terraform-provider-aws cloudtrail/trail.go",
            "InvalidParameterCombinationException",
        )


def _admitted(document: str, action: str) -> bool:
    return any(
        statement["Effect"] == "Allow"
        and isinstance(who := statement.get("Principal"), Mapping)
        and _SERVICE in policies.listed(who.get("Service"))
        and any(
            fnmatch.fnmatchcase(action.lower(), str(a).lower())
            for a in policies.listed(statement.get("Action"))
        )
        for statement in policies.statements(document)
    )


CREATING: Rules = {
    "aws:macie2/classificationJob:ClassificationJob": [_job],
    "aws:budgets/budget:Budget": [_budget],
    "aws:cloudtrail/trail:Trail": [_trail],
}
