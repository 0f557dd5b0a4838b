"""What servers that AWS runs for us have in common: who may connect, and how the last snapshot is called."""

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from components import naming
from components.foundation.aws.tags import tags


def clients(
    name: str,
    environment: str,
    vpc_id: pulumi.Input[str],
    cidr: str,
    port: int,
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """Creates the security group of a server that the addresses of `cidr` reach at the port; returns its id.

    Nobody else reaches it, and it calls nobody: a group without rules for egress lets nothing out.
    """
    group = aws.ec2.SecurityGroup(
        name,
        name=naming.physical("aws-security-group", environment, name),
        description=f"Clients of the {name}",
        vpc_id=vpc_id,
        tags=tags(name),
        opts=opts,
    )
    aws.vpc.SecurityGroupIngressRule(
        name,
        security_group_id=group.id,
        description="From inside the network",
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        cidr_ipv4=cidr,
        tags=tags(name),
        opts=opts,
    )
    return group.id


def final_snapshot(
    kind: str, name: str, environment: str, key_arn: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """Returns the name of a server's last snapshot, the same for as long as the server lives.

    The snapshot outlives the server, and a server that came after it under the same name could not be deleted
    if it were to leave a snapshot of that name as well. So a part of it is drawn, with the server and, by the
    keepers, with whatever replaces the server.

    Args:
        kind: Kind of the name; see `naming.LIMITS`.
        name: Logical name of the server.
        environment: Name of the environment.
        key_arn: Key of the storage; another one replaces the server.
        opts: Options of what is drawn.
    """
    life = random.RandomId(
        f"{name}-final-snapshot",
        byte_length=4,
        keepers={"server": naming.physical(kind, environment, name), "key": key_arn},
        opts=opts,
    )
    return life.hex.apply(lambda drawn: naming.physical(kind, environment, name, "final", drawn))
