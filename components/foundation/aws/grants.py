"""What a service may do on AWS, as a pure function: its own buckets under their own keys, no more."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.foundation.aws.documents import Document, Statement, document


@dataclass(frozen=True)
class StoreGrant:
    """A bucket, its key, and the folders that the service keeps to; the whole bucket without any."""

    bucket_arn: str
    key_arn: str
    prefixes: Sequence[str] = ()


def store_document(grants: Sequence[StoreGrant], region: str) -> Document:
    """Returns the policy of a service: it lists, reads, writes and deletes in its buckets.

    Args:
        grants: What it may use, each bucket once.
        region: Region of the buckets: the keys are used through S3 there, and in no other way.
    """
    ordered = sorted(grants, key=lambda grant: grant.bucket_arn)
    return document(
        {
            "Sid": "Location",
            "Effect": "Allow",
            "Action": "s3:GetBucketLocation",
            "Resource": [grant.bucket_arn for grant in ordered],
        },
        *(_listing(number, grant) for number, grant in enumerate(ordered)),
        {
            "Sid": "Objects",
            "Effect": "Allow",
            "Action": [
                "s3:AbortMultipartUpload",
                "s3:DeleteObject",
                "s3:GetObject",
                "s3:ListMultipartUploadParts",
                "s3:PutObject",
            ],
            "Resource": [
                f"{grant.bucket_arn}/{below}"
                for grant in ordered
                for below in _below(grant.prefixes) or ["*"]
            ],
        },
        {
            "Sid": "Keys",
            "Effect": "Allow",
            # S3 encrypts with data keys: it never asks for kms:Encrypt.
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": sorted({grant.key_arn for grant in ordered}),
            "Condition": {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}},
        },
    )


def _listing(number: int, grant: StoreGrant) -> Statement:
    """Returns the statement by which a bucket is listed: a folder of one bucket opens none of another."""
    below = _below(grant.prefixes)
    return {
        "Sid": f"List{number}",
        "Effect": "Allow",
        "Action": ["s3:ListBucket", "s3:ListBucketMultipartUploads"],
        "Resource": grant.bucket_arn,
        **({"Condition": {"StringLike": {"s3:prefix": below}}} if below else {}),
    }


def _below(prefixes: Sequence[str]) -> list[str]:
    """Returns what lies below the folders, as IAM matches it; the slash keeps `a` apart from `ab`."""
    return [f"{prefix}/*" for prefix in sorted(set(prefixes))]
