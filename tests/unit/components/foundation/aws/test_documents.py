"""Policy documents: as they are committed, well-formed, and refusing what they are there to refuse."""

import fnmatch
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bootstrap.rehearsal.aws import policies
from components.foundation.aws import documents

GOLDEN = Path(__file__).parent / "golden"
ACCOUNT = "123456789012"
REGION = "eu-central-1"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/5f1c"
OTHER_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/6a2d"
ENCRYPTION = "s3:x-amz-server-side-encryption"
OWN_ROLE = f"arn:aws:iam::{ACCOUNT}:role/prod-mlflow"
MACIE = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/macie.amazonaws.com/AWSServiceRoleForAmazonMacie"
LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/prod/flow-logs"

BUCKET = documents.bucket_policy("prod-lake-0a1b", KEY, ACCOUNT)
PRIVATE = documents.bucket_policy("prod-lake-0a1b", KEY, ACCOUNT, "vpc-1")
ACCESS = documents.access_log_bucket_policy(
    "prod-access-0a1b", ACCOUNT, ["prod-models-0a1b", "prod-lake-0a1b"]
)
TRAIL = documents.trail_bucket_policy("prod-trail-0a1b", ACCOUNT, REGION, "prod-trail")
OPEN = documents.store_endpoint(ACCOUNT, REGION, public_images=True)
CLOSED = documents.store_endpoint(ACCOUNT, REGION, public_images=False)
OWN = documents.own_identities(ACCOUNT)

Judge = Callable[[str], str | None]
ALL: dict[str, tuple[documents.Document, Judge]] = {
    "flow-logs-trust": (documents.assume_role("vpc-flow-logs.amazonaws.com", ACCOUNT), policies.trust),
    "flow-logs-write": (documents.write_logs(LOGS), policies.identity),
    **{
        f"key-{purpose}": (documents.key_policy(purpose, ACCOUNT, REGION), policies.key)
        for purpose in ("database", "lake", "logs", "nodes")
    },
    "endpoint-own-identities": (OWN, policies.resource),
    "endpoint-store": (OPEN, policies.resource),
    "endpoint-store-no-egress": (CLOSED, policies.resource),
    "bucket": (BUCKET, policies.resource),
    "bucket-one-network": (PRIVATE, policies.resource),
    "bucket-access": (ACCESS, policies.resource),
    "bucket-trail": (TRAIL, policies.resource),
}


def denied(document: Mapping[str, Any], action: str, resource: str, **context: str) -> bool:
    """Tells whether a statement denies the request, whose context names keys with `__` for `:`."""
    return _decides(document, "Deny", action, resource, context)


def allowed(document: Mapping[str, Any], action: str, resource: str, **context: str) -> bool:
    """Tells whether the document alone allows the request."""
    return _decides(document, "Allow", action, resource, context) and not _decides(
        document, "Deny", action, resource, context
    )


def _decides(
    document: Mapping[str, Any], effect: str, action: str, resource: str, context: Mapping[str, str]
) -> bool:
    given = {name.replace("__", ":").replace("_", "-"): value for name, value in context.items()}
    return any(
        statement["Effect"] == effect
        and _matches(statement["Action"], action)
        and _matches(statement["Resource"], resource)
        and all(
            _holds(operator, wanted, given.get(key))
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
        for statement in document["Statement"]
    )


def _matches(patterns: Any, value: str) -> bool:
    listed = patterns if isinstance(patterns, list) else [patterns]
    return any(fnmatch.fnmatchcase(value, pattern) for pattern in listed)


def _holds(operator: str, wanted: Any, value: str | None) -> bool:
    """Judges one condition as IAM does, above all where the request lacks the key."""
    if operator == "Null":
        return (value is None) == (wanted == "true")
    if value is None:
        return "Not" in operator or operator.endswith("IfExists")
    match operator.removesuffix("IfExists"):
        case "StringEquals" | "Bool" | "StringLike" | "ArnLike":
            return _matches(wanted, value)
        case "StringNotEquals" | "ArnNotLike":
            return not _matches(wanted, value)
        case "NumericLessThan":
            return float(value) < float(wanted)
    raise AssertionError(f"no such operator in our documents: {operator}")


@pytest.mark.parametrize("name", ALL)
def test_documents_are_as_committed(name: str) -> None:
    golden = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    assert ALL[name][0] == golden


@pytest.mark.parametrize("name", ALL)
def test_documents_are_what_aws_takes(name: str) -> None:
    document, judge = ALL[name]
    assert judge(documents.render(document)) is None


def test_what_is_rendered_depends_on_the_content_alone() -> None:
    assert documents.render({"b": [1], "a": {"d": 1, "c": 2}}) == '{"a":{"c":2,"d":1},"b":[1]}'
    assert documents.render({"a": {"c": 2, "d": 1}, "b": [1]}) == '{"a":{"c":2,"d":1},"b":[1]}'


@pytest.mark.parametrize(
    "policy", [BUCKET, PRIVATE, ACCESS, TRAIL], ids=["own", "private", "access", "trail"]
)
@pytest.mark.parametrize("action", ["s3:GetObject", "s3:PutObject", "s3:DeleteBucket"])
def test_buckets_answer_current_tls_alone(policy: documents.Document, action: str) -> None:
    arn = policy["Statement"][0]["Resource"][0]
    for resource in (arn, f"{arn}/key"):
        assert denied(policy, action, resource, aws__SecureTransport="false")
        assert denied(policy, action, resource, aws__SecureTransport="true", s3__TlsVersion="1.1")
    assert not denied(
        policy,
        "s3:GetObject",
        f"{arn}/key",
        aws__SecureTransport="true",
        s3__TlsVersion="1.3",
        aws__SourceVpc="vpc-1",
    )


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, False),
        ({"": "aws:kms", "-aws-kms-key-id": KEY}, False),
        ({"": "aws:kms", "-aws-kms-key-id": OTHER_KEY}, True),
        # AWS's own key, not the bucket's.
        ({"": "aws:kms"}, True),
        ({"": "AES256"}, True),
        ({"-customer-algorithm": "AES256"}, True),
    ],
)
def test_objects_are_under_the_key_of_their_bucket(headers: dict[str, str], refused: bool) -> None:
    given = {f"{ENCRYPTION}{suffix}": value for suffix, value in headers.items()}
    assert denied(BUCKET, "s3:PutObject", "arn:aws:s3:::prod-lake-0a1b/a", **given) is refused


