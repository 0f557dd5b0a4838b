"""A hardened service: restricted pods, probes, budget, network policy, spread and storage in one."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes import apps, core, meta, policy

from components import naming
from components.base import ArgsError, Component
from components.foundation.contract import Identity, Peer
from components.kubernetes import configuration, network, pod


@dataclass(frozen=True)
class Volume:
    """Persistent storage of each replica; makes the workload a StatefulSet."""

    path: str
    size: pulumi.Input[str]
    storage_class: pulumi.Input[str] | None = None


@dataclass(frozen=True)
class Probe:
    """How the kubelet asks whether a replica works: by `path` (HTTP), by `command`, or by neither (TCP)."""

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
        cpu, memory: Requests; memory is the limit as well, CPU has no limit (throttling hurts latency
            more than it helps).
        command, args: Override of the image's entry point and its arguments.
        environment: Plain environment.
        secret_environment: Secret environment; goes through a Secret, whose change restarts the pods.
        files: Plain files by absolute path; a ConfigMap, whose change restarts the pods.
        secret_files: Secret files by absolute path; a Secret, likewise.
        replicas: Number of replicas; from two on they are spread over nodes and zones, and a budget keeps
            all but one.
        volume: Persistent storage; None makes a Deployment.
        scratch: Absolute paths that are writable and lost with the pod; the root file system is read-only.
        scratch_size: What each of them may hold before the pod is evicted.
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
    scratch_size: pulumi.Input[str] = "2Gi"
    user: int = 10001
    identity: Identity = field(default_factory=Identity)
    kubernetes_api: bool = False
    callers: Sequence[Peer] = ()
    callees: Sequence[tuple[Peer, int]] = ()
    open_egress: Sequence[tuple[str, int]] = ()
    pool: str | None = None
    protect: bool = False
    host_aliases: Mapping[str, str] = field(default_factory=dict)


# The startup probe asks often, so that a quick service is ready soon; a command costs a process each time.
STARTUP_PERIOD: Final = 2
COMMAND_PERIOD: Final = 5
# Services' and pods' own wait for endpoints repeats what the wait for ready pods has found already.
SKIP_AWAIT: Final = {"pulumi.com/skipAwait": "true"}


class Workload(Component[WorkloadArgs]):
    """A hardened Deployment, or StatefulSet where it keeps data.

    Guarantees: passes Pod Security `restricted`; read-only root; no service account token unless asked for;
    default-deny NetworkPolicy with just the callers and callees named (and DNS); PodDisruptionBudget; changed
    configuration restarts pods. Deleting it deletes its volumes as well, unless it is protected.

    Attributes:
        service: Name of the Service, which is also the DNS name inside the namespace.
        host: DNS name of the Service from every namespace.
        service_account: Name of the pods' service account.
        peer: The pods, for the NetworkPolicies of those that call or are called.

    Raises:
        ArgsError: An argument would make pods that cannot start or are not hardened; names every fault.
    """

    args_type = WorkloadArgs

    service: pulumi.Output[str]
    host: pulumi.Output[str]
    service_account: pulumi.Output[str]
    peer: Peer

    def build(self, args: WorkloadArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        if faults := problems(args):
            raise ArgsError("; ".join(f"Workload {self.name}: {fault}" for fault in faults))
        name = workload_name(self.name)
        labels = pod.labels(name)
        self.peer = pods_of(self.name, args.namespace)
        account = kubernetes.core.v1.ServiceAccount(
            self.name,
            metadata=_metadata(name, args, labels, args.identity.annotations),
            automount_service_account_token=args.kubernetes_api,
            opts=self.child(),
        )
        self.service_account = account.metadata.apply(lambda it: str(it.name))
        configured = configuration.Configuration(
            name, args.environment, args.secret_environment, args.files, args.secret_files
        )
        checksums = configured.create(args.namespace, labels, self.child())
        restricted = network.policy(
            name,
            args.namespace,
            labels,
            self.peer.labels,
            ports=tuple(args.ports.values()),
            callers=args.callers,
            callees=args.callees,
            open_egress=args.open_egress,
            kubernetes_api=args.kubernetes_api,
            opts=self.child(),
        )
        template = core.v1.PodTemplateSpecArgs(
            metadata=meta.v1.ObjectMetaArgs(
                labels={**labels, **args.identity.labels}, annotations=configuration.annotations(checksums)
            ),
            spec=pod.specification(
                _pod(
                    name, args, configured, self.service_account, spread(name) if args.replicas > 1 else None
                )
            ),
        )
        service = self._services(name, args, labels)
        self._controller(name, args, labels, template, restricted)
        self._budget(name, args, labels)
        self.service = service.metadata.apply(lambda it: str(it.name))
        # Without the cluster's own domain, which is not `cluster.local` everywhere: each pod searches it by
        # itself.
        self.host = pulumi.Output.format("{0}.{1}.svc", self.service, args.namespace)
        return {"service": self.service, "host": self.host, "service_account": self.service_account}

    def _services(
        self, name: str, args: WorkloadArgs, labels: Mapping[str, str]
    ) -> kubernetes.core.v1.Service:
        """Creates the Service, and a headless one by which replicas of a StatefulSet know each other."""
        ports = [
            core.v1.ServicePortArgs(
                name=port,
                port=number,
                target_port=port,
                protocol="TCP",
                # Gateways speak HTTP/1.1 to a backend unless told; gRPC needs HTTP/2.
                app_protocol="kubernetes.io/h2c" if port.startswith("grpc") else None,
            )
            for port, number in args.ports.items()
        ]
        if args.volume:
            headless = _headless(name)
            kubernetes.core.v1.Service(
                f"{self.name}-headless",
                metadata=_metadata(headless, args, labels, SKIP_AWAIT),
                spec=core.v1.ServiceSpecArgs(
                    cluster_ip="None",
                    selector=dict(self.peer.labels),
                    ports=ports,
                    # Replicas find each other before they are ready; else none would ever become it.
                    publish_not_ready_addresses=True,
                ),
                opts=self.child(),
            )
        return kubernetes.core.v1.Service(
            self.name,
            metadata=_metadata(name, args, labels, SKIP_AWAIT),
            spec=core.v1.ServiceSpecArgs(type="ClusterIP", selector=dict(self.peer.labels), ports=ports),
            opts=self.child(),
        )

    def _controller(
        self,
        name: str,
        args: WorkloadArgs,
        labels: Mapping[str, str],
        template: core.v1.PodTemplateSpecArgs,
        restricted: pulumi.Resource,
    ) -> None:
        """Creates the Deployment, or the StatefulSet with its volumes, once the policy stands."""
        selector = meta.v1.LabelSelectorArgs(match_labels=dict(self.peer.labels))
        metadata = _metadata(name, args, labels)
        if args.volume is None:
            kubernetes.apps.v1.Deployment(
                self.name,
                metadata=metadata,
                spec=apps.v1.DeploymentSpecArgs(
                    replicas=args.replicas,
                    selector=selector,
                    template=template,
                    # A new pod is ready before an old one goes, also where there is just one.
                    strategy=apps.v1.DeploymentStrategyArgs(
                        type="RollingUpdate",
                        rolling_update=apps.v1.RollingUpdateDeploymentArgs(max_surge=1, max_unavailable=0),
                    ),
                ),
                opts=self.child(depends_on=[restricted]),
            )
            return
        kubernetes.apps.v1.StatefulSet(
            self.name,
            metadata=metadata,
            spec=apps.v1.StatefulSetSpecArgs(
                service_name=_headless(name),
                replicas=args.replicas,
                selector=selector,
                template=template,
                # Ordered, a pod that cannot start would hold up the update that puts it right.
                pod_management_policy="Parallel",
                volume_claim_templates=[
                    core.v1.PersistentVolumeClaimArgs(
                        metadata=meta.v1.ObjectMetaArgs(name=pod.VOLUME, labels=dict(labels)),
                        spec=core.v1.PersistentVolumeClaimSpecArgs(
                            access_modes=["ReadWriteOnce"],
                            storage_class_name=args.volume.storage_class,
                            resources=core.v1.VolumeResourceRequirementsArgs(
                                requests={"storage": args.volume.size}
                            ),
                        ),
                    )
                ],
                # Scaling down never loses data; deleting the whole does, unless it is protected.
                persistent_volume_claim_retention_policy=(
                    apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicyArgs(
                        when_deleted="Retain" if args.protect else "Delete", when_scaled="Retain"
                    )
                ),
            ),
            opts=self.child(
                depends_on=[restricted],
                protect=args.protect or None,
                # It cannot change in place, and a replaced set would lose its data.
                ignore_changes=["spec.podManagementPolicy"],
            ),
        )

    def _budget(self, name: str, args: WorkloadArgs, labels: Mapping[str, str]) -> None:
        """Creates the budget: one pod at a time may go.

        With one replica `minAvailable: 1` would block every drain of its node for good; `maxUnavailable: 1`
        lets the drain through and still keeps all but one where there are more.
        """
        kubernetes.policy.v1.PodDisruptionBudget(
            self.name,
            metadata=_metadata(name, args, labels),
            spec=policy.v1.PodDisruptionBudgetSpecArgs(
                max_unavailable=1,
                selector=meta.v1.LabelSelectorArgs(match_labels=dict(self.peer.labels)),
                # A pod that never became ready protects nothing and must not hold up the drain.
                unhealthy_pod_eviction_policy="AlwaysAllow",
            ),
            opts=self.child(),
        )


def workload_name(name: str) -> str:
    """Returns the physical name of the workload of that name and of all that belongs to it."""
    return naming.physical("kubernetes-workload", name)


def pods_of(name: str, namespace: pulumi.Input[str]) -> Peer:
    """Returns the pods of the workload of that name, also before it is built."""
    return Peer(namespace, {pod.NAME_LABEL: workload_name(name)})


def problems(args: WorkloadArgs) -> list[str]:
    """Returns what keeps the arguments from making a workload that starts and is hardened."""
    paths = [*args.files, *args.secret_files, *args.scratch, *([args.volume.path] if args.volume else [])]
    faults = pod.problems(args.user, args.image, paths, args.environment, args.secret_environment)
    if args.replicas < 0:
        faults.append(f"replicas is {args.replicas}; give 0 or more")
    if not args.ports:
        faults.append("ports is empty; name at least one")
    limit = naming.LIMITS["kubernetes-port"]
    for port in args.ports:
        if len(port) > limit.length or not re.fullmatch(limit.pattern, port):
            faults.append(f"port name {port!r} must be at most {limit.length} of a-z, 0-9 and dashes")
    if args.probe.path is not None and args.probe.command is not None:
        faults.append("probe has a path and a command; give one of them")
    if args.probe.command is None and args.probe.port not in args.ports.values():
        faults.append(f"probe asks port {args.probe.port}, which is none of {sorted(args.ports.values())}")
    return faults


def spread(name: str) -> list[core.v1.TopologySpreadConstraintArgs]:
    """Returns constraints that spread replicas over zones and nodes, as far as there are any."""
    selector = meta.v1.LabelSelectorArgs(match_labels={pod.NAME_LABEL: name})
    return [
        core.v1.TopologySpreadConstraintArgs(
            max_skew=1, topology_key=key, when_unsatisfiable="ScheduleAnyway", label_selector=selector
        )
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]


def probes(probe: Probe) -> tuple[core.v1.ProbeArgs, core.v1.ProbeArgs, core.v1.ProbeArgs]:
    """Returns the startup, readiness and liveness probe.

    Liveness is the most patient: a restart helps a dead process, and only hurts an overloaded one.
    """
    period = COMMAND_PERIOD if probe.command is not None else STARTUP_PERIOD
    startup = _probe(probe, period, max(1, math.ceil(probe.startup_seconds / period)))
    return startup, _probe(probe, 5, 3), _probe(probe, 15, 6)


def _probe(probe: Probe, period: int, failures: int) -> core.v1.ProbeArgs:
    """Returns one probe of the kind that `probe` describes."""
    http = tcp = command = None
    if probe.path is not None:
        http = core.v1.HTTPGetActionArgs(path=probe.path, port=probe.port)
    elif probe.command is not None:
        command = core.v1.ExecActionArgs(command=list(probe.command))
    else:
        tcp = core.v1.TCPSocketActionArgs(port=probe.port)
    return core.v1.ProbeArgs(
        http_get=http,
        tcp_socket=tcp,
        exec_=command,
        period_seconds=period,
        timeout_seconds=5,
        failure_threshold=failures,
    )


def _pod(
    name: str,
    args: WorkloadArgs,
    configured: configuration.Configuration,
    account: pulumi.Input[str],
    constraints: list[core.v1.TopologySpreadConstraintArgs] | None,
) -> pod.Pod:
    """Returns the pod of the workload."""
    startup, readiness, liveness = probes(args.probe)
    return pod.Pod(
        name=name,
        image=args.image,
        configuration=configured,
        cpu=args.cpu,
        memory=args.memory,
        user=args.user,
        command=args.command,
        args=args.args,
        scratch=args.scratch,
        scratch_size=args.scratch_size,
        service_account=account,
        token=args.kubernetes_api,
        ports=args.ports,
        mounts={pod.VOLUME: args.volume.path} if args.volume else {},
        startup=startup,
        readiness=readiness,
        liveness=liveness,
        pool=args.pool,
        spread=constraints,
        host_aliases=args.host_aliases,
    )


def _headless(name: str) -> str:
    """Returns the name of the headless Service."""
    return f"{name}-headless"


def _metadata(
    name: str,
    args: WorkloadArgs,
    labels: Mapping[str, str],
    annotations: Mapping[str, pulumi.Input[str]] | None = None,
) -> meta.v1.ObjectMetaArgs:
    """Returns the metadata of an object of the workload; its name is always explicit, never made up."""
    return meta.v1.ObjectMetaArgs(
        name=name,
        namespace=args.namespace,
        labels=dict(labels),
        annotations=dict(annotations) if annotations else None,
    )
