"""AWS, from an account to the contract: keys, network, cluster, and what stands on them."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from components import catalog
from components.foundation.aws import foundation as on_aws
from components.foundation.aws.cluster import AwsCluster, AwsClusterArgs
from components.foundation.aws.keys import AwsKeys, AwsKeysArgs
from components.foundation.aws.network import AwsNetwork, AwsNetworkArgs
from components.foundation.aws.pools import AcceleratorArgs, PoolArgs, TaintArgs
from components.foundation.contract import Consumer, Foundation, Purpose
from stacks.foundations import Providers, namespaces, single_sign_on
from stacks.settings import Settings
from stacks.settings.model import Pool
from stacks.settings.rules import size_in_bytes
from stacks.sources import charts, images, secret_text, text

# One key for each purpose, so that a grant on one opens nothing else.
KEYS = ("cluster", "nodes", *Purpose, "database", "cache", "secrets", "registry")
GIB = 1 << 30
# A place for each image that Colonnade makes for a cloud, and one for people's own.
REPOSITORIES = ("mlflow", "feast", "toolbox", "models")


def found(settings: Settings, consumers: Sequence[Consumer]) -> tuple[Foundation[Any], Providers]:
    """Builds an account's part of the platform: everything from the network to the edge."""
    account, region = str(settings.account), str(settings.region)
    provider = aws.Provider(
        "aws",
        region=region,
        # Whatever credentials are at hand, nothing is made in another account.
        allowed_account_ids=[account],
        default_tags=aws.ProviderDefaultTagsArgs(tags=settings.tags),
    )
    on_provider = pulumi.ResourceOptions(providers=[provider])
    keys = AwsKeys(
        "keys",
        AwsKeysArgs(
            environment=settings.name, account=account, region=region, purposes=KEYS, protect=settings.protect
        ),
        on_provider,
    )
    network = AwsNetwork(
        "network",
        AwsNetworkArgs(
            environment=settings.name,
            account=account,
            region=region,
            cidr=settings.network.cidr,
            zones=settings.network.zones,
            log_key_arn=keys.arns[Purpose.LOGS],
            log_retention_days=settings.retention.logs_days,
            egress=settings.network.egress,
            nat_per_zone=settings.network.nat_per_zone,
            connected_cidrs=settings.network.connected_cidrs,
        ),
        on_provider,
    )
    cluster = AwsCluster(
        "cluster",
        AwsClusterArgs(
            environment=settings.name,
            account=account,
            region=region,
            version=settings.cluster.version,
            vpc_id=network.vpc_id,
            cidr=network.cidr,
            subnet_ids=network.private_subnet_ids,
            secrets_key_arn=keys.arns["cluster"],
            disk_key_arn=keys.arns["nodes"],
            log_key_arn=keys.arns[Purpose.LOGS],
            log_retention_days=settings.retention.logs_days,
            pools=[_pool(pool) for pool in settings.cluster.pools],
            private_endpoint=settings.network.private_endpoints,
            allowed_cidrs=settings.network.allowed_cidrs,
            connected_cidrs=settings.network.connected_cidrs,
            tags=settings.tags,
            images=images(settings),
            chart_source=settings.sources.charts.kind,
            chart_location=charts(settings),
            protect=settings.protect,
        ),
        pulumi.ResourceOptions(providers=[provider], depends_on=list(network.ready)),
    )
    providers: Providers = [cluster.access.provider, random.Provider("random")]
    edge, database, cache, watch = settings.edge, settings.database, settings.cache, settings.governance
    tls = edge.tls
    foundation = on_aws.AwsFoundation(
        "foundation",
        on_aws.AwsFoundationArgs(
            environment=settings.name,
            account=account,
            region=region,
            consumers=consumers,
            cluster=cluster.access,
            oidc_provider_arn=cluster.oidc_provider_arn,
            oidc_issuer_host=cluster.oidc_issuer_host,
            network=on_aws.NetworkAccess(
                vpc_id=network.vpc_id,
                cidr=network.cidr,
                data_subnet_ids=network.data_subnet_ids,
                data_cidrs=network.data_cidrs,
                connected_cidrs=settings.network.connected_cidrs,
                ready=network.ready,
            ),
            key_arns=keys.arns,
            images=images(settings),
            edge=on_aws.EdgeSettings(
                domain=edge.domain,
                gateway_crds=[
                    catalog.manifest("gateway-api", settings.sources.charts.kind, charts(settings))
                ],
                zone_id=edge.dns.zone_id,
                validation_zone_id=edge.dns.validation_zone_id,
                certificate_arn=tls.certificate_arn if tls else None,
                certificate=text(tls.certificate_path if tls else None),
                private_key=secret_text(tls.private_key_path if tls else None),
                replicas=1 if settings.tier == "development" else 2,
                single_sign_on=single_sign_on(settings),
            ),
            store=on_aws.StoreSettings(
                logs_days=settings.retention.logs_days,
                deleted_days=settings.retention.deleted_days,
                additional_buckets=settings.storage.additional_buckets,
            ),
            database=on_aws.DatabaseSettings(
                instance_type=str(database.instance_type),
                size_gib=-(-size_in_bytes(database.size) // GIB),
                instances=database.instances,
                backup_retention_days=database.backups.retention_days if database.backups.enabled else 0,
                backup_schedule=database.backups.schedule,
            ),
            cache=on_aws.CacheSettings(
                enabled=cache.enabled,
                instance_type=str(cache.instance_type),
                replicas=0 if settings.tier == "development" else 1,
            ),
            governance=on_aws.GovernanceSettings(
                audit_trail=watch.audit_trail,
                data_scan=watch.data_scan,
                budget_usd=watch.budget.monthly_usd if watch.budget else None,
                recipients=watch.budget.recipients if watch.budget else (),
                image_scanning=watch.image_scanning,
            ),
            repositories=REPOSITORIES,
            pool=settings.cluster.default_pool.name if settings.cluster.default_pool else None,
            protect=settings.protect,
            # Not of `protect`, which is switched off before a stack is taken down.
            final_snapshot=settings.tier == "production",
            chart_source=settings.sources.charts.kind,
            chart_location=charts(settings),
        ),
        pulumi.ResourceOptions(
            providers=[provider, *providers],
            depends_on=[*namespaces(consumers, providers), *cluster.ready],
        ),
    )
    return foundation, providers


def _pool(pool: Pool) -> PoolArgs:
    return PoolArgs(
        name=pool.name,
        purpose=pool.purpose,
        machine_type=str(pool.machine_type),
        min=pool.min,
        max=pool.max,
        spot=pool.spot,
        disk_gib=pool.disk_gib,
        image_id=pool.image_id,
        accelerator=AcceleratorArgs(pool.accelerator.type, pool.accelerator.count)
        if pool.accelerator
        else None,
        labels=pool.node_labels,
        taints=[TaintArgs(taint.key, taint.value, taint.effect) for taint in pool.taints],
    )
