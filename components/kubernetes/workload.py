"""A hardened service: restricted pods, probes, budget, network policy, spread and storage in one component."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from components.base import Component
from components.foundation.contract import Identity, Peer


@dataclass(frozen=True)
class Volume:
    """Persistent storage of each replica; makes the workload a StatefulSet."""

    path: str
    size: pulumi.Input[str]
    storage_class: pulumi.Input[str] | None = None


@dataclass(frozen=True)
class Probe:
    """How the kubelet asks whether a replica works: exactly one of `path` (HTTP), `command` or neither (TCP)."""

    port: int
    path: str | None = None
    command: Sequence[str] | None = None
    startup_seconds: int = 120


@dataclass(frozen=True)
class WorkloadArgs:
    """Arguments of `Workload`.

    Attributes:
        namespace: Namespace, which exists already.
        image: Reference by digest or by exact tag.
        ports: Service ports by name; the container listens on the same number.
        probe: Liveness, readiness and startup are derived from it.
        cpu, memory: Requests; memory is the limit as well, CPU has no limit (throttling hurts latency more than it helps).
        command, args: Override of the image's entry point and its arguments.
        environment: Plain environment.
        secret_environment: Secret environment; goes through a Secret, whose change restarts the pods.
        files: Plain files by absolute path; a ConfigMap, whose change restarts the pods.
        secret_files: Secret files by absolute path; a Secret, likewise.
        replicas: Number of replicas; from two on they are spread over nodes and zones, and a budget keeps all but one.
        volume: Persistent storage; None makes a Deployment.
        scratch: Absolute paths that are writable and lost with the pod; the root file system is read-only.
        user: Numeric user and group; never 0.
        identity: Workload identity of the service account.
        kubernetes_api: Whether the pod gets a token for the API server.
        callers: Pods that may connect, each to all `ports`.
        callees: Pods that the workload may connect to, with the port.
        open_egress: Further egress as CIDR and port, e.g. a cloud's store endpoints.
        pool: Node pool to run on, None for any.
        protect: Whether the persistent parts refuse deletion.
        host_aliases: Extra /etc/hosts entries, host name to address.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    ports: Mapping[str, int]
    probe: Probe
    cpu: pulumi.Input[str] = "50m"
    memory: pulumi.Input[str] = "256Mi"
    command: Sequence[pulumi.Input[str]] | None = None
    args: Sequence[pulumi.Input[str]] | None = None
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secret_environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    files: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secret_files: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    replicas: int = 1
    volume: Volume | None = None
    scratch: Sequence[str] = ("/tmp",)  # noqa: S108 - a path inside the container
    user: int = 10001
    identity: Identity = field(default_factory=Identity)
    kubernetes_api: bool = False
    callers: Sequence[Peer] = ()
    callees: Sequence[tuple[Peer, int]] = ()
    open_egress: Sequence[tuple[str, int]] = ()
    pool: str | None = None
    protect: bool = False
    host_aliases: Mapping[str, str] = field(default_factory=dict)


class Workload(Component[WorkloadArgs]):
    """A hardened Deployment, or StatefulSet where it keeps data.

    Guarantees: passes Pod Security `restricted`; read-only root; no service account token unless asked for; default-deny
    NetworkPolicy with just the callers and callees named (and DNS); PodDisruptionBudget; changed configuration restarts pods.

    Attributes:
        service: Name of the Service, which is also the DNS name inside the namespace.
        host: Full DNS name of the Service.
        peer: The pods, for the NetworkPolicies of those that call or are called.
    """

    args_type = WorkloadArgs

    service: pulumi.Output[str]
    host: pulumi.Output[str]
    peer: Peer

    def build(self, args: WorkloadArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        return super().build(args)
