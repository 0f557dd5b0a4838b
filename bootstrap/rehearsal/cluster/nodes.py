"""Simulated nodes, which kwok keeps ready."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bootstrap.rehearsal.cluster.api import Api

_POOL = "rehearsal.colonnade.io/pool"
GPU = "nvidia.com/gpu"


@dataclass(frozen=True)
class SimulatedPool:
    """Nodes that are alike.

    Attributes:
        name: Name of the pool.
        count: How many there are.
        labels, taints: What the nodes carry; taints as the API writes them.
        cpu: Cores of each.
        memory_mib: Memory of each, in MiB.
        gpus: Accelerators of each.
    """

    name: str
    count: int
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[Mapping[str, str]] = ()
    cpu: int = 16
    memory_mib: int = 65536
    gpus: int = 0

    def nodes(self) -> list[dict[str, Any]]:
        """Returns the nodes as objects of the API."""
        size = {"cpu": str(self.cpu), "memory": f"{self.memory_mib}Mi", "pods": "110"}
        if self.gpus:
            size[GPU] = str(self.gpus)
        return [
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {
                    "name": f"{self.name}-{index}",
                    "labels": {
                        **self.labels,
                        _POOL: self.name,
                        "kubernetes.io/hostname": f"{self.name}-{index}",
                        "kubernetes.io/os": "linux",
                        "kubernetes.io/arch": "amd64",
                    },
                    "annotations": {"kwok.x-k8s.io/node": "fake"},
                },
                "spec": {"taints": [dict(taint) for taint in self.taints]},
                "status": {"capacity": size, "allocatable": size},
            }
            for index in range(self.count)
        ]


def ensure(api: Api, pool: SimulatedPool) -> None:
    """Makes the nodes of a pool what they should be: as many, and no others."""
    wanted = {node["metadata"]["name"]: node for node in pool.nodes()}
    listed = api.list(f"/api/v1/nodes?labelSelector={_POOL}={pool.name}")
    present = {node["metadata"]["name"] for node in listed}
    for name in sorted(present - wanted.keys()):
        api.delete(f"/api/v1/nodes/{name}")
    for name, node in wanted.items():
        if name not in present:
            api.create("/api/v1/nodes", node)
            api.patch(f"/api/v1/nodes/{name}/status", {"status": node["status"]})
