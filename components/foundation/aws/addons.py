"""What a cluster on AWS runs beside EKS's own add-ons: the autoscaler, and what accelerators need."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import pulumi
import pulumi_kubernetes as kubernetes

from components import catalog
from components.foundation.aws import cluster_documents
from components.foundation.aws.documents import render
from components.foundation.aws.identity import AwsIdentity, AwsIdentityArgs
from components.foundation.aws.pools import ACCELERATOR_LABEL, GPU_RESOURCE, SYSTEM, PoolArgs
from components.kubernetes.chart import Chart, ChartArgs
from components.kubernetes.namespace import Namespace, NamespaceArgs
from components.kubernetes.network import policy
from components.kubernetes.pod import POOL_LABEL

if TYPE_CHECKING:
    from components.foundation.aws.cluster import AwsCluster, AwsClusterArgs

NAMESPACE: Final = "colonnade-system"
AUTOSCALER: Final = "cluster-autoscaler"
DEVICES: Final = "nvidia-device-plugin"
METRICS: Final = "dcgm-exporter"


def install(
    cluster: "AwsCluster",
    args: "AwsClusterArgs",
    name: str,
    api: kubernetes.Provider,
    ready: Sequence[pulumi.Resource],
) -> None:
    """Puts the autoscaler on the cluster, and on one with accelerators what makes them usable and visible."""
    options = pulumi.ResourceOptions.merge(
        cluster.child(depends_on=list(ready)), pulumi.ResourceOptions(providers=[api])
    )
    # Drivers of devices need the node's own files, which Pod Security keeps from everybody else.
    namespace = Namespace(NAMESPACE, NamespaceArgs(level="privileged"), options)
    identity = AwsIdentity(
        f"{cluster.name}-autoscaler",
        AwsIdentityArgs(
            environment=args.environment,
            name=AUTOSCALER,
            namespace=NAMESPACE,
            service_account=AUTOSCALER,
            oidc_provider_arn=cluster.oidc_provider_arn,
            oidc_issuer_host=cluster.oidc_issuer_host,
            policy=render(cluster_documents.autoscaler(name, args.account, args.region)),
        ),
        cluster.child(),
    )
    system = next(pool for pool in args.pools if pool.purpose == SYSTEM)
    reach = policy(
        AUTOSCALER,
        namespace.namespace,
        {},
        {"app.kubernetes.io/instance": AUTOSCALER},
        # That is port 443 anywhere, where AWS answers too. The parts on accelerators talk to nobody.
        kubernetes_api=True,
        opts=pulumi.ResourceOptions.merge(
            cluster.child(depends_on=[namespace]), pulumi.ResourceOptions(provider=api)
        ),
    )
    charts: dict[str, Mapping[str, Any]] = {
        AUTOSCALER: autoscaler_values(
            name, args.region, identity.identity.annotations, catalog.image(AUTOSCALER, args.images), system
        )
    }
    if any(pool.accelerator for pool in args.pools):
        charts[DEVICES] = device_values(catalog.image(DEVICES, args.images), args.pools)
        charts[METRICS] = metrics_values(catalog.image(METRICS, args.images))
    for part, values in charts.items():
        Chart(
            part,
            ChartArgs(
                part=part,
                namespace=namespace.namespace,
                values=values,
                source=args.chart_source,
                location=args.chart_location,
            ),
            pulumi.ResourceOptions.merge(
                cluster.child(depends_on=[namespace, reach, identity, *ready]),
                pulumi.ResourceOptions(providers=[api]),
            ),
        )


def autoscaler_values(
    cluster: str, region: str, annotations: Mapping[str, pulumi.Input[str]], image: str, system: PoolArgs
) -> dict[str, Any]:
    """Returns the values of the autoscaler's chart; it finds the groups of its cluster by their tags."""
    repository, _, tag = image.rpartition(":")
    return {
        "fullnameOverride": AUTOSCALER,
        "cloudProvider": "aws",
        "awsRegion": region,
        "autoDiscovery": {"clusterName": cluster},
        "image": {"repository": repository, "tag": tag},
        "rbac": {"serviceAccount": {"name": AUTOSCALER, "annotations": dict(annotations)}},
        "nodeSelector": {POOL_LABEL: system.name},
        "extraArgs": {
            # Among pools that fit, the one that wastes the least.
            "expander": "least-waste",
            # Nodes go although pods of the cluster itself are on them, which go elsewhere.
            "skip-nodes-with-system-pods": False,
        },
        "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65534,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containerSecurityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def device_values(image: str, pools: Sequence[PoolArgs]) -> dict[str, Any]:
    """Returns the values of the device plugin's chart: on nodes with accelerators, and on no others."""
    repository, _, tag = image.rpartition(":")
    return {
        "fullnameOverride": DEVICES,
        "image": {"repository": repository, "tag": tag},
        "affinity": _on_accelerators(),
        "tolerations": _tolerations(pools),
        # The images that EKS keeps have driver and container toolkit; features are told by labels of ours.
        "gfd": {"enabled": False},
        "nfd": {"enabled": False},
    }


def metrics_values(image: str) -> dict[str, Any]:
    """Returns the values of the exporter's chart; scraping is the monitoring's to ask for."""
    repository, _, tag = image.rpartition(":")
    return {
        "fullnameOverride": METRICS,
        "image": {"repository": repository, "tag": tag},
        "affinity": _on_accelerators(),
        "tolerations": [{"operator": "Exists"}],
        "serviceMonitor": {"enabled": False},
    }


def _on_accelerators() -> dict[str, Any]:
    return {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": ACCELERATOR_LABEL, "operator": "Exists"}]}
                ]
            }
        }
    }


def _tolerations(pools: Sequence[PoolArgs]) -> list[dict[str, str]]:
    keys = {GPU_RESOURCE, *(taint.key for pool in pools if pool.accelerator for taint in pool.taints)}
    return [{"key": key, "operator": "Exists"} for key in sorted(keys)]
