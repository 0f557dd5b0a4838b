"""The foundations that the suite of the contract runs over, and what their providers would answer."""

import json
from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import pulumi_random as random

from components.foundation.aws import foundation as on_aws
from components.foundation.contract import ClusterAccess, Consumer, Purpose
from components.foundation.edge import SingleSignOnSettings
from components.foundation.on_premises import foundation as on_premises
from tests.unit.components.foundation.contract_suite import CLIENT_SECRET, CONSUMERS, DOMAIN, Subject

IMAGES = {
    name: f"registry.example.com/colonnade/{name}@sha256:{'0' * 64}"
    for name in ("postgresql", "valkey", "toolbox")
}
ACCOUNT = "123456789012"
REGION = "eu-central-1"
ISSUER = f"oidc.eks.{REGION}.amazonaws.com/id/A1"
BUCKET = "aws:s3/bucket:Bucket"
INSTANCE = "aws:rds/instance:Instance"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
ROLE = "aws:iam/role:Role"
CERTIFICATE = "aws:acm/certificate:Certificate"
VALIDATION = "aws:acm/certificateValidation:CertificateValidation"
CERTIFICATE_ARN = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/0a1b"


def sign_on(wanted: bool) -> SingleSignOnSettings | None:
    """Returns an identity provider, where one is wanted."""
    if not wanted:
        return None
    return SingleSignOnSettings(
        image="quay.io/oauth2-proxy/oauth2-proxy:v7.15.4",
        issuer_url="https://login.example.com/realms/ml",
        client_id="colonnade",
        client_secret=CLIENT_SECRET,
    )


def build_on_premises(
    consumers: Sequence[Consumer] = CONSUMERS,
    *,
    protect: bool = False,
    cache: bool = True,
    single_sign_on: bool = False,
    **changes: Any,
) -> on_premises.OnPremisesFoundation:
    """Builds the foundation on-premises."""
    arguments: dict[str, Any] = {
        "environment": "lab",
        "consumers": consumers,
        "edge": on_premises.EdgeSettings(
            DOMAIN,
            external_addresses=["192.0.2.10"],
            certificate="CERTIFICATE",
            private_key="KEY",
            single_sign_on=sign_on(single_sign_on),
        ),
        "images": IMAGES,
        "cache": on_premises.CacheSettings(enabled=cache),
        "protect": protect,
    }
    return on_premises.OnPremisesFoundation(
        "foundation",
        on_premises.OnPremisesFoundationArgs(**(arguments | changes)),
        pulumi.ResourceOptions(providers=[kubernetes.Provider("cluster"), random.Provider("random")]),
    )


def build_aws(
    consumers: Sequence[Consumer] = CONSUMERS,
    *,
    protect: bool = False,
    cache: bool = True,
    single_sign_on: bool = False,
    ready: Sequence[str] = (),
    **changes: Any,
) -> on_aws.AwsFoundation:
    """Builds the foundation on AWS; `ready` are the subnets that the network is to be made of."""
    provider, cluster = aws.Provider("aws", region=REGION), kubernetes.Provider("cluster")
    subnets = [
        aws.ec2.Subnet(name, vpc_id="vpc-1", opts=pulumi.ResourceOptions(provider=provider)) for name in ready
    ]
    arguments: dict[str, Any] = {
        "environment": "prod",
        "account": ACCOUNT,
        "region": REGION,
        "consumers": consumers,
        "cluster": ClusterAccess(cluster, f"https://{ISSUER}", ["system"]),
        "oidc_provider_arn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}",
        "oidc_issuer_host": ISSUER,
        "network": on_aws.NetworkAccess(
            vpc_id="vpc-1",
            cidr="10.64.0.0/16",
            data_subnet_ids=["subnet-1", "subnet-2"],
            data_cidrs=["10.64.200.0/24", "10.64.201.0/24"],
            connected_cidrs=["10.0.0.0/20"],
            ready=subnets,
        ),
        "key_arns": {
            name: f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{name}"
            for name in (*Purpose, "database", "cache", "secrets", "registry")
        },
        "images": IMAGES,
        "edge": on_aws.EdgeSettings(
            DOMAIN,
            ["gateway-api.yaml"],
            validation_zone_id="Z0PUBLIC",
            single_sign_on=sign_on(single_sign_on),
        ),
        "cache": on_aws.CacheSettings(enabled=cache),
        "repositories": ["mlflow"],
        "protect": protect,
    }
    return on_aws.AwsFoundation(
        "foundation",
        on_aws.AwsFoundationArgs(**(arguments | changes)),
        pulumi.ResourceOptions(providers=[provider, cluster, random.Provider("random")]),
    )


