"""Quotas that a new account starts with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from bootstrap.rehearsal.aws import sources, validators
from bootstrap.rehearsal.aws.rules.support import (
    SUBNET,
    VPC,
    Account,
    Refusal,
    Resource,
    Rules,
    others,
    value,
)

_GROUP = "aws:ec2/securityGroup:SecurityGroup"
_RULES = "Inbound or outbound rules per security group"


@dataclass(frozen=True)
class Quota:
    """How many resources of a type there may be: in the region, or of those with one value of a property."""

    most: int
    code: str
    by: str | None = None


# Type, property that counts apart, and the name that Service Quotas gives.
_VPC = (
    (VPC, None, "VPCs per Region"),
    (SUBNET, "vpcId", "Subnets per VPC"),
    ("aws:ec2/internetGateway:InternetGateway", None, "Internet gateways per Region"),
    ("aws:ec2/routeTable:RouteTable", "vpcId", "Route tables per VPC"),
    ("aws:ec2/route:Route", "routeTableId", "Routes per route table"),
    (_GROUP, None, "VPC security groups per Region"),
    ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "securityGroupId", _RULES),
    ("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "securityGroupId", _RULES),
    ("aws:ec2/vpcEndpoint:VpcEndpoint", "vpcId", "Interface VPC endpoints per VPC"),
    ("aws:ec2/networkInterface:NetworkInterface", None, "Network interfaces per Region"),
)  # fmt: skip


def quotas() -> Mapping[str, Quota]:
    """Returns the quota of each type that has one."""
    published = validators.limits()["quotas"]["values"]
    found = {kind: Quota(entry["most"], entry["code"], entry.get("by")) for kind, entry in published.items()}
    for kind, by, name in _VPC:
        most, code = sources.quotas()[name]
        found[kind] = Quota(most, code, by)
    return found


def _room(quota: Quota, resource: Resource, account: Account) -> Iterator[Refusal]:
    counted = others(resource, account)
    if quota.by:
        counted = [other for other in counted if value(other, quota.by) == value(resource, quota.by)]
    if len(counted) >= quota.most:
        where = f" of {value(resource, quota.by)}" if quota.by else ""
        reason = (
            f"there are {len(counted)}{where} already, as many as the quota {quota.code} allows; ask for more"
        )
        yield Refusal(quota.by or "id", reason, f"Service Quotas {quota.code}", "LimitExceeded")


def rules() -> Rules:
    """Returns the rule of each type that has a quota."""
    return {kind: [partial(_room, quota)] for kind, quota in quotas().items()}
