"""What a service may do on AWS, as a pure function: its own buckets under their own keys, no more."""

from collections.abc import Mapping

from components.foundation.aws.documents import Document, document


def store_document(buckets: Mapping[str, str], region: str) -> Document:
    """Returns the policy of a service: it lists, reads, writes and deletes in its buckets.

    Args:
        buckets: ARN of a bucket to the ARN of its key.
        region: Region of the buckets: the keys are used through S3 there, and in no other way.
    """
    arns, keys = sorted(buckets), sorted(set(buckets.values()))
    return document(
        {
            "Sid": "Buckets",
            "Effect": "Allow",
            "Action": ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
            "Resource": arns,
        },
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
            "Resource": [f"{arn}/*" for arn in arns],
        },
        {
            "Sid": "Keys",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": keys,
            "Condition": {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}},
        },
    )
