"""Buckets on AWS: their names, and what goes over the wire."""

import json
import re
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.base import ArgsError
from components.foundation.aws import documents
from components.foundation.aws.storage import AwsStorage, AwsStorageArgs, bucket_name
from components.foundation.contract import Purpose

BUCKET = "aws:s3/bucket:Bucket"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
CLOSED = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
OWNED = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
LOGGING = "aws:s3/bucketLogging:BucketLogging"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
ACCOUNT = "123456789012"
PURPOSES = {str(purpose) for purpose in Purpose}
KEYS = {**{purpose: f"key-{purpose}" for purpose in Purpose}, "secrets": "key-secrets"}


def name(of: str) -> str:
    return bucket_name("prod", ACCOUNT, of)


def storage(**changes: Any) -> AwsStorage:
    arguments: dict[str, Any] = {
        "environment": "prod",
        "account": ACCOUNT,
        "region": "eu-central-1",
        "key_arns": KEYS,
        "logs_days": 365,
        "deleted_days": 30,
    }
    provider = aws.Provider("aws", region="eu-central-1")
    return AwsStorage(
        "storage", AwsStorageArgs(**(arguments | changes)), pulumi.ResourceOptions(providers=[provider])
    )


@pytest.fixture
def run(run_program: Any) -> Any:
    outputs = {BUCKET: lambda resource: {"arn": f"arn:aws:s3:::{resource.inputs['bucket']}"}}
    return lambda **changes: run_program(lambda: storage(**changes), outputs=outputs)


def by_name(recorded: Any, kind: str) -> dict[str, Any]:
    return {resource.name: resource.inputs for resource in recorded.all(kind)}


@given(
    st.from_regex(r"[a-z][a-z0-9-]{0,60}[a-z0-9]", fullmatch=True),
    st.from_regex(r"[0-9]{12}", fullmatch=True),
    st.from_regex(r"[a-z][a-z0-9-]{0,60}[a-z0-9]", fullmatch=True),
)
def test_a_bucket_has_a_name_that_s3_takes(environment: str, account: str, of: str) -> None:
    found = bucket_name(environment, account, of)
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", found)
    assert account not in found or account in f"{environment}{of}"
    assert found == bucket_name(environment, account, of)


def test_accounts_do_not_take_each_others_names() -> None:
    assert bucket_name("prod", "123456789012", "lake") != bucket_name("prod", "123456789013", "lake")
    # Another name is another bucket: what is in the first one would be lost.
    assert bucket_name("prod", ACCOUNT, "lake") == "prod-lake-2a33349e"


def test_there_is_a_bucket_for_each_purpose_and_one_that_records_access(run: Any) -> None:
    recorded = run(additional=["landing"])
    assert set(by_name(recorded, BUCKET)) == {*PURPOSES, "access", "landing"}
    for logical, bucket in by_name(recorded, BUCKET).items():
        assert bucket["bucket"] == name(logical)
        assert bucket["forceDestroy"] is False
    buckets = recorded.value(recorded.result.buckets)
    assert buckets == {logical: name(logical) for logical in [*PURPOSES, "landing"]}
    assert recorded.value(recorded.result.arns[Purpose.LAKE]) == f"arn:aws:s3:::{name('lake')}"
    assert recorded.result.trail_bucket is None


def test_every_bucket_is_versioned_closed_and_ours(run: Any) -> None:
    recorded = run(additional=["landing"], trail="prod-trail")
    buckets = {*PURPOSES, "access", "landing", "trail"}
    for kind, expected in {
        VERSIONING: {"versioningConfiguration": {"status": "Enabled"}},
        CLOSED: {
            "blockPublicAcls": True,
            "blockPublicPolicy": True,
            "ignorePublicAcls": True,
            "restrictPublicBuckets": True,
        },
        OWNED: {"rule": {"objectOwnership": "BucketOwnerEnforced"}},
    }.items():
        settings = by_name(recorded, kind)
        assert settings == {logical: {"bucket": name(logical), **expected} for logical in buckets}


def test_every_bucket_is_under_the_key_of_its_purpose_but_the_one_that_cannot(run: Any) -> None:
    # A further bucket named like a key of something else still gets the lake's.
    found = by_name(run(additional=["landing", "secrets"], trail="prod-trail"), ENCRYPTION)
    keys = {}
    for logical, encryption in found.items():
        (rule,) = encryption["rules"]
        default = rule["applyServerSideEncryptionByDefault"]
        keys[logical] = default.get("kmsMasterKeyId")
        assert default["sseAlgorithm"] == ("aws:kms" if keys[logical] else "AES256")
        assert rule["bucketKeyEnabled"] is bool(keys[logical])
    assert keys == {
        **{purpose: f"key-{purpose}" for purpose in PURPOSES},
        "landing": "key-lake",
        "secrets": "key-lake",
        "trail": "key-logs",
        "access": None,
    }


def test_every_bucket_has_the_policy_that_it_needs(run: Any) -> None:
    recorded = run(additional=["landing"], trail="prod-trail")
    policies = {logical: json.loads(it["policy"]) for logical, it in by_name(recorded, POLICY).items()}
    sources = [name(logical) for logical in [*PURPOSES, "landing", "trail"]]
    assert policies == {
        **{
            purpose: documents.bucket_policy(name(purpose), f"key-{purpose}", ACCOUNT) for purpose in PURPOSES
        },
        "landing": documents.bucket_policy(name("landing"), "key-lake", ACCOUNT),
        "access": documents.access_log_bucket_policy(name("access"), ACCOUNT, sources),
        "trail": documents.trail_bucket_policy(name("trail"), ACCOUNT, "eu-central-1", "prod-trail"),
    }


