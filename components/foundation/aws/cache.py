"""The cache on AWS: ElastiCache for Valkey with a password."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from components import naming
from components.base import Component
from components.foundation.aws.managed import clients, final_snapshot
from components.foundation.aws.tags import tags
from components.foundation.aws.windows import windows
from components.foundation.contract import CacheAccess

PORT: Final = 6379


@dataclass(frozen=True)
class AwsCacheArgs:
    """Arguments of `AwsCache`.

    Attributes:
        environment: Name of the environment; physical names begin with it.
        vpc_id: The network.
        subnet_ids: Its subnets for data.
        client_cidr: Whose addresses may connect: the network's.
        key_arn: Key of what is at rest, snapshots included.
        log_key_arn: Key of the log.
        instance_type: Node type.
        replicas: Copies beside the primary, each in another zone; one of them takes over from it.
        engine_version: Major and minor version of Valkey.
        snapshot_retention_days: Days that daily snapshots are kept, 0 for none.
        snapshot_schedule: When they begin, as five cron fields in UTC; once a day.
        log_retention_days: Days that the log is kept; what CloudWatch admits.
        cidrs: Networks of the subnets, for egress policies; `client_cidr` where not given.
        final_snapshot: Whether a last snapshot outlives the cache.
        protect: Whether the cache refuses deletion.
    """

    environment: str
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    client_cidr: str
    key_arn: pulumi.Input[str]
    log_key_arn: pulumi.Input[str]
    instance_type: str = "cache.t4g.small"
    replicas: int = 0
    engine_version: str = "8.1"
    snapshot_retention_days: int = 1
    snapshot_schedule: str = "0 3 * * *"
    log_retention_days: int = 7
    cidrs: Sequence[str] = ()
    final_snapshot: bool = False
    protect: bool = False


class AwsCache(Component[AwsCacheArgs]):
    """One Valkey, with replicas where asked for, that answers nobody without the password.

    The caller's options carry explicit providers: aws and random.

    Guarantees: no public address; only `client_cidr` reaches it, by TLS alone; what is at rest is encrypted
    with a key of ours. What no longer fits is an error, as on every foundation, and never evicted.

    Attributes:
        ready: Exist once Valkey answers.
        egress: Networks and port of the cache, for policies.
        access: How a consumer connects.

    Raises:
        ArgsError: AWS offers no such snapshot schedule.
    """

    args_type = AwsCacheArgs

    ready: Sequence[pulumi.Resource]
    egress: Sequence[tuple[str, int]]
    access: CacheAccess

    def build(self, args: AwsCacheArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        # ElastiCache takes 16 to 128 characters, and few of the special ones.
        password = random.RandomPassword(f"{self.name}-password", length=64, special=False, opts=self.child())
        identifier = naming.physical("aws-elasticache", args.environment, self.name)
        times = windows(args.snapshot_schedule)
        log = aws.cloudwatch.LogGroup(
            self.name,
            name=f"/aws/elasticache/{identifier}",
            kms_key_id=args.log_key_arn,
            retention_in_days=args.log_retention_days,
            tags=tags(self.name),
            opts=self.child(),
        )
        cache = aws.elasticache.ReplicationGroup(
            self.name,
            replication_group_id=identifier,
            description="Cache and online store",
            engine="valkey",
            engine_version=args.engine_version,
            auto_minor_version_upgrade=True,
            node_type=args.instance_type,
            num_cache_clusters=args.replicas + 1,
            automatic_failover_enabled=args.replicas > 0,
            multi_az_enabled=args.replicas > 0,
            port=PORT,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            auth_token=password.result,
            at_rest_encryption_enabled=True,
            kms_key_id=args.key_arn,
            subnet_group_name=self._subnets(args),
            security_group_ids=[
                clients(self.name, args.environment, args.vpc_id, args.client_cidr, PORT, self.child())
            ],
            parameter_group_name=self._parameters(args),
            # See `AwsDatabase`: what was confirmed happens now.
            apply_immediately=True,
            snapshot_retention_limit=args.snapshot_retention_days,
            snapshot_window=times.backup,
            maintenance_window=times.maintenance,
            final_snapshot_identifier=final_snapshot(
                "aws-elasticache", self.name, args.environment, args.key_arn, self.child()
            )
            if args.final_snapshot
            else None,
            # The engine's own log alone: the slow log shows what was asked for, keys and values.
            log_delivery_configurations=[
                aws.elasticache.ReplicationGroupLogDeliveryConfigurationArgs(
                    destination=log.name,
                    destination_type="cloudwatch-logs",
                    log_format="json",
                    log_type="engine-log",
                )
            ],
            tags=tags(self.name),
            opts=self.child(protect=args.protect or None),
        )
        self.ready = [cache]
        self.egress = [(cidr, PORT) for cidr in args.cidrs or [args.client_cidr]]
        self.access = CacheAccess(
            host=cache.primary_endpoint_address, port=PORT, password=password.result, tls=True
        )
        return {"host": self.access.host}

    def _subnets(self, args: AwsCacheArgs) -> pulumi.Output[str]:
        return aws.elasticache.SubnetGroup(
            self.name,
            name=naming.physical("aws-elasticache", args.environment, self.name),
            description="Subnets of the cache",
            subnet_ids=list(args.subnet_ids),
            tags=tags(self.name),
            opts=self.child(),
        ).name

    def _parameters(self, args: AwsCacheArgs) -> pulumi.Output[str]:
        family = f"valkey{args.engine_version.partition('.')[0]}"
        return aws.elasticache.ParameterGroup(
            self.name,
            # A group is of one family: by its name, the next one can be there before this one goes.
            name=naming.physical("aws-elasticache", args.environment, self.name, family),
            family=family,
            description="What no longer fits is refused",
            parameters=[
                aws.elasticache.ParameterGroupParameterArgs(name="maxmemory-policy", value="noeviction")
            ],
            tags=tags(self.name),
            opts=self.child(),
        ).name