@pytest.mark.parametrize(
    ("context", "refused"),
    [
        ({"aws__SourceVpc": "vpc-1", "aws__PrincipalArn": OWN_ROLE}, False),
        ({"aws__SourceVpc": "vpc-2", "aws__PrincipalArn": OWN_ROLE}, True),
        ({"aws__PrincipalArn": OWN_ROLE}, True),
        ({"aws__PrincipalArn": MACIE}, False),
        ({"aws__PrincipalIsAWSService": "true"}, False),
        ({"aws__PrincipalArn": OWN_ROLE, "aws__PrincipalIsAWSService": "false"}, True),
        ({"aws__PrincipalArn": OWN_ROLE, "aws__ViaAWSService": "true"}, False),
    ],
)
def test_a_private_bucket_is_read_and_written_from_its_network(
    context: dict[str, str], refused: bool
) -> None:
    for action in ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"):
        assert denied(PRIVATE, action, "arn:aws:s3:::prod-lake-0a1b/a", **context) is refused
        assert not denied(BUCKET, action, "arn:aws:s3:::prod-lake-0a1b/a", **context)


def test_a_private_bucket_is_emptied_and_administered_from_anywhere() -> None:
    for action in ("s3:DeleteObject", "s3:DeleteObjectVersion"):
        assert not denied(PRIVATE, action, "arn:aws:s3:::prod-lake-0a1b/a", aws__PrincipalArn=OWN_ROLE)
    for action in ("s3:ListBucket", "s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucket"):
        assert not denied(PRIVATE, action, "arn:aws:s3:::prod-lake-0a1b", aws__PrincipalArn=OWN_ROLE)


def test_access_logs_come_from_our_buckets_alone() -> None:
    path = "arn:aws:s3:::prod-access-0a1b/prod-lake-0a1b/2026-01-01"
    source = {"aws__SourceArn": "arn:aws:s3:::prod-lake-0a1b", "aws__SourceAccount": ACCOUNT}
    assert allowed(ACCESS, "s3:PutObject", path, **source)
    assert not allowed(ACCESS, "s3:PutObject", path, **{**source, "aws__SourceAccount": "210987654321"})
    assert not allowed(ACCESS, "s3:PutObject", path, **{**source, "aws__SourceArn": "arn:aws:s3:::another"})
    assert not allowed(ACCESS, "s3:PutObject", "arn:aws:s3:::prod-access-0a1b/elsewhere", **source)
    assert not allowed(ACCESS, "s3:GetObject", path, **source)


