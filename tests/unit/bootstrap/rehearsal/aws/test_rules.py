"""Each rule across properties or resources refuses what it is there for, as rules.yaml says."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from bootstrap.rehearsal.aws import sources
from tests.unit.bootstrap.rehearsal.aws.conftest import Engine, RefusedByEngineError
from tests.unit.bootstrap.rehearsal.aws.mistakes import MISTAKES
from tests.unit.bootstrap.rehearsal.aws.test_mistakes import blamed

VALID = {mistake.type: mistake.valid for mistake in MISTAKES}
BASES: dict[str, dict[str, Any]] = {
    "aws:ec2/networkInterface:NetworkInterface": {"subnetId": "@first"},
    "aws:ec2/routeTableAssociation:RouteTableAssociation": {"subnetId": "@first", "routeTableId": "@table"},
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": {"repository": "@images"},
    "aws:eks/accessEntry:AccessEntry": {
        "clusterName": "@cluster",
        "principalArn": "arn:aws:iam::123456789012:role/nodes",
    },
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": {
        "clusterName": "@cluster",
        "namespace": "a",
        "serviceAccount": "b",
    },
    "aws:elasticache/subnetGroup:SubnetGroup": {"name": "more", "subnetIds": ["@first", "@second"]},
    "aws:lb/loadBalancer:LoadBalancer": {"name": "edge", "internal": True, "subnets": ["@first", "@second"]},
    "aws:rds/parameterGroup:ParameterGroup": {"name": "group", "family": "postgres16"},
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": {
        "bucket": "@lake"
    },
    "aws:s3/bucketVersioning:BucketVersioning": {"bucket": "@lake"},
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": {"bucket": "@lake"},
    "aws:secretsmanager/secretVersion:SecretVersion": {"secretId": "@secret"},
}
WRONG: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("rules.yaml").read_text())
# What some of them need beside the world.
BESIDE: dict[str, tuple[str, dict[str, Any]]] = {
    "Instance": ("aws:rds/parameterGroup:ParameterGroup", BASES["aws:rds/parameterGroup:ParameterGroup"]),
    "ReplicationGroup": ("aws:elasticache/subnetGroup:SubnetGroup", {"name": "one", "subnetIds": ["@first"]}),
    "Alias": ("aws:kms/key:Key", {"isEnabled": False}),
    "BucketVersioning": ("aws:s3/bucket:Bucket", {"bucket": "colonnade-locked", "objectLockEnabled": True}),
}


def token(name: str) -> str:
    return next(known for known in {**BASES, **VALID} if known.endswith(f":{name}"))


@pytest.mark.parametrize(
    "case", WRONG, ids=lambda case: f"{case['type']} {case['property']} {case['reason']}"
)
def test_the_rule_refuses(world: Engine, case: dict[str, Any]) -> None:
    name = case["type"]
    if name in BESIDE:
        world.create("base", *BESIDE[name])
    base = {**BASES, **VALID}[token(name)]
    inputs = {key: value for key, value in {**base, **case["wrong"]}.items() if value is not None}
    assert world.check(token(name), inputs) == []
    with pytest.raises(RefusedByEngineError) as refused:
        world.create("refused", token(name), inputs)
    assert blamed(case["property"], refused.value)
    assert case["reason"] in str(refused.value)


def test_macie_comes_before_its_jobs(world: Engine) -> None:
    world.delete("macie")
    job = token("ClassificationJob")
    with pytest.raises(RefusedByEngineError, match="jobType: Macie is not enabled"):
        world.create("job", job, VALID[job])


def test_a_nat_gateway_stands_in_no_private_subnet(world: Engine) -> None:
    gateway, nat = world.types["default"], token("NatGateway")
    world.create("nat", nat, VALID[nat])
    world.create("private", world.types["table"], {"vpcId": "@vpc"})
    world.create("of_first", world.types["of_public"], {"subnetId": "@first", "routeTableId": "@private"})
    world.create(
        "way",
        gateway,
        {"routeTableId": "@private", "destinationCidrBlock": "0.0.0.0/0", "natGatewayId": "@nat"},
    )
    world.create("other", world.types["address"], {})
    with pytest.raises(RefusedByEngineError, match="is no public subnet"):
        world.create("wrong", nat, {"subnetId": "@first", "allocationId": "@other"})


def test_nodes_go_where_their_type_is(world: Engine) -> None:
    offers = sources.instance_types("eu-central-1")
    kind = next(k for k, zones in sorted(offers.items()) if "eu-central-1a" not in zones)
    nodes = token("NodeGroup")
    inputs = {**VALID[nodes], "instanceTypes": [kind], "subnetIds": ["@first"], "amiType": None}
    with pytest.raises(RefusedByEngineError, match="where no subnet is"):
        world.create("wrong", nodes, {name: value for name, value in inputs.items() if value})


@pytest.mark.usefixtures("moto")
def test_a_repository_with_images_stays(world: Engine) -> None:
    ecr = boto3.client("ecr", "eu-central-1")
    ecr.create_repository(repositoryName="colonnade/mlflow")
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": {"digest": "sha256:a", "size": 1},
        "layers": [],
    }
    ecr.put_image(repositoryName="colonnade/mlflow", imageManifest=json.dumps(manifest), imageTag="1")
    with pytest.raises(RefusedByEngineError, match="forceDelete: holds 1 image"):
        world.delete("images")
    world.update("images", {"forceDelete": True})
    world.delete("images")
