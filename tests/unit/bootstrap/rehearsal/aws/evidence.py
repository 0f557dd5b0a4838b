"""Independent sources that say of a mistake that it is one: each fails where its source accepts the value."""

import ipaddress
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ParamValidationError
from moto import mock_aws

from bootstrap.rehearsal.aws import sources

REGION = "eu-central-1"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
Client = Callable[[str], Any]
Evidence = Callable[[], None]


@cache
def client(service: str) -> Any:
    """Returns a client; making one anew for each call would take most of the time."""
    return boto3.client(service, REGION, aws_access_key_id="k", aws_secret_access_key="s")


def moto(code: str, *calls: Callable[..., Any]) -> Evidence:
    """The last call is refused with that code; those before succeed, each given the result before it."""

    def show() -> None:
        with mock_aws():
            result: Any = None
            for call in calls[:-1]:
                result = call(client, result)
            with pytest.raises((ClientError, ParamValidationError)) as refused:
                calls[-1](client, result)
        error = refused.value
        assert code == (
            error.response["Error"]["Code"] if isinstance(error, ClientError) else "ParamValidation"
        )

    return show


def model(path: str, value: Any) -> Evidence:
    """Botocore's model of that input does not admit the value."""

    def show() -> None:
        rules = sources.shape(path).metadata
        size = len(value) if isinstance(value, str) else value
        assert (
            ("enum" in rules and value not in rules["enum"])
            or ("pattern" in rules and not re.fullmatch(rules["pattern"], str(value)))
            or ("max" in rules and size > rules["max"])
            or ("min" in rules and size < rules["min"])
        ), rules

    return show


def documented(path: str, *statements: str) -> Evidence:
    """Botocore's documentation of that input says so."""
    return lambda: _says(sources.member(path).documentation, *statements)


def error(service: str, name: str, statement: str) -> Evidence:
    """Botocore's documentation of that error says so."""
    return lambda: _says(_model(service).shape_for(name).documentation, statement)


def operation(service: str, name: str, statement: str) -> Evidence:
    """Botocore's documentation of that operation says so."""
    return lambda: _says(_model(service).operation_model(name).documentation, statement)


def _model(service: str) -> Any:
    return client(service).meta.service_model


def _says(documentation: str, *statements: str) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", documentation))
    for statement in statements:
        assert statement in text, text


def overlapping(one: str, other: str) -> Evidence:
    def show() -> None:
        assert ipaddress.ip_network(one).overlaps(ipaddress.ip_network(other))

    return show


def not_offered(kind: str) -> Evidence:
    """EC2 offers no such type in the region."""

    def show() -> None:
        with mock_aws():
            ec2 = client("ec2")
            wanted = [{"Name": "instance-type", "Values": [kind]}]
            assert not ec2.describe_instance_type_offerings(Filters=wanted)["InstanceTypeOfferings"]

    return show


def hardware(kind: str, *, arm: bool, gpu: bool) -> Evidence:
    def show() -> None:
        with mock_aws():
            ec2 = client("ec2")
            machine = ec2.describe_instance_types(InstanceTypes=[kind])["InstanceTypes"][0]
        assert ("arm64" in machine["ProcessorInfo"]["SupportedArchitectures"]) is arm
        assert ("GpuInfo" in machine) is gpu

    return show


@dataclass(frozen=True)
class Published:
    """A page of AWS, the provider's source or a standard says so, which no machine can ask."""

    page: str

    def __call__(self) -> None:
        assert self.page.startswith(("docs.aws.amazon.com/", "RFC ", "terraform-provider-aws "))


def vpc(client: Client, _: Any) -> str:
    return str(client("ec2").create_vpc(CidrBlock="10.64.0.0/16")["Vpc"]["VpcId"])


def group(client: Client, _: Any) -> str:
    home = vpc(client, None)
    created = client("ec2").create_security_group(GroupName="endpoints", Description="x", VpcId=home)
    return str(created["GroupId"])


def role(client: Client, _: Any) -> None:
    client("iam").create_role(RoleName="worker", AssumeRolePolicyDocument=TRUST)


def policy(document: Any) -> Callable[[Client, Any], Any]:
    text = document if isinstance(document, str) else json.dumps(document)
    return lambda client, _: client("iam").create_policy(PolicyName="p", PolicyDocument=text)


