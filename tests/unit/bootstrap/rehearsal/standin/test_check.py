from dataclasses import replace
from typing import Any

import pytest

from bootstrap.rehearsal.standin.check import configuration, faults
from bootstrap.rehearsal.standin.cloud import Cloud
from bootstrap.rehearsal.standin.model import UNKNOWN
from bootstrap.rehearsal.standin.sdk import Sdk
from bootstrap.rehearsal.standin.table import TypeTable

from .conftest import BUCKET, POOL, SUBNET, VPC

SDK = Sdk("pulumi_aws")
SIZES = {"desiredSize": 1, "maxSize": 2.0, "minSize": 0}
POOL_INPUTS: dict[str, Any] = {
    "clusterName": "c",
    "nodeGroupName": "n",
    "nodeRoleArn": UNKNOWN,
    "subnetIds": ["subnet-1", UNKNOWN],
    "scalingConfig": SIZES,
}


def found(cloud: Cloud, token: str, inputs: dict[str, Any]) -> dict[str, str]:
    return {refusal.property: refusal.reason for refusal in faults(cloud, SDK, token, inputs)}


def test_right_inputs_have_no_fault(cloud: Cloud) -> None:
    assert found(cloud, POOL, POOL_INPUTS) == {}
    assert (
        found(cloud, BUCKET, {"bucket": "b", "tags": {"a": "b"}, "__internal": {}, "forceDestroy": None})
        == {}
    )


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"clusterNam": "c"}, {"clusterNam": "unknown property; the closest is clusterName"}),
        ({"clusterName": None}, {"clusterName": "missing; it is required"}),
        ({"clusterName": 7}, {"clusterName": "7 is no string"}),
        ({"subnetIds": "subnet-1"}, {"subnetIds": "'subnet-1' is no list"}),
        ({"subnetIds": ["s", True]}, {"subnetIds[1]": "True is no string"}),
        ({"labels": {"a": 1}}, {"labels[a]": "1 is no string"}),
        ({"diskSize": 1.5}, {"diskSize": "1.5 is no integer"}),
        ({"diskSize": True}, {"diskSize": "True is no integer"}),
        ({"updateConfig": {"a": 1}}, {"updateConfig.a": "unknown property"}),
        ({"remoteAccess": {"ec2SshKey": []}}, {"remoteAccess.ec2SshKey": "[] is no string"}),
        ({"scalingConfig": {**SIZES, "maxSize": None}}, {"scalingConfig.maxSize": "missing; it is required"}),
        ({"taints": [{"effect": "x", "key": "k", "size": 1}]}, {"taints[0].size": "unknown property"}),
        ({"instanceTypes": ["m5.large", "m5.extraordinarily-large"]}, {"instanceTypes[1]": "too long"}),
        ({"instanceTypes": [5]}, {"instanceTypes[0]": "5 is no string"}),
    ],
)  # fmt: skip
def test_each_fault_names_property_and_reason(
    cloud: Cloud, change: dict[str, Any], fault: dict[str, str]
) -> None:
    assert found(cloud, POOL, POOL_INPUTS | change) == fault


def test_all_faults_come_at_once_and_say_where_the_rule_is_stated(cloud: Cloud) -> None:
    refusals = faults(cloud, SDK, VPC, {"instanceTenancy": "shared", "enableDnsSupport": "yes"})
    assert [(refusal.property, refusal.source) for refusal in refusals] == [
        ("enableDnsSupport", f"pulumi_aws {SDK.version}"),
        ("cidrBlock", "the manual of networks"),
        ("instanceTenancy", "the manual of networks"),
    ]
    assert "'shared' is none of default, dedicated" in str(refusals[2])
    assert "[ValidationException]" in str(refusals[2])


def test_a_physical_name_has_to_meet_its_limit(cloud: Cloud) -> None:
    assert found(cloud, BUCKET, {"bucket": "a-very-long-name"}) == {"bucket": "too long"}


def test_what_is_not_known_yet_is_not_judged(cloud: Cloud) -> None:
    assert found(cloud, SUBNET, {"vpcId": UNKNOWN, "tags": UNKNOWN, "cidrBlock": UNKNOWN}) == {}
    assert found(cloud, VPC, {"cidrBlock": UNKNOWN, "instanceTenancy": UNKNOWN}) == {}


def test_enumerations_of_the_sdk_hold_unless_the_table_knows_better(cloud: Cloud) -> None:
    token = "aws:ec2/instance:Instance"
    plain = replace(cloud, types={**cloud.types, token: TypeTable(source="x", id="y")})
    assert "is none of default, dedicated" in found(plain, token, {"tenancy": "shared"})["tenancy"]
    judged = TypeTable(source="x", id="y", enums={"tenancy": ["shared"]})
    assert found(replace(cloud, types={**cloud.types, token: judged}), token, {"tenancy": "shared"}) == {}


def test_a_union_takes_any_of_its_shapes(cloud: Cloud) -> None:
    token = "aws:iam/rolePolicy:RolePolicy"
    wide = replace(cloud, types={**cloud.types, token: TypeTable(source="x", id="y")})
    assert found(wide, token, {"role": "r", "policy": "{}"}) == {}
    assert found(wide, token, {"role": "r", "policy": {"Version": "2012-10-17", "Statement": []}}) == {}
    assert set(found(wide, token, {"role": "r", "policy": 5})) == {"policy"}


def test_an_asset_is_no_string_and_no_mapping(cloud: Cloud) -> None:
    token = "aws:s3/bucketObjectv2:BucketObjectv2"
    wide = replace(cloud, types={**cloud.types, token: TypeTable(source="x", id="y")})
    asset = {"4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17", "text": "x"}
    assert found(wide, token, {"bucket": "b", "source": asset}) == {}
    assert set(found(wide, token, {"bucket": "b", "source": {"text": "x"}})) == {"source"}
    assert set(found(wide, token, {"bucket": asset})) == {"bucket"}


def test_the_configuration_of_the_provider_is_judged() -> None:
    refusals = configuration(SDK, {"regoin": "x", "defaultTags": {"tag": {}}, "maxRetries": "3"})
    assert [refusal.property for refusal in refusals] == ["regoin", "defaultTags.tag", "maxRetries"]
