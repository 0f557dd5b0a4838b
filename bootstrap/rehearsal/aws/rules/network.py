"""Networks: addresses, routes, endpoints, security groups."""

import ipaddress
from collections.abc import Iterator
from typing import Any

from bootstrap.rehearsal.aws import sources
from bootstrap.rehearsal.aws.rules.support import (
    SUBNET,
    VPC,
    Account,
    Refusal,
    Resource,
    Rules,
    entries,
    named,
    one_vpc,
    others,
    value,
    zones_of,
)

_TARGETS = (
    "carrierGatewayId",
    "coreNetworkArn",
    "egressOnlyGatewayId",
    "gatewayId",
    "localGatewayId",
    "natGatewayId",
    "networkInterfaceId",
    "transitGatewayId",
    "vpcEndpointId",
    "vpcPeeringConnectionId",
)
_SOURCES = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")
_ANYWHERE = "0.0.0.0/0"
_GATEWAY = "aws:ec2/internetGateway:InternetGateway"
_TABLE = "aws:ec2/routeTable:RouteTable"


def _subnet(resource: Resource, account: Account) -> Iterator[Refusal]:
    block = ipaddress.ip_network(value(resource, "cidrBlock"))
    vpc = account.get(VPC, value(resource, "vpcId"))
    if vpc and not block.subnet_of(whole := ipaddress.ip_network(value(vpc, "cidrBlock"))):  # type: ignore[arg-type]
        yield Refusal(
            "cidrBlock",
            f"{block} is not within {whole}, the block of {vpc.id}",
            "moto ec2",
            "InvalidSubnet.Range",
        )
    for other in others(resource, account):
        if value(other, "vpcId") == value(resource, "vpcId") and block.overlaps(
            taken := ipaddress.ip_network(value(other, "cidrBlock"))
        ):
            reason = f"{block} overlaps {taken}, the block of {other.id}"
            yield Refusal("cidrBlock", reason, "moto ec2", "InvalidSubnet.Conflict")
    zone = value(resource, "availabilityZone")
    if zone is not None and zone not in (known := sources.zones(account.region)):
        reason = f"{account.region} has no zone {zone!r}; it has {', '.join(known)}"
        yield Refusal("availabilityZone", reason, "moto ec2", "InvalidParameterValue")


def _route(resource: Resource, account: Account) -> Iterator[Refusal]:
    targets = [name for name in _TARGETS if value(resource, name)]
    if len(targets) != 1:
        reason = f"a route has exactly one target, not {', '.join(targets) or 'none'}"
        yield Refusal(
            "gatewayId", reason, "terraform-provider-aws vpc_route.go", "InvalidParameterCombination"
        )
    table = account.get(_TABLE, value(resource, "routeTableId"))
    gateway = account.get(_GATEWAY, value(resource, "gatewayId") or "")
    if table and gateway and value(gateway, "vpcId") != value(table, "vpcId"):
        reason = f"{gateway.id} is not attached to {value(table, 'vpcId')}, the VPC of {table.id}"
        yield Refusal("gatewayId", reason, "botocore ec2.CreateRoute", "InvalidParameterValue")
    nat = account.get("aws:ec2/natGateway:NatGateway", value(resource, "natGatewayId") or "")
    if nat and table and table.id in {table_of(account, value(nat, "subnetId"))}:
        reason = (
            f"{nat.id} stands in a subnet of {table.id} itself, so that its own traffic would come back to it"
        )
        yield Refusal(
            "natGatewayId",
            reason,
            "docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html",
        )
    vpc = account.get(VPC, value(table, "vpcId")) if table else None
    if vpc and value(resource, "destinationCidrBlock") == value(vpc, "cidrBlock"):
        reason = "the route of the VPC's own block is there already and stays local"
        yield Refusal("destinationCidrBlock", reason, "moto ec2", "RouteAlreadyExists")


def table_of(account: Account, subnet: Any) -> str | None:
    """Returns the identifier of the route table of a subnet, where one is associated."""
    associations = account.find("aws:ec2/routeTableAssociation:RouteTableAssociation", "subnetId", subnet)
    return value(associations[0], "routeTableId") if associations else None


def _association(resource: Resource, account: Account) -> Iterator[Refusal]:
    table = account.get(_TABLE, value(resource, "routeTableId"))
    subnet = account.get(SUBNET, value(resource, "subnetId") or "")
    if table and subnet and value(table, "vpcId") != value(subnet, "vpcId"):
        reason = f"{subnet.id} is of {value(subnet, 'vpcId')}, {table.id} of {value(table, 'vpcId')}"
        yield Refusal("subnetId", reason, "botocore ec2.AssociateRouteTable", "InvalidParameterValue")