def test_only_our_trail_writes_to_its_bucket() -> None:
    path = f"arn:aws:s3:::prod-trail-0a1b/AWSLogs/{ACCOUNT}/CloudTrail/file"
    trail = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail"
    ours = {
        "aws__SourceArn": f"{trail}/prod-trail",
        "aws__PrincipalServiceName": "cloudtrail.amazonaws.com",
        "s3:x-amz-acl": "bucket-owner-full-control",
    }
    assert allowed(TRAIL, "s3:PutObject", path, **ours)
    # Digests are never under a key of ours.
    assert allowed(
        TRAIL, "s3:PutObject", path.replace("/file", "-Digest/f"), **ours, **{ENCRYPTION: "AES256"}
    )
    assert not allowed(TRAIL, "s3:PutObject", path, **{**ours, "aws__SourceArn": f"{trail}/another"})
    assert not allowed(TRAIL, "s3:PutObject", "arn:aws:s3:::prod-trail-0a1b/AWSLogs/1/file", **ours)
    assert denied(TRAIL, "s3:PutObject", path, aws__PrincipalArn=OWN_ROLE)
    assert denied(TRAIL, "s3:PutObject", path, aws__PrincipalServiceName="logging.s3.amazonaws.com")
    check = {"aws__SourceArn": f"{trail}/prod-trail"}
    assert allowed(TRAIL, "s3:GetBucketAcl", "arn:aws:s3:::prod-trail-0a1b", **check)


@pytest.mark.parametrize("policy", [OPEN, CLOSED], ids=["nat", "none"])
def test_the_way_to_s3_leads_to_own_buckets_and_what_nodes_need(policy: documents.Document) -> None:
    own, foreign = {"aws__ResourceAccount": ACCOUNT}, {"aws__ResourceAccount": "210987654321"}
    assert allowed(policy, "s3:PutObject", "arn:aws:s3:::prod-lake-0a1b/a", **own)
    for action in ("s3:GetObject", "s3:PutObject", "s3:ListBucket"):
        assert not allowed(policy, action, "arn:aws:s3:::elsewhere/a", **foreign)
    for bucket in (f"prod-{REGION}-starport-layer-bucket", f"al2023-repos-{REGION}-de612dc2"):
        assert allowed(policy, "s3:GetObject", f"arn:aws:s3:::{bucket}/a", **foreign)
        assert not allowed(policy, "s3:PutObject", f"arn:aws:s3:::{bucket}/a", **foreign)


def test_public_images_are_reached_where_the_internet_is() -> None:
    layer = f"arn:aws:s3:::prod-registry-k8s-io-{REGION}/containers/images/sha256:0"
    assert allowed(OPEN, "s3:GetObject", layer, aws__ResourceAccount="513428760722")
    assert not allowed(OPEN, "s3:PutObject", layer, aws__ResourceAccount="513428760722")
    assert not allowed(CLOSED, "s3:GetObject", layer, aws__ResourceAccount="513428760722")


def test_nothing_leaves_under_the_identity_of_another_account() -> None:
    assert allowed(OWN, "secretsmanager:PutSecretValue", "*", aws__PrincipalAccount=ACCOUNT)
    assert not allowed(OWN, "secretsmanager:PutSecretValue", "*", aws__PrincipalAccount="210987654321")
    assert not allowed(OWN, "secretsmanager:PutSecretValue", "*")


def test_a_key_opens_to_the_service_of_its_purpose_and_to_no_other() -> None:
    services = {
        purpose: {
            name
            for statement in documents.key_policy(purpose, ACCOUNT, REGION)["Statement"]
            for name in [statement["Principal"].get("Service")]
            if name
        }
        for purpose in ("cluster", "nodes", "lake", "artifacts", "models", "logs", "database", "registry")
    }
    assert services.pop("logs") == {f"logs.{REGION}.amazonaws.com", "cloudtrail.amazonaws.com"}
    assert not any(services.values())


def test_a_key_is_open_to_everybody_of_the_account_in_one_way_at_most() -> None:
    nodes = documents.key_policy("nodes", ACCOUNT, REGION)["Statement"][1:]
    disks = {"kms__CallerAccount": ACCOUNT, "kms__ViaService": f"ec2.{REGION}.amazonaws.com"}
    assert allowed({"Statement": nodes}, "kms:CreateGrant", "*", **disks)
    assert not allowed({"Statement": nodes}, "kms:CreateGrant", "*", kms__CallerAccount=ACCOUNT)
    assert not allowed({"Statement": nodes}, "kms:CreateGrant", "*", **{**disks, "kms__CallerAccount": "1"})
    lake = documents.key_policy("lake", ACCOUNT, REGION)["Statement"][1:]
    scan = {"kms__CallerAccount": ACCOUNT, "aws__PrincipalArn": MACIE}
    assert allowed({"Statement": lake}, "kms:Decrypt", "*", **scan)
    assert not allowed({"Statement": lake}, "kms:Encrypt", "*", **scan)
    assert not allowed({"Statement": lake}, "kms:Decrypt", "*", **{**scan, "aws__PrincipalArn": OWN_ROLE})