def trust(document: Any) -> Callable[[Client, Any], Any]:
    return lambda client, _: client("iam").update_assume_role_policy(
        RoleName="worker", PolicyDocument=json.dumps(document)
    )


def key(client: Client, _: Any) -> str:
    return str(client("kms").create_key()["KeyMetadata"]["KeyId"])


def bucket(client: Client, _: Any) -> str:
    location = {"LocationConstraint": REGION}
    client("s3").create_bucket(Bucket="colonnade-lake", CreateBucketConfiguration=location)
    return "colonnade-lake"


def repository(name: str) -> Callable[[Client, Any], Any]:
    return lambda client, _: client("ecr").create_repository(repositoryName=name)


def cluster(client: Client, _: Any) -> None:
    client("eks").create_cluster(
        name="colonnade",
        roleArn="arn:aws:iam::123456789012:role/control",
        resourcesVpcConfig={"subnetIds": ["subnet-1"]},
    )


def nodes(**more: Any) -> Callable[[Client, Any], Any]:
    return lambda client, _: client("eks").create_nodegroup(
        clusterName="colonnade",
        nodegroupName="general",
        nodeRole="arn:aws:iam::123456789012:role/worker",
        subnets=["subnet-1"],
        **more,
    )


def database(**more: Any) -> Callable[[Client, Any], Any]:
    settings: dict[str, Any] = {
        "DBInstanceIdentifier": "kept",
        "DBInstanceClass": "db.m6g.large",
        "Engine": "postgres",
        "MasterUsername": "colonnade",
        "MasterUserPassword": "twelve-chars",
        "AllocatedStorage": 50,
    }
    return lambda client, _: client("rds").create_db_instance(**{**settings, **more})


def zone(client: Client, _: Any) -> str:
    made = client("route53").create_hosted_zone(Name="ml.example.com", CallerReference="x")
    return str(made["HostedZone"]["Id"])


def record(client: Client, where: str) -> str:
    entry = {
        "Name": "lake.ml.example.com",
        "Type": "A",
        "TTL": 60,
        "ResourceRecords": [{"Value": "10.64.0.10"}],
    }
    change = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": entry}]}
    client("route53").change_resource_record_sets(HostedZoneId=where, ChangeBatch=change)
    return where


def allow(client: Client, wanted: str, block: str) -> str:
    permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": block}]}
    client("ec2").authorize_security_group_ingress(GroupId=wanted, IpPermissions=[permission])
    return wanted


def template(client: Client, _: Any) -> None:
    data = {"ImageId": "ami-12345678"}
    client("ec2").create_launch_template(LaunchTemplateName="general", LaunchTemplateData=data)


def made(client: Client, name: str) -> None:
    client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})


def locked(client: Client, name: str) -> None:
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 30}}
    lock = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    client("s3").put_object_lock_configuration(Bucket=name, ObjectLockConfiguration=lock)


def logged(client: Client, name: str) -> None:
    target = {"LoggingEnabled": {"TargetBucket": "colonnade-logs", "TargetPrefix": "lake/"}}
    client("s3").put_bucket_logging(Bucket=name, BucketLoggingStatus=target)


def trail(name: str) -> Callable[[Client, Any], Any]:
    return lambda client, where: client("cloudtrail").create_trail(Name=name, S3BucketName=where)


def undocumented(path: str, value: str) -> Evidence:
    """Botocore's documentation lists what there is, and not that."""

    def show() -> None:
        text = sources.member(path).documentation
        assert value.rpartition(".")[0] in text
        assert value not in text

    return show


def no_endpoint(name: str) -> Evidence:
    def show() -> None:
        with mock_aws():
            ec2 = client("ec2")
            offered = ec2.describe_vpc_endpoint_services(MaxResults=1000)["ServiceNames"]
        assert name not in offered
        assert "com.amazonaws.eu-central-1.secretsmanager" in offered

    return show


def unknown_action(service: str, name: str) -> Evidence:
    """Neither an operation of botocore nor any policy that AWS manages knows the action."""

    def show() -> None:
        from moto.iam.aws_managed_policies import aws_managed_policies_data

        assert name not in _model(service).operation_names
        assert f'"{service}:{name}"' not in aws_managed_policies_data

    return show
