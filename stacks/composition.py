"""How a stack is put together: settings in, components wired by the contract, outputs out."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random

from components import catalog
from components.data.feast import Feast, FeastArgs
from components.data.lakefs import LakeFs, LakeFsArgs
from components.experimentation.mlflow import MlFlow, MlFlowArgs
from components.foundation.contract import Consumer, ContractError, Foundation, Purpose
from components.kubernetes.namespace import Namespace, NamespaceArgs
from stacks.settings import Settings
from stacks.settings.model import resolve

Providers = Sequence[pulumi.ProviderResource]
Granted = TypeVar("Granted")

DATA = "colonnade-data"
EXPERIMENTATION = "colonnade-experimentation"


def consumers(settings: Settings) -> tuple[Consumer, ...]:
    """Returns what the enabled services want of the foundation; a pure function of the settings."""
    lakefs, feast, mlflow = settings.data.lakefs, settings.data.feast, settings.experimentation.mlflow
    wanted: list[Consumer] = []
    if lakefs.enabled:
        wanted.append(Consumer("lakefs", DATA, "lakefs", database=lakefs.database, stores=(Purpose.LAKE,)))
    if feast.enabled:
        wanted.append(
            Consumer(
                "feast",
                DATA,
                "feast",
                database=feast.database,
                extensions=("vector",),
                cache=True,
                stores=(Purpose.LAKE,),
            )
        )
    if mlflow.enabled:
        wanted.append(
            Consumer(
                "mlflow", EXPERIMENTATION, "mlflow", database=mlflow.database, stores=(Purpose.ARTIFACTS,)
            )
        )
        wanted.append(Consumer("mlflow-auth", EXPERIMENTATION, "mlflow", database=f"{mlflow.database}_auth"))
    return tuple(wanted)


def compose(settings: Settings) -> dict[str, pulumi.Input[Any]]:
    """Builds the platform and returns its outputs by name; the secret ones are marked secret."""
    wanted = consumers(settings)
    providers: Providers = [_kubernetes(settings), random.Provider("random")]
    namespaces = [
        Namespace(name, NamespaceArgs(), pulumi.ResourceOptions(providers=list(providers)))
        for name in sorted({consumer.namespace for consumer in wanted})
    ]
    foundation = FOUNDATIONS[settings.foundation](
        settings, wanted, pulumi.ResourceOptions(providers=list(providers), depends_on=namespaces)
    )
    outputs: dict[str, pulumi.Input[Any]] = {
        "kubeconfig": str(settings.cluster.kubeconfig_path),
        "kube_context": settings.cluster.context,
        "domain": foundation.edge.domain,
        "s3_url": foundation.edge.url("s3"),
    }
    if settings.data.lakefs.enabled:
        outputs |= _lakefs(settings, foundation, providers)
    if settings.data.feast.enabled:
        outputs |= _feast(settings, foundation, providers)
    if settings.experimentation.mlflow.enabled:
        outputs |= _mlflow(settings, foundation, providers)
    return outputs


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


def _on_premises(
    settings: Settings, wanted: Sequence[Consumer], opts: pulumi.ResourceOptions
) -> Foundation[Any]:
    # Imported where it is used: a stack loads the code and the SDKs of its own foundation alone.
    from components.foundation.on_premises import foundation as on_premises

    edge, storage, database, cache = settings.edge, settings.storage, settings.database, settings.cache
    tls = edge.tls
    return on_premises.OnPremisesFoundation(
        "foundation",
        on_premises.OnPremisesFoundationArgs(
            environment=settings.name,
            consumers=wanted,
            images=images(settings),
            pools=[pool.name for pool in settings.cluster.pools],
            pool=settings.cluster.default_pool.name if settings.cluster.default_pool else None,
            protect=settings.protect,
            chart_source=settings.sources.charts.kind,
            chart_location=_charts(settings),
            edge=on_premises.EdgeSettings(
                domain=edge.domain,
                gateway_crds=[
                    catalog.manifest("gateway-api", settings.sources.charts.kind, _charts(settings))
                ],
                external_addresses=edge.external_addresses,
                certificate=_text(tls.certificate_path if tls else None),
                private_key=_secret_text(tls.private_key_path if tls else None),
                issuer=tls.issuer if tls else None,
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
        opts,
    )


FOUNDATIONS: Mapping[
    str, Callable[[Settings, Sequence[Consumer], pulumi.ResourceOptions], Foundation[Any]]
] = {"on-premises": _on_premises}


def _lakefs(
    settings: Settings, foundation: Foundation[Any], providers: Providers
) -> dict[str, pulumi.Input[Any]]:
    chosen, access = settings.data.lakefs, foundation.grant("lakefs")
    lakefs = LakeFs(
        "lakefs",
        LakeFsArgs(
            namespace=DATA,
            image=catalog.image("lakefs", images(settings)),
            toolbox_image=catalog.image("toolbox", images(settings)),
            database=required(access.database),
            store=access.stores[Purpose.LAKE],
            edge=foundation.edge,
            identity=access.identity,
            peers=access.peers,
            repository=chosen.repository,
            default_branch=chosen.default_branch,
            replicas=chosen.replicas,
            cpu=chosen.resources.cpu,
            memory=chosen.resources.memory,
            pool=chosen.pool,
            protect=settings.protect,
        ),
        _options(providers, access.ready),
    )
    return {
        "lakefs_url": lakefs.url,
        "lakefs_repository": lakefs.repository,
        "lakefs_access_key_id": lakefs.access_key_id,
        "lakefs_secret_access_key": lakefs.secret_access_key,
    }


def _feast(
    settings: Settings, foundation: Foundation[Any], providers: Providers
) -> dict[str, pulumi.Input[Any]]:
    chosen, access = settings.data.feast, foundation.grant("feast")
    feast = Feast(
        "feast",
        FeastArgs(
            namespace=DATA,
            image=catalog.image("feast", images(settings)),
            database=required(access.database),
            cache=required(access.cache),
            store=access.stores[Purpose.LAKE],
            edge=foundation.edge,
            project=chosen.project,
            identity=access.identity,
            peers=access.peers,
            replicas=chosen.replicas,
            cpu=chosen.resources.cpu,
            memory=chosen.resources.memory,
            pool=chosen.pool,
        ),
        _options(providers, access.ready),
    )
    return {
        "features_url": feast.url,
        "feature_registry": feast.registry,
        "feast_project": feast.project,
        "feast_token_command": pulumi.Output.format("kubectl -n {0} create token {1}", DATA, feast.client),
        "feast_offline_store": feast.offline_store,
    }


def _mlflow(
    settings: Settings, foundation: Foundation[Any], providers: Providers
) -> dict[str, pulumi.Input[Any]]:
    chosen = settings.experimentation.mlflow
    access, users = foundation.grant("mlflow"), foundation.grant("mlflow-auth")
    mlflow = MlFlow(
        "mlflow",
        MlFlowArgs(
            namespace=EXPERIMENTATION,
            image=catalog.image("mlflow", images(settings)),
            database=required(access.database),
            user_database=required(users.database),
            store=access.stores[Purpose.ARTIFACTS],
            edge=foundation.edge,
            identity=access.identity,
            peers=access.peers,
            replicas=chosen.replicas,
            cpu=chosen.resources.cpu,
            memory=chosen.resources.memory,
            pool=chosen.pool,
            protect=settings.protect,
        ),
        _options(providers, [*access.ready, *users.ready]),
    )
    return {"mlflow_url": mlflow.url, "mlflow_user": mlflow.admin, "mlflow_password": mlflow.password}


def images(settings: Settings) -> Mapping[str, str]:
    """Returns the reference of every image by part: the stack's own, else upstream's or the mirror's."""
    source = settings.sources.images
    return catalog.references(settings.images, source.location if source.kind == "mirror" else None)


def required(granted: Granted | None) -> Granted:
    """Returns what a consumer of this program asked for; the foundation granting less is a fault of it.

    Raises:
        ContractError: The foundation granted nothing.
    """
    if granted is None:
        raise ContractError("the foundation granted less than the consumer asked for")
    return granted


def _charts(settings: Settings) -> str | None:
    """Returns the mirror or the directory that charts come from; None for upstream's."""
    charts = settings.sources.charts
    if charts.kind == "directory" and charts.location:
        return str(resolve(charts.location))
    return charts.location


def _text(path: Path | None) -> str | None:
    return path.read_text() if path else None


def _secret_text(path: Path | None) -> pulumi.Output[str] | None:
    return pulumi.Output.secret(path.read_text()) if path else None


def _options(providers: Providers, ready: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(providers=list(providers), depends_on=list(ready))
