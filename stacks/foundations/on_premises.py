"""A cluster that exists already, with everything else inside it."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random

from components import catalog
from components.foundation.contract import Consumer, Foundation
from components.foundation.on_premises import foundation as on_premises
from stacks.foundations import Providers, namespaces, single_sign_on
from stacks.settings import Settings
from stacks.sources import charts, images, secret_text, text


def found(settings: Settings, consumers: Sequence[Consumer]) -> tuple[Foundation[Any], Providers]:
    """Builds the foundation inside the cluster that the settings name."""
    providers: Providers = [_kubernetes(settings), random.Provider("random")]
    edge, storage, database, cache = settings.edge, settings.storage, settings.database, settings.cache
    tls = edge.tls
    foundation = on_premises.OnPremisesFoundation(
        "foundation",
        on_premises.OnPremisesFoundationArgs(
            environment=settings.name,
            consumers=consumers,
            images=images(settings),
            pools=[pool.name for pool in settings.cluster.pools],
            pool=settings.cluster.default_pool.name if settings.cluster.default_pool else None,
            protect=settings.protect,
            chart_source=settings.sources.charts.kind,
            chart_location=charts(settings),
            kubeconfig=str(settings.cluster.kubeconfig_path),
            context=settings.cluster.context,
            edge=on_premises.EdgeSettings(
                domain=edge.domain,
                gateway_crds=[
                    catalog.manifest("gateway-api", settings.sources.charts.kind, charts(settings))
                ],
                external_addresses=edge.external_addresses,
                certificate=text(tls.certificate_path if tls else None),
                private_key=secret_text(tls.private_key_path if tls else None),
                issuer=tls.issuer if tls else None,
                single_sign_on=single_sign_on(settings),
            ),
            store=on_premises.StoreSettings(storage.size, storage.class_name, storage.additional_buckets),
            database=on_premises.DatabaseSettings(
                mode=database.mode,
                size=database.size,
                storage_class=database.class_name,
                instances=database.instances,
                cpu=database.resources.cpu,
                memory=database.resources.memory,
                backups=database.backups.enabled,
                backup_schedule=database.backups.schedule,
                backup_retention_days=database.backups.retention_days,
            ),
            cache=on_premises.CacheSettings(
                enabled=cache.enabled,
                memory=cache.memory,
                size=cache.size,
                storage_class=storage.class_name,
                cpu=cache.resources.cpu,
            ),
        ),
        pulumi.ResourceOptions(providers=list(providers), depends_on=namespaces(consumers, providers)),
    )
    return foundation, providers


def _kubernetes(settings: Settings) -> kubernetes.Provider:
    return kubernetes.Provider(
        "kubernetes",
        kubeconfig=str(settings.cluster.kubeconfig_path),
        context=settings.cluster.context,
        enable_server_side_apply=True,
        # A changed file restarts its pods by a checksum; replacing the ConfigMap would only take time.
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
    )
