"""What services may do on AWS: documents as committed, and nothing of what was not granted."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.rehearsal.aws import policies
from components.foundation.aws.documents import Document, render
from components.foundation.aws.grants import StoreGrant, store_document
from tests.unit.components.foundation.aws.test_documents import allowed

GOLDEN = Path(__file__).parent / "golden"
REGION = "eu-central-1"
VIA = f"s3.{REGION}.amazonaws.com"
OBJECTS = (
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:GetObject",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
)
# Each of them would reach beyond the objects themselves.
BEYOND = (
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:DeleteObjectVersion",
    "s3:BypassGovernanceRetention",
    "s3:PutBucketPolicy",
    "s3:PutBucketVersioning",
    "s3:PutLifecycleConfiguration",
    "s3:PutObjectAcl",
    "kms:CreateGrant",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
    "iam:PassRole",
    "sts:AssumeRole",
)


def arn(bucket: str) -> str:
    return f"arn:aws:s3:::{bucket}"


def key(name: str) -> str:
    return f"arn:aws:kms:{REGION}:123456789012:key/{name}"


LAKE = StoreGrant(arn("prod-lake-0a1b"), key("lake"))
FOLDERS = StoreGrant(arn("prod-lake-0a1b"), key("lake"), ["lakefs", "feast"])
ARTIFACTS = StoreGrant(arn("prod-artifacts-0a1b"), key("artifacts"))
ALL = {
    "grant-one-store": [LAKE],
    "grant-two-stores": [LAKE, ARTIFACTS],
    "grant-folders": [ARTIFACTS, FOLDERS],
}


@pytest.mark.parametrize("name", ALL)
def test_documents_are_as_committed(name: str) -> None:
    golden = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    assert store_document(ALL[name], REGION) == golden


@pytest.mark.parametrize("name", ALL)
def test_documents_are_what_aws_takes(name: str) -> None:
    assert policies.identity(render(store_document(ALL[name], REGION))) is None


def test_the_order_of_the_grants_changes_nothing() -> None:
    first, second = (store_document(grants, REGION) for grants in ([LAKE, ARTIFACTS], [ARTIFACTS, LAKE]))
    assert first == second


NAME = st.from_regex(r"[a-z0-9][a-z0-9-]{1,8}[a-z0-9]", fullmatch=True)
FOLDER = st.from_regex(r"[a-z0-9_-]{1,4}(/[a-z0-9_-]{1,4})?", fullmatch=True)
GRANTS = st.lists(
    st.builds(
        lambda bucket, of, prefixes: StoreGrant(arn(bucket), key(of), prefixes),
        NAME,
        NAME,
        st.lists(FOLDER, max_size=3),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda grant: grant.bucket_arn,
)


def opens(document: Document, bucket: str, path: str) -> set[str]:
    """Returns what the document allows to do with an object, and whether it is listed."""
    done = {action for action in OBJECTS if allowed(document, action, f"{bucket}/{path}")}
    if allowed(document, "s3:ListBucket", bucket, s3__prefix=path):
        done.add("s3:ListBucket")
    return done


@given(GRANTS)
def test_a_document_names_whole_actions_and_its_own_places_alone(grants: Sequence[StoreGrant]) -> None:
    buckets, keys = ({getattr(grant, of) for grant in grants} for of in ("bucket_arn", "key_arn"))
    for statement in store_document(grants, REGION)["Statement"]:
        actions, places = (
            [value] if isinstance(value, str) else value
            for value in (statement["Action"], statement["Resource"])
        )
        assert statement["Effect"] == "Allow"
        assert places
        assert not any("*" in action or "?" in action for action in actions)
        for place in places:
            assert place in buckets | keys or place.partition("/")[0] in buckets
            # Below a bucket or a folder, and nowhere else: no name of a bucket is a pattern.
            assert "*" not in place.removesuffix("/*")


@given(GRANTS, NAME, FOLDER)
def test_a_bucket_that_was_not_granted_stays_closed(
    grants: Sequence[StoreGrant], other: str, path: str
) -> None:
    document = store_document(grants, REGION)
    granted = {grant.bucket_arn: grant.prefixes for grant in grants}
    for bucket in {arn(other), *granted}:
        prefixes = granted.get(bucket)
        inside = prefixes is not None and (
            not prefixes or any(f"{path}/x".startswith(f"{prefix}/") for prefix in prefixes)
        )
        assert opens(document, bucket, f"{path}/x") == ({*OBJECTS, "s3:ListBucket"} if inside else set())
        assert allowed(document, "s3:GetBucketLocation", bucket) == (prefixes is not None)


@given(GRANTS)
def test_nothing_beyond_objects_is_allowed(grants: Sequence[StoreGrant]) -> None:
    document = store_document(grants, REGION)
    for grant in grants:
        for action in BEYOND:
            for place in (grant.bucket_arn, f"{grant.bucket_arn}/x", grant.key_arn):
                assert not allowed(document, action, place, kms__ViaService=VIA)


def test_keys_are_used_through_s3_of_the_region_alone() -> None:
    document = store_document([LAKE], REGION)
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        assert allowed(document, action, key("lake"), kms__ViaService=VIA)
        assert not allowed(document, action, key("lake"), kms__ViaService="s3.us-east-1.amazonaws.com")
        assert not allowed(document, action, key("lake"), kms__ViaService=f"rds.{REGION}.amazonaws.com")
        assert not allowed(document, action, key("lake"))
        assert not allowed(document, action, key("artifacts"), kms__ViaService=VIA)


@pytest.mark.parametrize("outside", ["lakefs-other/x", "lakefs", "", "raw/lakefs/x", "feastx"])
def test_a_folder_is_kept_apart_from_those_of_a_like_name(outside: str) -> None:
    document = store_document([FOLDERS], REGION)
    assert opens(document, FOLDERS.bucket_arn, outside) == set()
    assert "s3:ListBucket" in opens(document, FOLDERS.bucket_arn, "lakefs/")
    # Without a prefix, a list is of the whole bucket.
    assert not allowed(document, "s3:ListBucket", FOLDERS.bucket_arn)
    assert allowed(store_document([LAKE], REGION), "s3:ListBucket", LAKE.bucket_arn)


def test_a_folder_of_one_bucket_opens_none_of_another() -> None:
    other = StoreGrant(arn("prod-models-0a1b"), key("models"), ["served"])
    document = store_document([FOLDERS, other], REGION)
    assert opens(document, other.bucket_arn, "lakefs/x") == set()
    assert opens(document, FOLDERS.bucket_arn, "served/x") == set()
