"""Physical names: the one place that turns logical names into names that a service accepts."""

import hashlib
import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Limit:
    """What a service admits as a name.

    Attributes:
        length: Longest name in characters.
        pattern: What a whole name must match.
        separator: What joins the words.
        reference: Where the service states it.
    """

    length: int
    pattern: str
    separator: str
    reference: str


LIMITS: Final[dict[str, Limit]] = {
    "kubernetes-label": Limit(
        63,
        r"[a-z]([-a-z0-9]*[a-z0-9])?",
        "-",
        "https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#rfc-1035-label-names",
    ),
    # 63 less the `-` and ten characters that StatefulSet and CronJob append in the labels and names of their
    # pods.
    "kubernetes-workload": Limit(
        52,
        r"[a-z]([-a-z0-9]*[a-z0-9])?",
        "-",
        "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#job-creation",
    ),
    "kubernetes-port": Limit(
        15,
        r"[a-z]([-a-z0-9]*[a-z0-9])?",
        "-",
        "https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#ports",
    ),
    "s3-bucket": Limit(
        63,
        r"[a-z0-9][-a-z0-9]{1,61}[a-z0-9]",
        "-",
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html",
    ),
    "gcs-bucket": Limit(
        63,
        r"[a-z0-9][-a-z0-9]{1,61}[a-z0-9]",
        "-",
        "https://cloud.google.com/storage/docs/buckets#naming",
    ),
    "azure-storage-account": Limit(
        24,
        r"[a-z0-9]{3,24}",
        "",
        "https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-name",
    ),
    "azure-key-vault": Limit(
        24,
        r"[a-z]([-a-z0-9]*[a-z0-9])?",
        "-",
        "https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates",
    ),
    "aws-iam-role": Limit(
        64,
        r"[a-z]([-a-z0-9]*[a-z0-9])?",
        "-",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html",
    ),
    # The strictest of its kind: instances have 63 characters, groups and snapshots 255.
    "aws-rds": Limit(
        63,
        r"[a-z](-?[a-z0-9])*",
        "-",
        "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html",
    ),
    # Likewise: replication groups have 40 characters, groups of subnets 255.
    "aws-elasticache": Limit(
        40,
        r"[a-z](-?[a-z0-9])*",
        "-",
        "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html",
    ),
    "aws-security-group": Limit(
        255,
        r"(?!sg-)[a-z]([-a-z0-9]*[a-z0-9])?",
        "-",
        "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html",
    ),
    "aws-launch-template": Limit(
        128,
        r"[a-z0-9][-a-z0-9]{1,126}[a-z0-9]",
        "-",
        "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html",
    ),
    "aws-eks-cluster": Limit(
        100,
        r"[a-z0-9][-a-z0-9]{0,99}",
        "-",
        "https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html",
    ),
    "aws-eks-node-group": Limit(
        63,
        r"[a-z0-9][-a-z0-9]{0,62}",
        "-",
        "https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html",
    ),
    "aws-trail": Limit(
        128,
        r"[a-z0-9][-a-z0-9]{1,126}[a-z0-9]",
        "-",
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-trail-naming-requirements.html",
    ),
    # Without the `alias/` that begins every one of them.
    "aws-kms-alias": Limit(
        250,
        r"(?!aws/)[a-zA-Z0-9/_-]+",
        "/",
        "https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html",
    ),
    # Without the `/` that begins ours.
    "aws-log-group": Limit(
        511,
        r"(?!aws/)[a-zA-Z0-9/_.#-]+",
        "/",
        "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html",
    ),
    "aws-ecr-repository": Limit(
        256,
        r"(?=.{2})[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*",
        "/",
        "https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html",
    ),
    "aws-budget": Limit(
        100,
        r"[a-zA-Z0-9][a-zA-Z0-9 ._-]*",
        "-",
        "https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Budget.html",
    ),
    "aws-macie-job": Limit(
        500,
        r"[a-zA-Z0-9][a-zA-Z0-9 ._-]*",
        "-",
        "https://docs.aws.amazon.com/macie/latest/APIReference/jobs.html",
    ),
    "gcp-service-account": Limit(
        30,
        r"[a-z][-a-z0-9]{4,28}[a-z0-9]",
        "-",
        "https://cloud.google.com/iam/docs/service-accounts-create#creating",
    ),
    "postgresql-identifier": Limit(
        63,
        r"[a-z][a-z0-9_]*",
        "_",
        "https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS",
    ),
}

DIGEST_LENGTH: Final = 6


class NamingError(ValueError):
    """The words give no name that the service would accept."""


def physical(kind: str, *words: str) -> str:
    """Returns the name of that kind for the words: the same words give the same name, on every machine.

    Words that the service accepts stay as they are. A name that had to change, because it was too long or
    held other characters, ends in a hash of the joined words, so that two different names never become one.

    Args:
        kind: A key of `LIMITS`.
        words: What the name says, from the general to the particular.

    Raises:
        NamingError: The kind is unknown, or the words hold nothing that can be part of such a name.
    """
    if kind not in LIMITS:
        raise NamingError(f"unknown kind of name {kind!r}; known are {', '.join(sorted(LIMITS))}")
    limit = LIMITS[kind]
    plain = limit.separator.join(words)
    if len(plain) <= limit.length and re.fullmatch(limit.pattern, plain):
        return plain
    digest = hashlib.sha256(plain.encode()).hexdigest()[:DIGEST_LENGTH]
    readable = re.sub(r"[^a-z0-9]+", limit.separator, plain.lower())
    if limit.separator:
        readable = readable.strip(limit.separator)
    readable = readable[: limit.length - DIGEST_LENGTH - len(limit.separator)]
    if limit.separator:
        readable = readable.rstrip(limit.separator)
    name = f"{readable}{limit.separator}{digest}"
    if not readable or not re.fullmatch(limit.pattern, name):
        raise NamingError(f"{plain!r} cannot become a {kind} name (must match {limit.pattern})")
    return name
