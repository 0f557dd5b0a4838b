"""The private network: subnets over zones, a controlled way out, and ways to AWS that stay inside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from components import naming
from components.base import ArgsError, Component
from components.foundation.aws import documents
from components.foundation.aws.plan import Plan, PlanError, overlapping, plan
from components.foundation.aws.tags import tags

NAT: Final = "nat"
NONE: Final = "none"
# What nodes and pods call: registry, keys, secrets, identities, logs, and what starts and joins nodes.
INTERFACES: Final = (
    *("ecr.api", "ecr.dkr", "kms", "secretsmanager", "sts"),
    *("logs", "ec2", "eks", "autoscaling", "elasticloadbalancing"),
)
# What could carry data out under somebody else's credentials. Not the registry's own protocol nor the service
# that gives out credentials: their callers have none of AWS's yet.
_OWN_IDENTITIES: Final = ("ecr.api", "kms", "secretsmanager", "logs")
ANYWHERE: Final = "0.0.0.0/0"
# What CloudWatch Logs admits, in days; source: its API reference, PutRetentionPolicy.
_RETENTIONS: Final = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


def log_retention(days: int) -> int:
    """Returns the shortest retention that CloudWatch Logs admits and that keeps logs for so many days.

    Raises:
        ArgsError: It keeps no logs for so long.
    """
    fitting = [admitted for admitted in _RETENTIONS if admitted >= days]
    if days < 1 or not fitting:
        raise ArgsError(f"logs cannot be kept for {days} days; give 1 to {_RETENTIONS[-1]}")
    return fitting[0]


@dataclass(frozen=True)
class AwsNetworkArgs:
    """Arguments of `AwsNetwork`.

    Attributes:
        environment: Name of the environment.
        account: The account that everything is in.
        region: Its region.
        cidr: Addresses of the network, /16 to /20.
        zones: Availability zones that it spans, 1 to 3.
        log_key_arn: Key of the flow logs.
        log_retention_days: Days that they are kept; rounded up to what CloudWatch admits.
        egress: `nat` for a way to the internet that nobody can come back by, `none` for no way at all.
        nat_per_zone: A NAT gateway in each zone, so that no zone depends on another.
        connected_cidrs: Networks joined to this one, which share no addresses with it or each other. The
            attachment itself is theirs: a transit gateway or VPN adds its routes to the private route tables.
    """

    environment: str
    account: pulumi.Input[str]
    region: str
    cidr: str
    zones: int
    log_key_arn: pulumi.Input[str]
    log_retention_days: int = 90
    egress: str = NAT
    nat_per_zone: bool = True
    connected_cidrs: Sequence[str] = ()


class AwsNetwork(Component[AwsNetworkArgs]):
    """A VPC over several zones, private by default.

    Guarantees: nothing inside has a public address but NAT gateways, where there are any; S3, the registry,
    keys, secrets and identities are reached without leaving the network; every connection is logged; the
    default security group admits nothing.

    Attributes:
        vpc_id: The VPC.
        cidr: Its addresses.
        private_subnet_ids: Subnets of nodes and pods, one a zone.
        data_subnet_ids: Subnets of databases and caches, one a zone; no way out.
        data_cidrs: Their blocks.
        ready: What must exist before anything runs in the network.

    Raises:
        ArgsError: The network has no room, shares addresses with a connected one, or the way out is unknown.
    """

    args_type = AwsNetworkArgs

    vpc_id: pulumi.Output[str]
    cidr: str
    private_subnet_ids: list[pulumi.Output[str]]
    data_subnet_ids: list[pulumi.Output[str]]
    data_cidrs: Sequence[str]
    ready: Sequence[pulumi.Resource]

    def build(self, args: AwsNetworkArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        if args.egress not in (NAT, NONE):
            raise ArgsError(
                f"AwsNetwork {self.name}: egress {args.egress!r} is unknown; give {NAT} or {NONE}"
            )
        try:
            blocks = plan(args.cidr, args.zones)
        except PlanError as error:
            raise ArgsError(f"AwsNetwork {self.name}: {error}") from error
        if shared := overlapping(args.cidr, args.connected_cidrs):
            raise ArgsError(
                f"AwsNetwork {self.name}: connected networks {', '.join(shared)} share addresses with "
                f"{args.cidr} or with each other, so that nothing could be routed to them"
            )
        vpc = aws.ec2.Vpc(
            self.name,
            cidr_block=args.cidr,
            enable_dns_support=True,
            # Names of the endpoints resolve to addresses inside.
            enable_dns_hostnames=True,
            tags=tags(args.environment),
            opts=self.child(),
        )
        self.vpc_id, self.cidr, self.data_cidrs = vpc.id, args.cidr, blocks.data
        # A group without rules; whoever forgets to choose one reaches nothing.
        aws.ec2.DefaultSecurityGroup(self.name, vpc_id=vpc.id, tags=tags("default"), opts=self.child())
        zones = self._zones(args)
        cluster = naming.physical("aws-eks-cluster", args.environment)
        private = self._subnets(
            "private",
            blocks.private,
            zones,
            # By these, load balancers of Services find the subnets.
            {"kubernetes.io/role/internal-elb": "1", f"kubernetes.io/cluster/{cluster}": "shared"},
        )
        data = self._subnets("data", blocks.data, zones, {})
        self.private_subnet_ids = [subnet.id for subnet in private]
        self.data_subnet_ids = [subnet.id for subnet in data]
        self._routed: list[pulumi.Resource] = []
        tables = [self._table(f"private-{index}", [subnet]) for index, subnet in enumerate(private)]
        inside = self._table("data", data)
        ways_out = self._way_out(args, blocks, zones, tables) if args.egress == NAT else []
        endpoints = self._endpoints(args, private, [*tables, inside])
        self._flow_logs(args)
        self.ready = [*self._routed, *ways_out, *endpoints]
        return {"vpc_id": self.vpc_id, "private_subnet_ids": self.private_subnet_ids}

    def _zones(self, args: AwsNetworkArgs) -> list[pulumi.Output[str]]:
        """Returns the names of the first zones that every account has without asking for them."""
        found = aws.get_availability_zones_output(
            state="available",
            filters=[
                aws.GetAvailabilityZonesFilterArgs(name="opt-in-status", values=["opt-in-not-required"])
            ],
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        return [found.names[index] for index in range(args.zones)]

    def _subnets(
        self,
        tier: str,
        blocks: Sequence[str],
        zones: Sequence[pulumi.Output[str]],
        marks: Mapping[str, str],
    ) -> list[aws.ec2.Subnet]:
        return [
            aws.ec2.Subnet(
                f"{tier}-{index}",
                vpc_id=self.vpc_id,
                cidr_block=block,
                availability_zone=zone,
                map_public_ip_on_launch=False,
                tags={**tags(f"{tier}-{index}"), **marks},
                # The zone of a block never changes, also where AWS comes to list its zones in another order.
                opts=self.child(ignore_changes=["availabilityZone"]),
            )
            for index, (block, zone) in enumerate(zip(blocks, zones, strict=True))
        ]

    def _table(self, name: str, subnets: Sequence[aws.ec2.Subnet]) -> aws.ec2.RouteTable:
        table = aws.ec2.RouteTable(name, vpc_id=self.vpc_id, tags=tags(name), opts=self.child())
        for index, subnet in enumerate(subnets):
            self._routed.append(
                aws.ec2.RouteTableAssociation(
                    f"{name}-{index}", route_table_id=table.id, subnet_id=subnet.id, opts=self.child()
                )
            )
        return table

    def _way_out(
        self,
        args: AwsNetworkArgs,
        blocks: Plan,
        zones: Sequence[pulumi.Output[str]],
        tables: Sequence[aws.ec2.RouteTable],
    ) -> list[pulumi.Resource]:
        """Creates NAT gateways and the routes to them; connections begin inside or not at all."""
        gateway = aws.ec2.InternetGateway(
            self.name, vpc_id=self.vpc_id, tags=tags(self.name), opts=self.child()
        )
        count = args.zones if args.nat_per_zone else 1
        public = self._subnets("public", blocks.public[:count], zones[:count], {})
        table = self._table("public", public)
        to_internet = aws.ec2.Route(
            "public",
            route_table_id=table.id,
            destination_cidr_block=ANYWHERE,
            gateway_id=gateway.id,
            opts=self.child(),
        )
        gateways = []
        for index, subnet in enumerate(public):
            address = aws.ec2.Eip(
                f"nat-{index}", domain="vpc", tags=tags(f"nat-{index}"), opts=self.child(depends_on=[gateway])
            )
            gateways.append(
                aws.ec2.NatGateway(
                    f"nat-{index}",
                    allocation_id=address.allocation_id,
                    subnet_id=subnet.id,
                    tags=tags(f"nat-{index}"),
                    opts=self.child(depends_on=[to_internet]),
                )
            )
        return [
            aws.ec2.Route(
                f"private-{index}",
                route_table_id=private.id,
                destination_cidr_block=ANYWHERE,
                nat_gateway_id=gateways[index % count].id,
                opts=self.child(),
            )
            for index, private in enumerate(tables)
        ]

    def _endpoints(
        self,
        args: AwsNetworkArgs,
        private: Sequence[aws.ec2.Subnet],
        tables: Sequence[aws.ec2.RouteTable],
    ) -> list[pulumi.Resource]:
        """Creates the ways to AWS's services that stay inside the network."""
        group = aws.ec2.SecurityGroup(
            "endpoints",
            name=naming.physical("aws-security-group", args.environment, "endpoints"),
            description="Endpoints of AWS services",
            vpc_id=self.vpc_id,
            tags=tags("endpoints"),
            opts=self.child(),
        )
        admitted = aws.vpc.SecurityGroupIngressRule(
            "endpoints",
            security_group_id=group.id,
            description="From inside the network",
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            cidr_ipv4=args.cidr,
            tags=tags("endpoints"),
            opts=self.child(),
        )
        account = pulumi.Output.from_input(args.account)
        public_images = args.egress == NAT
        own = account.apply(lambda it: documents.render(documents.own_identities(it)))
        store = aws.ec2.VpcEndpoint(
            "s3",
            vpc_id=self.vpc_id,
            service_name=f"com.amazonaws.{args.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in tables],
            policy=account.apply(
                lambda it: documents.render(documents.store_endpoint(it, args.region, public_images))
            ),
            tags=tags("s3"),
            opts=self.child(),
        )
        interfaces = [
            aws.ec2.VpcEndpoint(
                service,
                vpc_id=self.vpc_id,
                service_name=f"com.amazonaws.{args.region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=[subnet.id for subnet in private],
                security_group_ids=[group.id],
                policy=own if service in _OWN_IDENTITIES else None,
                tags=tags(service),
                opts=self.child(),
            )
            for service in INTERFACES
        ]
        return [store, admitted, *interfaces]

    def _flow_logs(self, args: AwsNetworkArgs) -> None:
        """Creates the record of every connection."""
        logs = aws.cloudwatch.LogGroup(
            "flow-logs",
            name=f"/{naming.physical('aws-log-group', args.environment, 'flow-logs')}",
            kms_key_id=args.log_key_arn,
            retention_in_days=log_retention(args.log_retention_days),
            tags=tags("flow-logs"),
            opts=self.child(),
        )
        role = aws.iam.Role(
            "flow-logs",
            name=naming.physical("aws-iam-role", args.environment, "flow-logs"),
            assume_role_policy=pulumi.Output.from_input(args.account).apply(
                lambda account: documents.render(
                    documents.assume_role("vpc-flow-logs.amazonaws.com", account)
                )
            ),
            tags=tags("flow-logs"),
            opts=self.child(),
        )
        written = aws.iam.RolePolicy(
            "flow-logs",
            name="write",
            role=role.name,
            policy=logs.arn.apply(lambda arn: documents.render(documents.write_logs(arn))),
            opts=self.child(),
        )
        aws.ec2.FlowLog(
            "flow-logs",
            vpc_id=self.vpc_id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=logs.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=60,
            tags=tags("flow-logs"),
            opts=self.child(depends_on=[written]),
        )
