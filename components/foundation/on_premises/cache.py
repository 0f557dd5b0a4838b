"""The cache of the on-premises foundation: Valkey with a password."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_random as random

from components.base import Component
from components.foundation.contract import CacheAccess, Peer
from components.kubernetes.workload import Probe, Volume, Workload, WorkloadArgs

PORT = 6379
_MEBIBYTE = 1 << 20
_UNITS = {"Ki": 1 << 10, "Mi": _MEBIBYTE, "Gi": 1 << 30}


def pod_memory(memory: str) -> str:
    """Returns the memory of the pod for a cache of `memory`, as Kubernetes writes it.

    While Valkey rewrites its append-only file it may hold changed pages twice; without room for them the
    kernel would kill it.

    Raises:
        ValueError: `memory` is not a whole number of Ki, Mi or Gi.
    """
    return f"{-(-_bytes(memory) * 3 // 2 // _MEBIBYTE) + 64}Mi"


def _bytes(memory: str) -> int:
    number, unit = memory[:-2], memory[-2:]
    if unit not in _UNITS or not number.isdigit():
        raise ValueError(f"cache memory {memory!r}: write a whole number of {', '.join(_UNITS)}")
    return int(number) * _UNITS[unit]


@dataclass(frozen=True)
class CacheArgs:
    """Arguments of `Cache`.

    Attributes:
        namespace: Namespace, which exists already.
        image: Image of Valkey.
        callers: Pods that may connect.
        memory: What the cache may hold, e.g. `256Mi`; the pod gets more (see `pod_memory`).
        size: Size of the volume.
        storage_class: Storage class, None for the cluster's default.
        pool: Node pool, None for any.
        protect: Whether the volume refuses deletion.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    callers: Sequence[Peer] = ()
    memory: str = "256Mi"
    size: pulumi.Input[str] = "1Gi"
    storage_class: pulumi.Input[str] | None = None
    cpu: pulumi.Input[str] = "50m"
    pool: str | None = None
    protect: bool = False


class Cache(Component[CacheArgs]):
    """One Valkey that survives a restart and answers nobody without the password.

    Attributes:
        service: Name of the Service.
        peer: The pods, for egress policies.
        ready: Exist once Valkey answers.
        access: How a consumer connects.
    """

    args_type = CacheArgs

    service: pulumi.Output[str]
    peer: Peer
    ready: Sequence[pulumi.Resource]
    access: CacheAccess

    def build(self, args: CacheArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        password = random.RandomPassword(f"{self.name}-password", length=40, special=False, opts=self.child())
        workload = Workload(
            self.name,
            WorkloadArgs(
                namespace=args.namespace,
                image=args.image,
                command=["/usr/local/bin/colonnade-valkey"],
                # Features that no longer fit are an error the writer sees, not values that vanish.
                args=["--maxmemory", str(_bytes(args.memory)), "--maxmemory-policy", "noeviction"],
                ports={"valkey": PORT},
                probe=Probe(port=PORT, command=["colonnade-valkey-ping"]),
                environment={"VALKEY_PASSWORD_FILE": "/run/secrets/valkey/password"},
                secret_files={"/run/secrets/valkey/password": password.result},
                volume=Volume("/data", args.size, args.storage_class),
                callers=args.callers,
                cpu=args.cpu,
                memory=pod_memory(args.memory),
                pool=args.pool,
                protect=args.protect,
            ),
            self.child(),
        )
        self.service = workload.service
        self.peer = workload.peer
        self.ready = [workload]
        self.access = CacheAccess(host=workload.host, port=PORT, password=password.result)
        return {"host": workload.host}