AWS_OUTPUTS: dict[str, Any] = {
    BUCKET: lambda resource: {"arn": f"arn:aws:s3:::{resource.inputs['bucket']}"},
    ROLE: lambda resource: {"arn": f"arn:aws:iam::{ACCOUNT}:role/{resource.inputs['name']}"},
    INSTANCE: {
        "address": f"prod-database.abc.{REGION}.rds.amazonaws.com",
        "masterUserSecrets": [{"secretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!db-1"}],
    },
    CACHE: {"primaryEndpointAddress": "master.prod-cache.abc.euc1.cache.amazonaws.com"},
    CERTIFICATE: lambda resource: {
        "arn": CERTIFICATE_ARN,
        "domainValidationOptions": [
            {
                "domainName": resource.inputs["domainName"],
                "resourceRecordName": f"_0a1b.{resource.inputs['domainName']}.",
                "resourceRecordType": "CNAME",
                "resourceRecordValue": "_2c3d.acm-validations.aws.",
            }
        ],
    },
    "aws:route53/zone:Zone": {"zoneId": "Z0PRIVATE", "nameServers": ["ns-1.awsdns-00.com"]},
    "aws:route53/record:Record": lambda resource: {"fqdn": resource.inputs["name"]},
    "random:index/randomId:RandomId": {"hex": "0a1b2c3d"},
    "kubernetes:core/v1:Service": {
        "status": {"loadBalancer": {"ingress": [{"hostname": f"a1.elb.{REGION}.amazonaws.com"}]}}
    },
}

_NAME = {
    BUCKET: "bucket",
    INSTANCE: "identifier",
    CACHE: "replicationGroupId",
    "aws:route53/record:Record": None,
    "aws:route53/zone:Zone": None,
    # Of the role, which has one.
    "aws:iam/rolePolicy:RolePolicy": "role",
}


def names_on_aws(resource: Any) -> list[tuple[str, ...]]:
    """Returns what AWS calls a resource, and what we tag it by."""
    found: list[tuple[str, ...]] = []
    if not resource.type.startswith("aws:"):
        return found
    name = _NAME.get(resource.type, "name")
    if name in resource.inputs:
        found.append((resource.type, name, resource.inputs[name]))
    if "Name" in (resource.inputs.get("tags") or {}):
        found.append((resource.type, "tag", resource.inputs["tags"]["Name"]))
    return found


def bound_on_aws(recorded: Any) -> list[tuple[str, str]]:
    """Returns the service accounts that roles trust, but for those of the foundation's own operators."""
    subjects = []
    for role in recorded.all(ROLE):
        for statement in json.loads(role.inputs["assumeRolePolicy"])["Statement"]:
            assert set(statement["Condition"]) == {"StringEquals"}
            conditions = statement["Condition"]["StringEquals"]
            assert conditions[f"{ISSUER}:aud"] == "sts.amazonaws.com"
            kind, _, subject = conditions[f"{ISSUER}:sub"].partition("system:serviceaccount:")
            assert kind == ""
            namespace, account = subject.split(":")
            subjects.append((namespace, account))
    return [subject for subject in subjects if subject != ("colonnade-secrets", "external-secrets")]


SUBJECTS = {
    "on-premises": Subject(
        build=build_on_premises,
        providers={"kubernetes": "cluster", "random": "random"},
        stateful=frozenset({"kubernetes:apps/v1:StatefulSet"}),
        store_port=8333,
        keyless=False,
        unknown=[
            "kubernetes:apps/v1:StatefulSet",
            "kubernetes:core/v1:Service",
            "kubernetes:core/v1:Secret",
            "random:index/randomPassword:RandomPassword",
        ],
    ),
    "aws": Subject(
        build=build_aws,
        providers={"aws": "aws", "kubernetes": "cluster", "random": "random"},
        stateful=frozenset({BUCKET, INSTANCE, CACHE, "aws:ecr/repository:Repository"}),
        store_port=443,
        keyless=True,
        outputs=AWS_OUTPUTS,
        bound=bound_on_aws,
        names=names_on_aws,
        unknown=[
            BUCKET,
            INSTANCE,
            CACHE,
            ROLE,
            CERTIFICATE,
            VALIDATION,
            "aws:route53/zone:Zone",
            "kubernetes:core/v1:Service",
            "random:index/randomId:RandomId",
            "random:index/randomPassword:RandomPassword",
        ],
    ),
}
