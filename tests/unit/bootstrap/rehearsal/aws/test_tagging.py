"""The rehearsed account tells by tags what lives in it, as the Resource Groups Tagging API does."""

from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError

from bootstrap.rehearsal.aws import aws
from bootstrap.rehearsal.aws.tagging import Tagging
from bootstrap.rehearsal.standin.account import Store
from bootstrap.rehearsal.standin.model import Resource

REGION = "eu-central-1"


@pytest.fixture
def api() -> Iterator[Tagging]:
    account = Store(aws(), "123456789012", REGION)
    for type, arn, name in (
        ("aws:ec2/vpc:Vpc", "arn:aws:ec2:eu-central-1:1:vpc/v", "network"),
        ("aws:ec2/subnet:Subnet", "arn:aws:ec2:eu-central-1:1:subnet/s", "data"),
        ("aws:s3/bucket:Bucket", "arn:aws:s3:::lake", "network"),
        ("aws:iam/role:Role", "arn:aws:iam::1:role/network", "network"),
        ("aws:iam/openIdConnectProvider:OpenIdConnectProvider", "arn:aws:iam::1:oidc-provider/o", "network"),
    ):
        tags = {"tagsAll": {"Name": name, "environment": "lab"}}
        account.add(Resource(type, arn, tags, {**tags, "arn": arn}))
    account.add(Resource("aws:s3/bucketVersioning:BucketVersioning", "lake", {}, {}))
    tagging = Tagging(account)
    yield tagging
    tagging.close()
    account.close()


def asked(api: Tagging, region: str = REGION, **tags: list[str]) -> list[str]:
    client = boto3.client(
        "resourcegroupstaggingapi",
        region_name=region,
        endpoint_url=api.url,
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    found = client.get_resources(TagFilters=[{"Key": key, "Values": it} for key, it in tags.items()])
    return [it["ResourceARN"] for it in found["ResourceTagMappingList"]]


def test_every_filter_has_to_match(api: Tagging) -> None:
    vpc, subnet, bucket = (
        f"arn:aws:{it}" for it in ("ec2:eu-central-1:1:vpc/v", "ec2:eu-central-1:1:subnet/s", "s3:::lake")
    )
    assert asked(api, Name=["network"], environment=["lab"]) == [vpc, bucket]
    assert asked(api, Name=["network", "data"]) == [vpc, subnet, bucket]
    assert asked(api, environment=[]) == [vpc, subnet, bucket]
    assert asked(api, Name=["network"], environment=["other"]) == []


def test_services_without_regions_are_told_of_in_one_region_and_roles_nowhere(api: Tagging) -> None:
    assert asked(api, "us-east-1", Name=["network"]) == ["arn:aws:iam::1:oidc-provider/o"]
    assert asked(api, "eu-west-1", Name=["network"]) == []


def test_other_operations_are_unknown(api: Tagging) -> None:
    client = boto3.client(
        "resourcegroupstaggingapi",
        region_name=REGION,
        endpoint_url=api.url,
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    with pytest.raises(ClientError, match="UnknownOperation"):
        client.get_tag_keys()
