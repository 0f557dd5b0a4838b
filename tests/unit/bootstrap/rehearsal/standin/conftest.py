"""A small cloud of four types, on the tokens of the real SDK."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.rehearsal.standin.account import Store
from bootstrap.rehearsal.standin.cloud import Cloud, Tagging
from bootstrap.rehearsal.standin.model import Account, Refusal, RefusedError, Resource
from bootstrap.rehearsal.standin.operations import Operations
from bootstrap.rehearsal.standin.table import read

VPC, SUBNET = "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet"
BUCKET, POOL = "aws:s3/bucket:Bucket", "aws:eks/nodeGroup:NodeGroup"

TABLES = """
"aws:ec2/vpc:Vpc":
  source: the manual of networks
  id: "vpc-{hex:17}"
  outputs: {arn: "arn:{partition}:ec2:{region}:{account}:vpc/{id}", mainRouteTableId: "rtb-{hex:8}"}
  defaults: {instanceTenancy: default, enableDnsSupport: true}
  required: [cidrBlock]
  enums: {instanceTenancy: [default, dedicated]}
  replace: [cidrBlock]
  update: {enableDnsSupport: the manual, tags: ""}
"aws:ec2/subnet:Subnet":
  source: the manual of subnets
  id: "subnet-{hex:17}"
  outputs: {arn: "arn:{partition}:ec2:{region}:{account}:subnet/{id}"}
  refers:
    vpcId: "aws:ec2/vpc:Vpc"
    outpostArn: ["/arn:aws:outposts:.*/", "aws:s3/bucket:Bucket#{arn}/outpost"]
  replace: [vpcId, cidrBlock]
  update: [mapPublicIpOnLaunch, tags]
"aws:s3/bucket:Bucket":
  source: the manual of buckets
  id: "{inputs.bucket}"
  outputs: {arn: "arn:aws:s3:::{inputs.bucket}", hostedZoneId: "Z{upper:5}"}
  renews: [hostedZoneId]
  name: {property: bucket, limit: short}
  unique: [[bucket]]
  global: true
  secret: [hostedZoneId]
  required: [bucket]
  replace: [bucket, objectLockEnabled]
  update: [forceDestroy, tags]
"aws:eks/nodeGroup:NodeGroup":
  source: the manual of pools
  id: "{inputs.nodeGroupName}"
  outputs:
    scalingConfig: {ceiling: "{inputs.scalingConfig.maxSize}"}
    status: ACTIVE
  unique: [[clusterName, nodeGroupName]]
  refers: {"subnetIds[]": "aws:ec2/subnet:Subnet", "launchTemplate.name": "aws:s3/bucket:Bucket#arn"}
  weak: [launchTemplate.name]
  values: {"instanceTypes[]": short}
  protect: {property: forceUpdateVersion, fix: set it to false}
  replace: [nodeGroupName, "scalingConfig.minSize"]
  update: [scalingConfig, labels, tags]
  keeps: [scalingConfig.desiredSize]
"""


def short(value: Any) -> str | None:
    return "too long" if len(value) > 12 else None


def within(resource: Resource, account: Account) -> Iterator[Refusal]:
    vpc = account.get(VPC, resource.inputs["vpcId"])
    assert vpc is not None
    if not resource.inputs["cidrBlock"].startswith(vpc.inputs["cidrBlock"][:5]):
        yield Refusal("cidrBlock", f"not within {vpc.id}", "the manual", "InvalidSubnet.Range")


def zones(_: dict[str, Any], account: Account) -> dict[str, Any]:
    return {"names": [f"{account.region}a"]}


def broken(_: dict[str, Any], __: Account) -> dict[str, Any]:
    raise RefusedError([Refusal("name", "no such thing", "the manual")])


class Recorder:
    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def created(self, resource: Resource, account: Account) -> None:
        assert account.get(resource.type, resource.id) == resource
        self.heard.append(("created", resource.type))

    def updated(self, resource: Resource, account: Account) -> None:
        assert account.get(resource.type, resource.id) == resource
        self.heard.append(("updated", resource.type))

    def deleted(self, resource: Resource, account: Account) -> None:
        assert account.get(resource.type, resource.id) is None
        self.heard.append(("deleted", resource.type))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def cloud(tmp_path: Path, recorder: Recorder) -> Cloud:
    file = tmp_path / "tables.yaml"
    file.write_text(TABLES, encoding="utf-8")
    return Cloud(
        name="aws",
        sdk="pulumi_aws",
        types=read([file]),
        validators={"short": short},
        creating={SUBNET: [within]},
        updating={
            POOL: [
                lambda r, _: iter(
                    [Refusal("labels", "no", "x")] if r.inputs.get("labels") == {"a": "b"} else []
                )
            ]
        },
        deleting={
            BUCKET: [
                lambda r, _: iter(
                    [Refusal("id", "not empty", "x")] if r.outputs.get("forceDestroy") is False else []
                )
            ]
        },
        computing={SUBNET: lambda r, a: {"ownerId": f"{a.id} {r.id}"}},
        functions={"aws:index/getAvailabilityZones:getAvailabilityZones": zones, "aws:x:broken": broken},
        observers=[recorder],
        tagging=Tagging("defaultTags.tags", "tags", "tagsAll"),
        accounts="allowedAccountIds[]",
        partition="aws",
    )


@pytest.fixture
def account(cloud: Cloud) -> Iterator[Store]:
    store = Store(cloud, "123456789012", "eu-central-1")
    yield store
    store.close()


@pytest.fixture
def operations(account: Store) -> Operations:
    return Operations(account)