def test_a_private_store_answers_its_network_alone(run: Any) -> None:
    policies = by_name(run(vpc_id="vpc-1", trail="prod-trail"), POLICY)
    for purpose in PURPOSES:
        expected = documents.bucket_policy(name(purpose), f"key-{purpose}", ACCOUNT, "vpc-1")
        assert json.loads(policies[purpose]["policy"]) == expected
    assert not any("aws:SourceVpc" in policies[logical]["policy"] for logical in ("access", "trail"))


def test_who_uses_a_bucket_is_recorded_in_another(run: Any) -> None:
    recorded = run(trail="prod-trail")
    assert by_name(recorded, LOGGING) == {
        logical: {
            "bucket": name(logical),
            "targetBucket": name("access"),
            "targetPrefix": f"{name(logical)}/",
        }
        for logical in [*PURPOSES, "trail"]
    }
    admitted = recorded.one(POLICY, "access")
    assert all(admitted.urn in logging.dependencies for logging in recorded.all(LOGGING))


def test_buckets_forget_what_was_deleted_and_logs_expire(run: Any) -> None:
    recorded = run(trail="prod-trail")
    everything = {"prefix": ""}
    deleted = {
        "id": "deleted",
        "status": "Enabled",
        "filter": everything,
        "expiration": {"expiredObjectDeleteMarker": True},
        "noncurrentVersionExpiration": {"noncurrentDays": 30},
        "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
    }
    expired = {"id": "expired", "status": "Enabled", "filter": everything, "expiration": {"days": 365}}
    for logical, lifecycle in by_name(recorded, LIFECYCLE).items():
        expiring = logical in ("logs", "access", "trail")
        assert lifecycle["rules"] == ([deleted, expired] if expiring else [deleted])
        versioning = recorded.one(VERSIONING, logical)
        assert versioning.urn in recorded.one(LIFECYCLE, logical).dependencies


def test_settings_that_s3_refuses_at_once_come_one_by_one(run: Any) -> None:
    recorded = run()
    for logical in [*PURPOSES, "access"]:
        closed, owned = recorded.one(CLOSED, logical), recorded.one(OWNED, logical)
        assert closed.urn in owned.dependencies
        assert {closed.urn, owned.urn} <= set(recorded.one(POLICY, logical).dependencies)


def test_the_audit_trail_has_a_bucket_that_no_purpose_leads_to(run: Any) -> None:
    recorded = run(trail="prod-trail")
    assert recorded.value(recorded.result.trail_bucket) == name("trail")
    assert name("trail") not in recorded.value(recorded.result.buckets).values()


def test_a_protected_audit_trail_is_locked_until_it_expires(run: Any) -> None:
    recorded = run(trail="prod-trail", protect=True)
    lock = recorded.one(LOCK)
    assert lock.inputs == {
        "bucket": name("trail"),
        "rule": {"defaultRetention": {"mode": "GOVERNANCE", "days": 365}},
    }
    assert recorded.one(VERSIONING, "trail").urn in lock.dependencies
    # A bucket made with a lock could not lose it without being replaced.
    assert "objectLockEnabled" not in recorded.one(BUCKET, "trail").inputs
    assert not run(trail="prod-trail").all(LOCK)
    assert not run(protect=True).all(LOCK)


def test_case_16_protected_buckets_refuse_deletion(run: Any) -> None:
    recorded = run(trail="prod-trail", additional=["landing"], protect=True)
    protected = {(r.type, r.name) for r in recorded.resources if r.protect}
    assert protected == {(BUCKET, logical) for logical in [*PURPOSES, "access", "landing", "trail"]}
    assert not any(r.protect for r in run().resources)


def test_a_bucket_is_used_once_it_is_set_up(run: Any) -> None:
    recorded = run(trail="prod-trail", protect=True)
    ready = {recorded.value(resource.urn) for resource in recorded.result.ready}
    settings = [
        r for r in recorded.resources if r.type in (VERSIONING, ENCRYPTION, CLOSED, OWNED, POLICY, LOCK)
    ]
    assert {r.urn for r in settings} <= ready


@pytest.mark.parametrize("taken", ["lake", "access", "trail"])
def test_a_further_bucket_takes_no_name_of_another(run: Any, taken: str) -> None:
    with pytest.raises(ArgsError, match=f"{taken}: taken"):
        run(additional=["landing", taken])


def test_every_child_goes_through_the_provider_given_and_bears_a_name_of_its_own(run: Any) -> None:
    recorded = run(trail="prod-trail", protect=True)
    ours = [r for r in recorded.resources if r.type.startswith("aws:")]
    for resource in ours:
        assert resource.parent == recorded.one("colonnade:index:AwsStorage").urn
        assert resource.provider.startswith(recorded.one("pulumi:providers:aws").urn)
    assert {bucket["tags"]["Name"] for bucket in by_name(recorded, BUCKET).values()} == {
        *PURPOSES,
        "access",
        "trail",
    }