def _nat(resource: Resource, account: Account) -> Iterator[Refusal]:
    source = "docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html"
    public = value(resource, "connectivityType") != "private"
    if public != bool(value(resource, "allocationId")):
        reason = (
            "a public NAT gateway needs an Elastic IP"
            if public
            else "a private NAT gateway takes no Elastic IP"
        )
        yield Refusal(
            "allocationId", reason, "botocore ec2.CreateNatGateway.AllocationId", "MissingParameter"
        )
    subnet = account.get(SUBNET, value(resource, "subnetId") or "")
    if subnet is None or not public:
        return
    if not account.find(_GATEWAY, "vpcId", value(subnet, "vpcId")):
        reason = f"{value(subnet, 'vpcId')} has no internet gateway attached"
        yield Refusal("subnetId", reason, source, "Gateway.NotAttached")
    routes = account.find("aws:ec2/route:Route", "routeTableId", table_of(account, subnet.id) or "")
    for route in routes:
        if value(route, "destinationCidrBlock") == _ANYWHERE and not value(route, "gatewayId"):
            reason = f"{subnet.id} is no public subnet: its way to {_ANYWHERE} is no internet gateway"
            yield Refusal("subnetId", reason, source)


def _endpoint(resource: Resource, account: Account) -> Iterator[Refusal]:
    kind, service = value(resource, "vpcEndpointType") or "Gateway", str(value(resource, "serviceName"))
    prefix, known = f"com.amazonaws.{account.region}.", sources.endpoint_services()
    if not service.startswith(prefix) or service.removeprefix(prefix) not in known:
        reason = f"{account.region} has no service {service!r}; names begin with {prefix!r}"
        yield Refusal("serviceName", reason, "moto ec2", "InvalidServiceName")
    gateway = service.removeprefix(prefix) in ("s3", "dynamodb")
    if kind == "Gateway" and not gateway:
        reason = f"{service} has no endpoint of type Gateway"
        yield Refusal(
            "vpcEndpointType",
            reason,
            "docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html",
            "InvalidParameter",
        )
    wrong = {
        "Gateway": ("subnetIds", "securityGroupIds", "privateDnsEnabled"),
        "Interface": ("routeTableIds",),
    }
    for name in wrong.get(kind, ()):
        if value(resource, name):
            yield Refusal(
                name,
                f"an endpoint of type {kind} takes no {name}",
                f"botocore ec2.CreateVpcEndpoint.{name[:1].upper()}{name[1:]}",
                "InvalidParameter",
            )
    vpc = account.get(VPC, value(resource, "vpcId"))
    if vpc and kind == "Interface" and value(resource, "privateDnsEnabled"):
        for name in ("enableDnsSupport", "enableDnsHostnames"):
            if not value(vpc, name):
                reason = f"private DNS needs {name} of {vpc.id} set to true"
                yield Refusal(
                    "privateDnsEnabled",
                    reason,
                    "botocore ec2.CreateVpcEndpoint.PrivateDnsEnabled",
                    "InvalidParameter",
                )
    for other in others(resource, account):
        if all(
            value(other, n) == value(resource, n) for n in ("vpcId", "serviceName", "vpcEndpointType")
        ) and (
            (value(other, "privateDnsEnabled") and value(resource, "privateDnsEnabled"))
            or (
                kind == "Gateway"
                and set(entries(other, "routeTableIds")) & set(entries(resource, "routeTableIds"))
            )
        ):
            reason = f"{other.id} serves {service} to the same already"
            yield Refusal(
                "serviceName",
                reason,
                "docs.aws.amazon.com/vpc/latest/privatelink/interface-endpoints.html",
                "InvalidParameter",
            )
    subnets = named(account, SUBNET, entries(resource, "subnetIds"))
    if len(zones_of(subnets)) < len(subnets):
        reason = "takes one subnet of each zone at most"
        yield Refusal(
            "subnetIds",
            reason,
            "docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html",
            "DuplicateSubnetsInSameZone",
        )
    yield from one_vpc(resource, account, "subnetIds", "securityGroupIds", "InvalidParameter")


def _rule(resource: Resource, account: Account) -> Iterator[Refusal]:
    ends = [name for name in _SOURCES if value(resource, name)]
    if len(ends) != 1:
        reason = f"a rule names exactly one of {', '.join(_SOURCES)}, not {', '.join(ends) or 'none'}"
        source = "terraform-provider-aws vpc_security_group_ingress_rule.go"
        yield Refusal("cidrIpv4", reason, source, "MissingParameter")
    shape = ("securityGroupId", "ipProtocol", "fromPort", "toPort", *_SOURCES)
    for other in others(resource, account):
        if all(value(other, name) == value(resource, name) for name in shape):
            reason = f"{other.id} says the same already"
            yield Refusal((*ends, "cidrIpv4")[0], reason, "moto ec2", "InvalidPermission.Duplicate")
    protocol, low, high = (value(resource, name) for name in ("ipProtocol", "fromPort", "toPort"))
    yield from _ports("", protocol, low, high)


def _group(resource: Resource, _: Account) -> Iterator[Refusal]:
    for side in ("ingress", "egress"):
        seen: list[Any] = []
        for rule in entries(resource, side):
            yield from _ports(f"{side}.", rule.get("protocol"), rule.get("fromPort"), rule.get("toPort"))
            shape = {name: entry for name, entry in rule.items() if name != "description"}
            if shape in seen:
                reason = f"the same {side} rule is given twice: {shape}"
                yield Refusal(side, reason, "moto ec2", "InvalidPermission.Duplicate")
            seen.append(shape)


