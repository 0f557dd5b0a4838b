"""Policy documents of keys, buckets, endpoints and flow logs, as pure functions of plain text."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

Document = dict[str, Any]
Statement = dict[str, Any]


def render(document: Mapping[str, Any]) -> str:
    """Returns the document as JSON, always the same for the same content."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def document(*statements: Statement) -> Document:
    """Returns a policy document of the current version."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def assume_role(service: str, account: str) -> Document:
    """Lets a service take a role, on behalf of resources of this account alone."""
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": account}},
        }
    )


def write_logs(log_group_arn: str) -> Document:
    """Lets flow logs be written to one log group."""
    return document(
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
            "Resource": f"{log_group_arn}:*",
        },
        {"Effect": "Allow", "Action": "logs:DescribeLogGroups", "Resource": f"{log_group_arn}"},
    )


_USE = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]


def key_policy(purpose: str, account: str, region: str) -> Document:
    """Returns the policy of the key for a purpose.

    The account's IAM policies decide who administers and uses the key, as AWS does by default: a key that
    names administrators itself is lost with them. Services that act as themselves are named for the two
    purposes that need one.

    Sources: AWS KMS developer guide, "Default key policy"; CloudWatch Logs user guide, "Encrypt log data";
    the policy of the key `aws/ebs`; AWS CloudTrail user guide, "Configure AWS KMS key policies for
    CloudTrail".
    """
    statements: list[Statement] = [
        {
            "Sid": "Account",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ]
    if purpose == "logs":
        statements += _log_services(account, region)
    if purpose == "nodes":
        # Auto Scaling starts nodes under a role of its own, which a new account lacks until then: a policy
        # that names it would be refused. Whoever may start an instance may attach its disk, as with AWS's own
        # key.
        statements.append(
            {
                "Sid": "DisksOfNodes",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": [*_USE, "kms:CreateGrant"],
                "Resource": "*",
                "Condition": {
                    "StringEquals": {
                        "kms:CallerAccount": account,
                        "kms:ViaService": f"ec2.{region}.amazonaws.com",
                    }
                },
            }
        )
    return document(*statements)


def _cloudwatch(account: str, region: str) -> Statement:
    return {
        "Sid": "CloudWatchLogs",
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{region}.amazonaws.com"},
        "Action": _USE,
        "Resource": "*",
        "Condition": {
            "ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{region}:{account}:log-group:*"}
        },
    }


def _log_services(account: str, region: str) -> list[Statement]:
    return [
        _cloudwatch(account, region),
        {
            "Sid": "AuditTrail",
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": ["kms:GenerateDataKey*", "kms:DescribeKey"],
            "Resource": "*",
            "Condition": {
                "StringLike": {"aws:SourceArn": f"arn:aws:cloudtrail:{region}:{account}:trail/*"},
            },
        },
    ]


def store_endpoint(account: str, region: str) -> Document:
    """Returns what the network's way to S3 leads to: buckets of this account, and those AWS serves from.

    The registry keeps image layers in a bucket of AWS's own, and Amazon Linux its packages.

    Source: Amazon ECR user guide, "Create the Amazon S3 gateway endpoint"; Amazon Linux 2023 user guide,
    "Deterministic upgrades".
    """
    return document(
        {
            "Sid": "OwnBuckets",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceAccount": account}},
        },
        {
            "Sid": "ImagesAndPackages",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": [
                f"arn:aws:s3:::prod-{region}-starport-layer-bucket/*",
                f"arn:aws:s3:::al2023-repos-{region}-de612dc2/*",
            ],
        },
    )


def bucket_policy(bucket: str, key_arn: str) -> Document:
    """Returns the policy of a bucket: TLS alone, and no object under another key than its own."""
    return document(*_bounds(bucket), _own_key(bucket, key_arn))


def access_log_bucket_policy(bucket: str, account: str, sources: Sequence[str]) -> Document:
    """Returns the policy of the bucket that access logs are delivered to, each below its bucket's name.

    Source: Amazon S3 user guide, "Enabling Amazon S3 server access logging".
    """
    delivery = {
        "Sid": "AccessLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": [f"arn:aws:s3:::{bucket}/{source}/*" for source in sorted(sources)],
        "Condition": {
            "ArnLike": {"aws:SourceArn": [f"arn:aws:s3:::{source}" for source in sorted(sources)]},
            "StringEquals": {"aws:SourceAccount": account},
        },
    }
    return document(*_bounds(bucket), delivery)


def trail_bucket_policy(bucket: str, key_arn: str, account: str, region: str, trail: str) -> Document:
    """Returns the policy of a bucket that an audit trail is delivered to, below `trail/`.

    Source: AWS CloudTrail user guide, "Amazon S3 bucket policy for CloudTrail".
    """
    of_trail = {"aws:SourceArn": f"arn:aws:cloudtrail:{region}:{account}:trail/{trail}"}
    cloudtrail = {"Service": "cloudtrail.amazonaws.com"}
    return document(
        *_bounds(bucket),
        _own_key(bucket, key_arn),
        {
            "Sid": "AuditTrailCheck",
            "Effect": "Allow",
            "Principal": cloudtrail,
            "Action": "s3:GetBucketAcl",
            "Resource": f"arn:aws:s3:::{bucket}",
            "Condition": {"StringEquals": of_trail},
        },
        {
            "Sid": "AuditTrail",
            "Effect": "Allow",
            "Principal": cloudtrail,
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{bucket}/trail/AWSLogs/{account}/*",
            "Condition": {"StringEquals": {**of_trail, "s3:x-amz-acl": "bucket-owner-full-control"}},
        },
    )


def _bounds(bucket: str) -> list[Statement]:
    both = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    return [
        {
            "Sid": "TlsAlone",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": both,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        {
            "Sid": "CurrentTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": both,
            "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
        },
    ]


def _own_key(bucket: str, key_arn: str) -> Statement:
    # A request that names no key takes the bucket's default, which is the same one.
    return {
        "Sid": "OwnKey",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {
            "StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key_arn},
            "Null": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "false"},
        },
    }
