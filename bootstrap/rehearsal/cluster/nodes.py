"""Nodes that are objects of the API alone: kwok reports for them, and the scheduler takes them for real."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bootstrap.rehearsal.cluster.api import Api, Document

POOL_LABEL: Final = "colonnade.io/pool"
GPU_RESOURCE: Final = "nvidia.com/gpu"
_MADE_FROM: Final = "rehearsal.colonnade.io/made-from"
_PODS_PER_NODE: Final = 110
_NODES: Final = "/api/v1/nodes"


@dataclass(frozen=True)
class SimulatedPool:
    """A pool of equal nodes.

    Attributes:
        name: Value of the nodes' pool label, and the first part of their names.
        count: How many nodes there are.
        labels: Labels beside those that every node has.
        taints: As Kubernetes has them: key, value, effect.
        gpus: GPUs of each node, as a running device plugin would report them.
        cpus: Cores of each node.
        memory_mib: Memory of each node.
        zones: Availability zones that the nodes are spread over, in turn.
    """

    name: str
    count: int
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[Mapping[str, str]] = ()
    gpus: int = 0
    cpus: int = 8
    memory_mib: int = 32 * 1024
    zones: Sequence[str] = ()


def node(pool: SimulatedPool, index: int) -> Document:
    """Returns one node of a pool."""
    name = f"{pool.name}-{index}"
    zone = {"topology.kubernetes.io/zone": pool.zones[index % len(pool.zones)]} if pool.zones else {}
    resources = {
        "cpu": str(pool.cpus),
        "memory": f"{pool.memory_mib}Mi",
        "ephemeral-storage": "100Gi",
        "pods": str(_PODS_PER_NODE),
        **({GPU_RESOURCE: str(pool.gpus)} if pool.gpus else {}),
    }
    document: Document = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/os": "linux",
                "kubernetes.io/hostname": name,
                POOL_LABEL: pool.name,
                **zone,
                **pool.labels,
            },
        },
        "spec": {"taints": [dict(taint) for taint in pool.taints]},
        "status": {"allocatable": resources, "capacity": resources},
    }
    text = json.dumps(document, sort_keys=True)
    document["metadata"]["annotations"] = {_MADE_FROM: hashlib.sha256(text.encode()).hexdigest()[:16]}
    return document


def settle(api: Api, pools: Sequence[SimulatedPool]) -> None:
    """Makes the cluster have the nodes of the pools and no others.

    A node that is to be another goes, with its pods, and comes back as such.
    """
    wanted = {
        document["metadata"]["name"]: document
        for pool in pools
        for document in (node(pool, index) for index in range(pool.count))
    }
    kept = set()
    for present in api.list(_NODES):
        name = present["metadata"]["name"]
        made_from = present["metadata"].get("annotations", {}).get(_MADE_FROM)
        if name in wanted and made_from == wanted[name]["metadata"]["annotations"][_MADE_FROM]:
            kept.add(name)
        else:
            _remove(api, name)
    for name, document in wanted.items():
        if name not in kept:
            api.create(_NODES, document)


def _remove(api: Api, name: str) -> None:
    # First its pods: nobody reports for those of a node that is gone.
    for pod in api.list(f"/api/v1/pods?fieldSelector=spec.nodeName%3D{name}"):
        metadata = pod["metadata"]
        api.delete(f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}", grace_seconds=0)
    api.delete(f"{_NODES}/{name}")