def _ports(prefix: str, protocol: Any, low: Any, high: Any) -> Iterator[Refusal]:
    source = "botocore ec2 IpPermission"
    known = {"tcp", "udp", "icmp", "icmpv6", "-1", "all"}
    if str(protocol) not in known and not (str(protocol).isdigit() and int(protocol) < 256):
        reason = f"{protocol!r} is no protocol; known are {', '.join(sorted(known))} and numbers"
        yield Refusal(f"{prefix}ipProtocol", reason, source, "InvalidParameterValue")
    elif str(protocol) in ("tcp", "udp"):
        if low is None or high is None:
            yield Refusal(
                f"{prefix}fromPort", f"{protocol} needs a range of ports", source, "InvalidParameterValue"
            )
        elif not 0 <= low <= high:
            yield Refusal(
                f"{prefix}toPort",
                f"{low:.0f} to {high:.0f} is no range of ports",
                source,
                "InvalidParameterValue",
            )


def _flow_log(resource: Resource, _: Account) -> Iterator[Refusal]:
    watched = [name for name in ("vpcId", "subnetId", "eniId", "transitGatewayId") if value(resource, name)]
    if len(watched) != 1:
        reason = f"watches exactly one of VPC, subnet and interface, not {', '.join(watched) or 'none'}"
        yield Refusal("vpcId", reason, "terraform-provider-aws vpc_flow_log.go", "InvalidParameter")
    if not value(resource, "trafficType") and "transitGatewayId" not in watched:
        yield Refusal("trafficType", "says not which traffic to log", "moto ec2", "MissingParameter")
    if value(resource, "logDestinationType") == "cloud-watch-logs" and not value(resource, "iamRoleArn"):
        reason = "CloudWatch Logs needs a role to write with"
        yield Refusal("iamRoleArn", reason, "moto ec2", "InvalidParameter")
    if not value(resource, "logDestination"):
        yield Refusal("logDestination", "has nowhere to write to", "moto ec2", "InvalidParameter")


def _template(resource: Resource, account: Account) -> Iterator[Refusal]:
    if kind := value(resource, "instanceType"):
        yield from offered("instanceType", kind, account)
    for mapping in entries(resource, "blockDeviceMappings"):
        disk = mapping.get("ebs") or {}
        if disk.get("kmsKeyId") and str(disk.get("encrypted")).lower() != "true":
            reason = "a volume with a key must have `encrypted` set to true"
            yield Refusal(
                "blockDeviceMappings",
                reason,
                "botocore ec2 LaunchTemplateEbsBlockDeviceRequest.KmsKeyId",
                "InvalidParameterDependency",
            )


def offered(path: str, kind: str, account: Account) -> Iterator[Refusal]:
    """Refuses an instance type that the region does not offer."""
    if kind not in sources.instance_types(account.region):
        reason = f"{account.region} has no instance type {kind!r}"
        yield Refusal(path, reason, "moto ec2 instance_type_offerings", "InvalidInstanceType")


def _balancer(resource: Resource, account: Account) -> Iterator[Refusal]:
    yield from one_vpc(resource, account, "subnets", "securityGroups", "InvalidConfigurationRequest")
    for subnet in named(account, SUBNET, entries(resource, "subnets")):
        vpc = value(subnet, "vpcId")
        if not value(resource, "internal") and not account.find(_GATEWAY, "vpcId", vpc):
            reason = f"faces the internet, but {vpc} has no internet gateway"
            yield Refusal("internal", reason, "botocore elbv2.CreateLoadBalancer", "InvalidSubnet")
            return


def _detached(resource: Resource, account: Account) -> Iterator[Refusal]:
    for nat in account.all("aws:ec2/natGateway:NatGateway"):
        subnet = account.get(SUBNET, value(nat, "subnetId") or "")
        if subnet and value(subnet, "vpcId") == value(resource, "vpcId") and value(nat, "publicIp"):
            reason = f"{value(resource, 'vpcId')} has a public address in use by {nat.id}"
            source = "botocore ec2.DetachInternetGateway"
            yield Refusal("vpcId", reason, source, "DependencyViolation")


CREATING: Rules = {
    SUBNET: [_subnet],
    "aws:ec2/route:Route": [_route],
    "aws:ec2/routeTableAssociation:RouteTableAssociation": [_association],
    "aws:ec2/natGateway:NatGateway": [_nat],
    "aws:ec2/vpcEndpoint:VpcEndpoint": [_endpoint],
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": [_rule],
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": [_rule],
    "aws:ec2/securityGroup:SecurityGroup": [_group],
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": [_group],
    "aws:ec2/flowLog:FlowLog": [_flow_log],
    "aws:ec2/launchTemplate:LaunchTemplate": [_template],
    "aws:lb/loadBalancer:LoadBalancer": [_balancer],
}
DELETING: Rules = {_GATEWAY: [_detached]}
