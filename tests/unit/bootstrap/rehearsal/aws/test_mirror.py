"""The account of world.yaml as boto3 sees it, and what moto refuses."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from bootstrap.rehearsal.aws import aws
from bootstrap.rehearsal.aws.copies import COPIES
from bootstrap.rehearsal.aws.mirror import Mirror, shaped
from bootstrap.rehearsal.aws.sources import member
from bootstrap.rehearsal.standin.model import RefusedError, Resource
from tests.unit.bootstrap.rehearsal.aws import conftest
from tests.unit.bootstrap.rehearsal.aws.conftest import ACCOUNT, REGION, WORLD, Engine, RefusedByEngineError


@pytest.fixture(scope="module")
def mirror() -> Iterator[Mirror]:
    with Mirror(ACCOUNT, REGION).serving() as mirror:
        yield mirror


@pytest.fixture(scope="module")
def engine(mirror: Mirror, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The account of world.yaml, made under the eyes of moto."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conftest, "CLOUD", aws([mirror]))
        engine = Engine(tmp_path_factory.mktemp("mirrored") / "account.sqlite", {}, {})
        for name, entry in WORLD.items():
            engine.create(name, entry["type"], entry["inputs"])
        yield engine
        engine.account.close()


@pytest.fixture
def seen(mirror: Mirror, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ARG001
    """Makes clients that know of the account what a user would tell them: four variables."""
    for name, value in mirror.environment.items():
        monkeypatch.setenv(name, value)
    return boto3.client


def test_all_that_is_mirrored_is_in_the_world_or_made_here(mirror: Mirror, engine: Engine) -> None:
    assert set(COPIES) <= set(engine.account.cloud.types)
    assert mirror.gaps == {}


def test_network_has_the_same_identifiers(seen: Any, engine: Engine) -> None:
    ec2 = seen("ec2")
    vpc = engine.named["vpc"]
    (found,) = ec2.describe_vpcs(VpcIds=[vpc["id"]])["Vpcs"]
    assert (found["CidrBlock"], found["OwnerId"]) == ("10.64.0.0/16", ACCOUNT)
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["id"]]}])["Subnets"]
    wanted = {engine.named[name]["id"] for name in ("public", "first", "second", "beside")}
    assert {subnet["SubnetId"] for subnet in subnets} == wanted
    groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc["id"]]}])
    cluster = engine.named["cluster"]["vpcConfig"]["clusterSecurityGroupId"]
    assert {group["GroupId"] for group in groups["SecurityGroups"]} == {
        vpc["defaultSecurityGroupId"],
        engine.named["group"]["id"],
        cluster,
    }
    (group,) = ec2.describe_security_groups(GroupIds=[engine.named["group"]["id"]])["SecurityGroups"]
    assert group["IpPermissions"][0]["IpRanges"][0]["CidrIp"] == "10.64.0.0/16"
    assert group["IpPermissionsEgress"] == []
    (table,) = ec2.describe_route_tables(RouteTableIds=[engine.named["table"]["id"]])["RouteTables"]
    assert table["Associations"][0]["SubnetId"] == engine.named["public"]["id"]
    assert {route.get("GatewayId") for route in table["Routes"]} == {"local", engine.named["internet"]["id"]}


def test_key_is_the_key_of_the_account_and_rotates(seen: Any, engine: Engine) -> None:
    key = engine.named["key"]
    found = seen("kms").describe_key(KeyId=key["id"])["KeyMetadata"]
    assert (found["KeyId"], found["Arn"]) == (key["id"], key["arn"])
    assert seen("kms").get_key_rotation_status(KeyId=key["id"])["KeyRotationEnabled"]


def test_role_has_its_policies(seen: Any, engine: Engine) -> None:
    iam = seen("iam")
    assert iam.get_role(RoleName="worker")["Role"]["Arn"] == engine.named["worker"]["arn"]
    attached = iam.list_attached_role_policies(RoleName="worker")["AttachedPolicies"]
    assert {policy["PolicyName"] for policy in attached} == {
        "AmazonEKSWorkerNodePolicy",
        "AmazonEC2ContainerRegistryPullOnly",
        "reader",
    }


def test_bucket_cluster_pool_and_repository_are_there(seen: Any, engine: Engine) -> None:
    assert {bucket["Name"] for bucket in seen("s3").list_buckets()["Buckets"]} == {
        "colonnade-lake",
        "colonnade-trails",
    }
    assert seen("s3").get_bucket_versioning(Bucket="colonnade-trails")["Status"] == "Enabled"
    assert "cloudtrail" in seen("s3").get_bucket_policy(Bucket="colonnade-trails")["Policy"]
    cluster = seen("eks").describe_cluster(name="colonnade")["cluster"]
    assert (cluster["version"], cluster["roleArn"]) == ("1.34", engine.named["control"]["arn"])
    pool = seen("eks").describe_nodegroup(clusterName="colonnade", nodegroupName="general")["nodegroup"]
    assert pool["scalingConfig"]["maxSize"] == 4
    assert (
        seen("ecr").describe_repositories()["repositories"][0]["repositoryUri"].endswith("/colonnade/mlflow")
    )


def test_objects_keep_a_bucket(seen: Any, engine: Engine) -> None:
    engine.create("full", "aws:s3/bucket:Bucket", {"bucket": "colonnade-full"})
    seen("s3").put_object(Bucket="colonnade-full", Key="data", Body=b"1")
    with pytest.raises(RefusedByEngineError, match="BucketNotEmpty"):
        engine.delete("full")
    assert engine.account.get("aws:s3/bucket:Bucket", "colonnade-full")
    seen("s3").delete_object(Bucket="colonnade-full", Key="data")
    engine.delete("full")
    with pytest.raises(ClientError):
        seen("s3").head_bucket(Bucket="colonnade-full")


def test_force_destroy_takes_objects_along_with_all_versions(seen: Any, engine: Engine) -> None:
    engine.create("scrap", "aws:s3/bucket:Bucket", {"bucket": "colonnade-scrap", "forceDestroy": True})
    versioned = {"bucket": "@scrap", "versioningConfiguration": {"status": "Enabled"}}
    engine.create("kept", "aws:s3/bucketVersioning:BucketVersioning", versioned)
    for body in (b"1", b"2"):
        seen("s3").put_object(Bucket="colonnade-scrap", Key="data", Body=body)
    seen("s3").delete_object(Bucket="colonnade-scrap", Key="data")
    engine.delete("kept")
    engine.delete("scrap")
    assert engine.account.get("aws:s3/bucket:Bucket", "colonnade-scrap") is None


def test_what_moto_refuses_has_not_happened(seen: Any, engine: Engine) -> None:
    # A bucket that somebody else made.
    seen("s3").create_bucket(
        Bucket="colonnade-taken", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    with pytest.raises(RefusedByEngineError, match=r"id: .*\[BucketAlready\w+\] \(moto 5"):
        engine.create("taken", "aws:s3/bucket:Bucket", {"bucket": "colonnade-taken"})
    assert engine.account.get("aws:s3/bucket:Bucket", "colonnade-taken") is None


def test_what_moto_refuses_half_way_is_gone(seen: Any, engine: Engine, mirror: Mirror) -> None:
    shapes = Resource(
        "aws:iam/role:Role",
        "half",
        {"name": "half", "assumeRolePolicy": "{}", "managedPolicyArns": ["arn:aws:iam::aws:policy/Nothing"]},
        {},
    )
    with pytest.raises(RefusedError, match="Nothing does not exist or is not attachable"):
        mirror.created(shapes, engine.account)
    assert "half" not in {role["RoleName"] for role in seen("iam").list_roles()["Roles"]}


def test_changes_are_repeated(seen: Any, engine: Engine) -> None:
    engine.update("vpc", {"tags": {"Name": "renamed"}})
    (found,) = seen("ec2").describe_vpcs(VpcIds=[engine.named["vpc"]["id"]])["Vpcs"]
    assert found["Tags"] == [{"Key": "Name", "Value": "renamed"}]
    engine.update("nodes", {"scalingConfig": {"minSize": 1, "desiredSize": 2, "maxSize": 6}})
    pool = seen("eks").describe_nodegroup(clusterName="colonnade", nodegroupName="general")["nodegroup"]
    assert pool["scalingConfig"]["maxSize"] == 6


def test_shapes_take_what_the_api_knows_in_its_own_types() -> None:
    shape = member("ec2.CreateLaunchTemplate.LaunchTemplateData")
    given = {
        "blockDeviceMappings": [
            {"deviceName": "/dev/xvda", "ebs": {"volumeSize": 80.0, "encrypted": "true"}}
        ],
        "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": None},
        "ofPulumiAlone": 1,
    }
    assert shaped(shape, given) == {
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 80, "Encrypted": True}}],
        "MetadataOptions": {"HttpTokens": "required"},
    }
    assert shaped(member("kms.CreateKey.Tags"), {"a": "b"}) == [{"TagKey": "a", "TagValue": "b"}]
    assert shaped(member("ecr.CreateRepository.encryptionConfiguration"), [{"kmsKey": "k"}]) == {
        "kmsKey": "k"
    }
