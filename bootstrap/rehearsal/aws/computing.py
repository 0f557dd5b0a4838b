"""Outputs that depend on other resources, or on how many of something there are."""

import hashlib
from collections.abc import Mapping
from typing import Any

from bootstrap.rehearsal.aws.rules.edge import plain, qualified
from bootstrap.rehearsal.aws.rules.support import (
    SUBNET,
    VPC,
    Account,
    Resource,
    entries,
    key_of,
    named,
    value,
)
from bootstrap.rehearsal.standin.cloud import Computation

Outputs = Mapping[str, Any]


def _drawn(length: int, *words: Any) -> str:
    """Returns hexadecimal digits that are the same for the same words."""
    return hashlib.sha256("/".join(map(str, words)).encode()).hexdigest()[:length]


def _vpc(resource: Resource, _: Account) -> Outputs:
    return {"mainRouteTableId": value(resource, "defaultRouteTableId")}


def _home(resource: Resource, account: Account, path: str) -> Any:
    subnets = named(account, SUBNET, entries(resource, path))
    return value(subnets[0], "vpcId") if subnets else None


def _subnet_group(resource: Resource, account: Account) -> Outputs:
    return {"vpcId": _home(resource, account, "subnetIds")}


def _balancer(resource: Resource, account: Account) -> Outputs:
    return {"vpcId": _home(resource, account, "subnets")}


def _cluster(resource: Resource, account: Account) -> Outputs:
    return {
        "vpcConfig": {
            **value(resource, "vpcConfig"),
            "vpcId": _home(resource, account, "vpcConfig.subnetIds"),
        }
    }


def _nat(resource: Resource, account: Account) -> Outputs:
    address = account.get("aws:ec2/eip:Eip", value(resource, "allocationId") or "")
    return {"publicIp": value(address, "publicIp")} if address else {}


def _endpoint(resource: Resource, _: Account) -> Outputs:
    subnets = entries(resource, "subnetIds")
    if value(resource, "vpcEndpointType") != "Interface":
        return {"networkInterfaceIds": [], "dnsEntries": []}
    return {"networkInterfaceIds": [f"eni-{_drawn(17, resource.id, subnet)}" for subnet in subnets]}


def _template(resource: Resource, account: Account) -> Outputs:
    """Each change makes a further version, which node groups follow."""
    before = account.get(resource.type, resource.id)
    version = int(value(before, "latestVersion")) + 1 if before else 1
    kept = value(before, "defaultVersion") if before else 1
    default = version if value(resource, "updateDefaultVersion") else kept
    return {"latestVersion": version, "defaultVersion": default}


def _alias(resource: Resource, account: Account) -> Outputs:
    key = key_of(account, value(resource, "targetKeyId"))
    return {"targetKeyArn": value(key, "arn")} if key else {}


def _database(resource: Resource, _: Account) -> Outputs:
    outputs: dict[str, Any] = {"endpoint": f"{value(resource, 'address')}:{int(value(resource, 'port'))}"}
    outputs["engineVersionActual"] = value(resource, "engineVersion")
    if not value(resource, "manageMasterUserPassword"):
        outputs["masterUserSecrets"] = []
    return outputs


def _cache(resource: Resource, _: Account) -> Outputs:
    nodes = int(value(resource, "numCacheClusters") or 1)
    return {"memberClusters": [f"{resource.id}-{number:03}" for number in range(1, nodes + 1)]}


def _record(resource: Resource, account: Account) -> Outputs:
    return {"fqdn": qualified(resource, account)}


def _certificate(resource: Resource, _: Account) -> Outputs:
    """A name and its wildcard are proven by one record, as ACM has it."""
    options = []
    for domain in dict.fromkeys(
        [value(resource, "domainName"), *entries(resource, "subjectAlternativeNames")]
    ):
        parent = plain(domain).removeprefix("*.")
        options.append(
            {
                "domainName": domain,
                "resourceRecordName": f"_{_drawn(32, resource.id, parent)}.{parent}.",
                "resourceRecordType": "CNAME",
                "resourceRecordValue": f"_{_drawn(32, parent, resource.id)}.acm-validations.aws.",
            }
        )
    return {"domainValidationOptions": options}


COMPUTING: Mapping[str, Computation] = {
    VPC: _vpc,
    "aws:acm/certificate:Certificate": _certificate,
    "aws:ec2/launchTemplate:LaunchTemplate": _template,
    "aws:ec2/natGateway:NatGateway": _nat,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:eks/cluster:Cluster": _cluster,
    "aws:elasticache/replicationGroup:ReplicationGroup": _cache,
    "aws:elasticache/subnetGroup:SubnetGroup": _subnet_group,
    "aws:kms/alias:Alias": _alias,
    "aws:lb/loadBalancer:LoadBalancer": _balancer,
    "aws:rds/instance:Instance": _database,
    "aws:rds/subnetGroup:SubnetGroup": _subnet_group,
    "aws:route53/record:Record": _record,
}
