"""How a stack is put together: settings in, components wired by the contract, outputs out."""

from collections.abc import Sequence
from typing import Any, TypeVar

import pulumi

from components import catalog
from components.data.feast import Feast, FeastArgs
from components.data.lakefs import LakeFs, LakeFsArgs
from components.experimentation.mlflow import MlFlow, MlFlowArgs
from components.foundation.contract import Consumer, ContractError, Foundation, Purpose
from stacks.foundations import Providers, found
from stacks.settings import Settings
from stacks.sources import images

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
    foundation, providers = found(settings, consumers(settings))
    outputs: dict[str, pulumi.Input[Any]] = {
        "kubeconfig": foundation.cluster.kubeconfig,
        "kube_context": foundation.cluster.context,
        "domain": foundation.edge.domain,
        **foundation.outputs,
    }
    if settings.data.lakefs.enabled:
        outputs |= _lakefs(settings, foundation, providers)
    if settings.data.feast.enabled:
        outputs |= _feast(settings, foundation, providers)
    if settings.experimentation.mlflow.enabled:
        outputs |= _mlflow(settings, foundation, providers)
    return outputs


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
            open_egress=access.egress,
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
            open_egress=access.egress,
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
            open_egress=access.egress,
            replicas=chosen.replicas,
            cpu=chosen.resources.cpu,
            memory=chosen.resources.memory,
            pool=chosen.pool,
            protect=settings.protect,
        ),
        _options(providers, [*access.ready, *users.ready]),
    )
    return {"mlflow_url": mlflow.url, "mlflow_user": mlflow.admin, "mlflow_password": mlflow.password}


def required(granted: Granted | None) -> Granted:
    """Returns what a consumer of this program asked for; the foundation granting less is a fault of it.

    Raises:
        ContractError: The foundation granted nothing.
    """
    if granted is None:
        raise ContractError("the foundation granted less than the consumer asked for")
    return granted


def _options(providers: Providers, ready: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(providers=list(providers), depends_on=list(ready))
