"""The network on AWS: what goes over the wire."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.base import ArgsError
from components.foundation.aws import documents
from components.foundation.aws.network import AwsNetwork, AwsNetworkArgs, log_retention

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
TABLE = "aws:ec2/routeTable:RouteTable"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
ROUTE = "aws:ec2/route:Route"
GATEWAY = "aws:ec2/internetGateway:InternetGateway"
NAT = "aws:ec2/natGateway:NatGateway"
ADDRESS = "aws:ec2/eip:Eip"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
LOG = "aws:cloudwatch/logGroup:LogGroup"
FLOW = "aws:ec2/flowLog:FlowLog"
ROLE = "aws:iam/role:Role"
WRITE = "aws:iam/rolePolicy:RolePolicy"
ZONES = "aws:index/getAvailabilityZones:getAvailabilityZones"
ACCOUNT = "123456789012"
LOG_ARN = f"arn:aws:logs:eu-central-1:{ACCOUNT}:log-group:/prod/flow-logs"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/prod-flow-logs"
OUTPUTS: dict[str, Any] = {
    LOG: {"arn": LOG_ARN},
    ROLE: {"arn": ROLE_ARN},
    ADDRESS: lambda resource: {"allocationId": f"allocation-{resource.name}"},
}


def network(**changes: Any) -> AwsNetwork:
    arguments: dict[str, Any] = {
        "environment": "prod",
        "account": ACCOUNT,
        "region": "eu-central-1",
        "cidr": "10.0.0.0/16",
        "zones": 3,
        "log_key_arn": "log-key-arn",
    }
    provider = aws.Provider("aws", region="eu-central-1")
    return AwsNetwork(
        "network", AwsNetworkArgs(**(arguments | changes)), pulumi.ResourceOptions(providers=[provider])
    )


@pytest.fixture
def run(run_program: Any) -> Any:
    asked: list[Mapping[str, Any]] = []

    def zones(arguments: Mapping[str, Any]) -> dict[str, Any]:
        asked.append(arguments)
        return {"names": [f"eu-central-1{letter}" for letter in "abcd"]}

    def program(**changes: Any) -> Any:
        recorded = run_program(lambda: network(**changes), outputs=OUTPUTS, calls={ZONES: zones})
        recorded.asked = asked
        return recorded

    return program


def by_name(recorded: Any, kind: str) -> dict[str, Any]:
    return {resource.name: resource.inputs for resource in recorded.all(kind)}


def test_names_resolve_inside_and_the_default_group_admits_nothing(run: Any) -> None:
    recorded = run()
    vpc = recorded.one(VPC).inputs
    assert vpc["cidrBlock"] == "10.0.0.0/16"
    assert (vpc["enableDnsSupport"], vpc["enableDnsHostnames"]) == (True, True)
    default = recorded.one(DEFAULT_GROUP).inputs
    assert default["vpcId"] == "network-id"
    assert not {"ingress", "egress"} & set(default)


def test_each_tier_has_a_subnet_in_each_zone(run: Any) -> None:
    recorded = run()
    subnets = by_name(recorded, SUBNET)
    assert {name: (it["cidrBlock"], it["availabilityZone"]) for name, it in subnets.items()} == {
        "private-0": ("10.0.0.0/18", "eu-central-1a"),
        "private-1": ("10.0.64.0/18", "eu-central-1b"),
        "private-2": ("10.0.128.0/18", "eu-central-1c"),
        "data-0": ("10.0.192.0/22", "eu-central-1a"),
        "data-1": ("10.0.196.0/22", "eu-central-1b"),
        "data-2": ("10.0.200.0/22", "eu-central-1c"),
        "public-0": ("10.0.204.0/22", "eu-central-1a"),
        "public-1": ("10.0.208.0/22", "eu-central-1b"),
        "public-2": ("10.0.212.0/22", "eu-central-1c"),
    }
    assert not any(it["mapPublicIpOnLaunch"] for it in subnets.values())
    assert recorded.value(recorded.result.private_subnet_ids) == [f"private-{n}-id" for n in range(3)]
    assert recorded.value(recorded.result.data_subnet_ids) == [f"data-{n}-id" for n in range(3)]
    assert recorded.result.data_cidrs == ("10.0.192.0/22", "10.0.196.0/22", "10.0.200.0/22")
    assert recorded.value(recorded.result.vpc_id) == "network-id"


def test_zones_are_those_that_every_account_has(run: Any) -> None:
    (asked,) = run().asked
    assert asked["state"] == "available"
    assert asked["filters"] == [{"name": "opt-in-status", "values": ["opt-in-not-required"]}]


def test_a_subnet_stays_in_its_zone(run: Any) -> None:
    assert all(subnet.ignore_changes == ("availabilityZone",) for subnet in run().all(SUBNET))


def test_case_15_load_balancers_of_services_are_put_into_private_subnets(run: Any) -> None:
    marks = {"kubernetes.io/role/internal-elb": "1", "kubernetes.io/cluster/prod": "shared"}
    for name, subnet in by_name(run(), SUBNET).items():
        given = {key: value for key, value in subnet["tags"].items() if key != "Name"}
        assert given == (marks if name.startswith("private") else {})


def routes(recorded: Any) -> dict[str, Any]:
    return {
        route.inputs["routeTableId"].removesuffix("-id"): route.inputs.get("natGatewayId")
        or route.inputs["gatewayId"]
        for route in recorded.all(ROUTE)
    }


def test_each_zone_has_its_own_way_out_and_data_has_none(run: Any) -> None:
    recorded = run()
    assert routes(recorded) == {
        "private-0": "nat-0-id",
        "private-1": "nat-1-id",
        "private-2": "nat-2-id",
        "public": "network-id",
    }
    assert all(route.inputs["destinationCidrBlock"] == "0.0.0.0/0" for route in recorded.all(ROUTE))
    assert {it["subnetId"]: it["routeTableId"] for it in by_name(recorded, ASSOCIATION).values()} == {
        **{f"private-{n}-id": f"private-{n}-id" for n in range(3)},
        **{f"data-{n}-id": "data-id" for n in range(3)},
        **{f"public-{n}-id": "public-id" for n in range(3)},
    }


def test_nat_gateways_stand_in_public_subnets_that_lead_out(run: Any) -> None:
    recorded = run()
    to_internet = recorded.one(ROUTE, "public")
    for nat in recorded.all(NAT):
        zone = nat.name.removeprefix("nat-")
        assert nat.inputs["subnetId"] == f"public-{zone}-id"
        assert nat.inputs["allocationId"] == f"allocation-nat-{zone}"
        assert to_internet.urn in nat.dependencies
    for address in recorded.all(ADDRESS):
        assert address.inputs["domain"] == "vpc"
        # A gateway is not taken away while addresses lead through it.
        assert recorded.one(GATEWAY).urn in address.dependencies


def test_one_nat_gateway_serves_all_zones_where_asked(run: Any) -> None:
    recorded = run(nat_per_zone=False)
    assert [nat.name for nat in recorded.all(NAT)] == ["nat-0"]
    assert [name for name in by_name(recorded, SUBNET) if name.startswith("public")] == ["public-0"]
    assert {name: to for name, to in routes(recorded).items() if name != "public"} == {
        f"private-{n}": "nat-0-id" for n in range(3)
    }


def test_case_19_without_egress_nothing_leads_out(run: Any) -> None:
    recorded = run(egress="none")
    for kind in (ROUTE, GATEWAY, NAT, ADDRESS):
        assert recorded.all(kind) == []
    assert not any(name.startswith("public") for name in by_name(recorded, SUBNET))
    open_, closed = (
        json.loads(run(egress=way).one(ENDPOINT, "s3").inputs["policy"]) for way in ("nat", "none")
    )
    assert open_ == documents.store_endpoint(ACCOUNT, "eu-central-1", public_images=True)
    assert closed == documents.store_endpoint(ACCOUNT, "eu-central-1", public_images=False)


def test_aws_is_reached_without_leaving_the_network(run: Any) -> None:
    recorded = run()
    endpoints = by_name(recorded, ENDPOINT)
    store = endpoints.pop("s3")
    assert store["vpcEndpointType"] == "Gateway"
    assert store["serviceName"] == "com.amazonaws.eu-central-1.s3"
    assert store["routeTableIds"] == ["private-0-id", "private-1-id", "private-2-id", "data-id"]
    assert set(endpoints) == {
        *("ecr.api", "ecr.dkr", "kms", "secretsmanager", "sts"),
        *("logs", "ec2", "eks", "autoscaling", "elasticloadbalancing"),
    }
    for name, endpoint in endpoints.items():
        assert endpoint["serviceName"] == f"com.amazonaws.eu-central-1.{name}"
        assert endpoint["vpcEndpointType"] == "Interface"
        assert endpoint["privateDnsEnabled"] is True
        assert endpoint["subnetIds"] == [f"private-{n}-id" for n in range(3)]
        assert endpoint["securityGroupIds"] == ["endpoints-id"]
    rule = recorded.one(RULE).inputs
    assert rule["securityGroupId"] == "endpoints-id"
    assert (rule["ipProtocol"], rule["fromPort"], rule["toPort"]) == ("tcp", 443, 443)
    assert rule["cidrIpv4"] == "10.0.0.0/16"
    assert not {"ingress", "egress"} & set(recorded.one(GROUP).inputs)


def test_what_could_carry_data_out_is_for_own_identities(run: Any) -> None:
    bounded = {name: it["policy"] for name, it in by_name(run(), ENDPOINT).items() if "policy" in it}
    assert set(bounded) == {"s3", "ecr.api", "kms", "secretsmanager", "logs"}
    del bounded["s3"]
    assert all(json.loads(it) == documents.own_identities(ACCOUNT) for it in bounded.values())


def test_every_connection_is_logged_under_our_key(run: Any) -> None:
    recorded = run(log_retention_days=100)
    log, flow, write = recorded.one(LOG).inputs, recorded.one(FLOW), recorded.one(WRITE)
    assert log["name"] == "/prod/flow-logs"
    assert (log["kmsKeyId"], log["retentionInDays"]) == ("log-key-arn", 120)
    assert flow.inputs["vpcId"] == "network-id"
    assert flow.inputs["trafficType"] == "ALL"
    assert (flow.inputs["logDestination"], flow.inputs["iamRoleArn"]) == (LOG_ARN, ROLE_ARN)
    assert write.urn in flow.dependencies
    assert json.loads(write.inputs["policy"]) == documents.write_logs(LOG_ARN)
    trusted = json.loads(recorded.one(ROLE).inputs["assumeRolePolicy"])
    assert trusted == documents.assume_role("vpc-flow-logs.amazonaws.com", ACCOUNT)


def test_it_is_ready_once_every_way_is_there(run: Any) -> None:
    recorded = run()
    ready = {recorded.value(resource.urn) for resource in recorded.result.ready}
    ways = [r for r in recorded.resources if r.type in (ASSOCIATION, ENDPOINT, RULE)]
    ways += [route for route in recorded.all(ROUTE) if route.name != "public"]
    assert {way.urn for way in ways} <= ready


@pytest.mark.parametrize("zones", [1, 2])
def test_a_zone_more_moves_nothing(run: Any, zones: int) -> None:
    few, many = run(zones=zones), run(zones=3)
    kept = {(r.type, r.name): r.inputs for r in few.resources if r.type in (SUBNET, TABLE, ROUTE, NAT)}
    assert kept
    later = {(r.type, r.name): r.inputs for r in many.resources}
    assert {key: later[key] for key in kept} == kept


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"egress": "proxy"}, "'proxy' is unknown; give nat or none"),
        ({"cidr": "10.0.0.0/24"}, "/16 to /20"),
        ({"zones": 4}, "4 zones"),
        ({"connected_cidrs": ["172.16.0.0/12", "10.0.7.0/24"]}, "10.0.7.0/24 share addresses"),
    ],
)
def test_what_cannot_be_routed_is_refused(run: Any, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ArgsError, match=reason):
        run(**changes)


def test_every_child_goes_through_the_provider_given_and_bears_a_name_of_its_own(run: Any) -> None:
    recorded = run()
    component = recorded.one("colonnade:index:AwsNetwork")
    ours = [r for r in recorded.resources if r.type.startswith("aws:")]
    assert len(ours) > 50
    for resource in ours:
        assert resource.parent == component.urn
        assert resource.provider.startswith(recorded.one("pulumi:providers:aws").urn)
    named = [(r.type, r.inputs["tags"]["Name"]) for r in ours if "tags" in r.inputs]
    assert len(set(named)) == len(named)
    assert {r.type for r in ours if "tags" not in r.inputs} == {ROUTE, ASSOCIATION, WRITE}


@given(st.integers(1, 3653))
def test_logs_are_kept_for_as_long_as_asked_or_longer(days: int) -> None:
    kept = log_retention(days)
    assert kept >= days
    assert log_retention(kept) == kept


@pytest.mark.parametrize(("days", "kept"), [(1, 1), (2, 3), (90, 90), (91, 120), (366, 400), (3653, 3653)])
def test_retentions_are_those_that_cloudwatch_admits(days: int, kept: int) -> None:
    assert log_retention(days) == kept


@pytest.mark.parametrize("days", [0, -1, 3654])
def test_logs_that_cannot_be_kept_so_long_are_refused(days: int) -> None:
    with pytest.raises(ArgsError, match="give 1 to 3653"):
        log_retention(days)
