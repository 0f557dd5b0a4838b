"""Policy documents of keys, buckets, endpoints and flow logs, as pure functions of plain text."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

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
        # Groups are listed, and a list is of all.
        {"Effect": "Allow", "Action": "logs:DescribeLogGroups", "Resource": "*"},
    )


_USE: Final = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]


def key_policy(purpose: str, account: str, region: str) -> Document:
    """Returns the policy of the key for a purpose.

    The account's IAM policies decide who administers and uses the key, as AWS does by default: a key that
    names administrators itself is lost with them. That covers services that act for whoever calls them, such
    as RDS, Secrets Manager and ECR. Those that act as themselves are named, for the purposes that need one.

    Sources: AWS KMS developer guide, "Default key policy"; CloudWatch Logs user guide, "Encrypt log data";
    the policy of the key `aws/ebs`; AWS CloudTrail user guide, "Configure AWS KMS key policies for
    CloudTrail"; Amazon Macie user guide, "Analyzing encrypted Amazon S3 objects".
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
    if purpose == "lake":
        # The role exists once Macie is on, and a policy that names one that does not exist is refused.
        statements.append(
            {
                "Sid": "DataScan",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": "kms:Decrypt",
                "Resource": "*",
                "Condition": {
                    "StringEquals": {"kms:CallerAccount": account, "aws:PrincipalArn": data_scanner(account)}
                },
            }
        )
    return document(*statements)


def data_scanner(account: str) -> str:
    """Returns the ARN of the role under which Macie reads."""
    return f"arn:aws:iam::{account}:role/aws-service-role/macie.amazonaws.com/AWSServiceRoleForAmazonMacie"


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


def own_identities(account: str) -> Document:
    """Returns the policy of a way to an AWS service that identities of this account alone may use.

    Without it, whoever runs code inside could carry data out under credentials of an account of their own.
    """
    return document(
        {
            "Sid": "OwnIdentities",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "*",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:PrincipalAccount": account}},
        }
    )


# Registries that send whoever asks from inside AWS to a bucket of theirs, the first to one in the same
# region. Sources: kubernetes/k8s.io issue 4214, docker/hub-feedback issue 1318, OpenShift's list of what a
# firewall must admit.
_PUBLIC_IMAGES: Final = ("prod-registry-k8s-io-{region}", "docker-images-prod", "quayio-production-s3")


def store_endpoint(account: str, region: str, public_images: bool) -> Document:
    """Returns what the network's way to S3 leads to: buckets of this account, and those that nodes need.

    The registry keeps image layers in a bucket of AWS's own, and Amazon Linux its packages.

    Args:
        account: Whose buckets are open.
        region: Region of the network.
        public_images: Whether public registries are open, which keep layers in S3 as well.

    Sources: Amazon ECR user guide, "Create the Amazon S3 gateway endpoint"; Amazon Linux 2023 user guide,
    "Deterministic upgrades".
    """
    buckets = [f"prod-{region}-starport-layer-bucket", f"al2023-repos-{region}-de612dc2"]
    if public_images:
        buckets += [bucket.format(region=region) for bucket in _PUBLIC_IMAGES]
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
            "Resource": [f"arn:aws:s3:::{bucket}/*" for bucket in buckets],
        },
    )


def bucket_policy(bucket: str, key_arn: str, account: str, vpc_id: str | None = None) -> Document:
    """Returns the policy of a bucket: TLS alone, no object under another key, and where given, one network.

    Args:
        bucket: Name of the bucket.
        key_arn: Its key.
        account: Its account.
        vpc_id: From where alone objects are read and written; None for anywhere. They can be deleted from
            anywhere, since else nobody could take the environment down from outside.
    """
    statements = [*_bounds(bucket), *_own_key(bucket, key_arn)]
    if vpc_id is not None:
        statements.append(
            {
                "Sid": "OwnNetwork",
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["s3:GetObject*", "s3:PutObject*"],
                "Resource": f"arn:aws:s3:::{bucket}/*",
                "Condition": {
                    "StringNotEquals": {"aws:SourceVpc": vpc_id},
                    "ArnNotLike": {"aws:PrincipalArn": data_scanner(account)},
                    "BoolIfExists": {"aws:PrincipalIsAWSService": "false", "aws:ViaAWSService": "false"},
                },
            }
        )
    return document(*statements)


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


def trail_bucket_policy(bucket: str, account: str, region: str, trail: str) -> Document:
    """Returns the policy of the bucket that an audit trail is delivered to.

    The trail itself names the key of its files. Digests, by which they are checked, are always under a key of
    S3's own, so the bucket asks for none.

    Source: AWS CloudTrail user guide, "Amazon S3 bucket policy for CloudTrail" and "Encrypting CloudTrail log
    files with AWS KMS keys".
    """
    of_trail = {"aws:SourceArn": f"arn:aws:cloudtrail:{region}:{account}:trail/{trail}"}
    cloudtrail = {"Service": "cloudtrail.amazonaws.com"}
    return document(
        *_bounds(bucket),
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
            "Resource": f"arn:aws:s3:::{bucket}/AWSLogs/{account}/*",
            "Condition": {"StringEquals": {**of_trail, "s3:x-amz-acl": "bucket-owner-full-control"}},
        },
        {
            "Sid": "NobodyElse",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{bucket}/*",
            "Condition": {"StringNotEquals": {"aws:PrincipalServiceName": "cloudtrail.amazonaws.com"}},
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


def _own_key(bucket: str, key_arn: str) -> list[Statement]:
    """Denies every encryption but that under the bucket's key, which a request gets by asking for none.

    Without a key in the request, `aws:kms` means AWS's own key and not the bucket's; StringNotEquals also
    holds where the request names no key at all.

    Source: Amazon S3 API reference, PutObject, `x-amz-server-side-encryption-aws-kms-key-id`.
    """
    put = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    return [
        {
            "Sid": "OwnKey",
            **put,
            "Condition": {
                "Null": {"s3:x-amz-server-side-encryption": "false"},
                "StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key_arn},
            },
        },
        {
            "Sid": "NoKeyOfCallers",
            **put,
            "Condition": {"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}},
        },
    ]
