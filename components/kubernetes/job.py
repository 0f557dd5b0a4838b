"""Provisioning inside the cluster: a hardened Job that runs to completion, once for each content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes import batch, core, meta

from components.base import ArgsError, Component
from components.foundation.contract import Peer
from components.kubernetes import configuration, network, pod
from components.kubernetes.configuration import SecretKey
from components.kubernetes.workload import pods_of, workload_name


@dataclass(frozen=True)
class ProvisioningJobArgs:
    """Arguments of `ProvisioningJob`.

    What runs must be idempotent: a failed attempt is repeated, and a change runs it anew over what is there.

    Attributes:
        namespace: Namespace, which exists already.
        image: Reference by digest or by exact tag.
        command, args: Override of the image's entry point and its arguments.
        environment: Plain environment.
        secret_environment: Secret environment.
        environment_from: Variables from keys of Secrets that others keep in the namespace. Each attempt reads
            them anew; a change of theirs alone runs nothing.
        files: Plain files by absolute path.
        secret_files: Secret files by absolute path.
        callees: Pods that the job may connect to, with the port.
        open_egress: Further egress as CIDR and port.
        cpu, memory: Requests; memory is the limit as well.
        user: Numeric user and group; never 0.
        scratch: Absolute paths that are writable and lost with the pod.
        backoff_limit: How often a failed attempt is repeated.
        deadline_seconds: When to give up altogether.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    command: Sequence[pulumi.Input[str]] | None = None
    args: Sequence[pulumi.Input[str]] | None = None
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secret_environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    environment_from: Mapping[str, SecretKey] = field(default_factory=dict)
    files: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secret_files: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    callees: Sequence[tuple[Peer, int]] = ()
    open_egress: Sequence[tuple[str, int]] = ()
    cpu: pulumi.Input[str] = "50m"
    memory: pulumi.Input[str] = "128Mi"
    user: int = 10001
    scratch: Sequence[str] = ("/tmp",)  # noqa: S108 - a path inside the container
    backoff_limit: int = 6
    deadline_seconds: int = 600


# A Job that failed stays failed: awaited again and not replaced, it would fail every later update as well.
REPLACE_FAILED: Final = {"pulumi.com/replaceUnready": "true"}


class ProvisioningJob(Component[ProvisioningJobArgs]):
    """A Job that the update waits for; changed content makes a new one in place of the old.

    Guarantees: passes Pod Security `restricted`; no service account token; reaches its callees and DNS alone;
    nobody reaches it; one that failed is run anew by the next update, whether its content changed or not. It
    stays after completion: a Job that removed itself would be drift at the next refresh.

    Attributes:
        completed: Name of the Job, known once it has completed.
        peer: The pods, for the NetworkPolicies of those that are called.

    Raises:
        ArgsError: An argument would make a pod that cannot start or is not hardened.
    """

    args_type = ProvisioningJobArgs

    completed: pulumi.Output[str]
    peer: Peer

    def build(self, args: ProvisioningJobArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        paths = [*args.files, *args.secret_files, *args.scratch]
        if faults := pod.problems(
            args.user, args.image, paths, args.environment, args.secret_environment, args.environment_from
        ):
            raise ArgsError("; ".join(f"ProvisioningJob {self.name}: {fault}" for fault in faults))
        name = workload_name(self.name)
        labels = pod.labels(name)
        self.peer = pods_of(self.name, args.namespace)
        configured = configuration.Configuration(
            name,
            args.environment,
            args.secret_environment,
            args.files,
            args.secret_files,
            args.environment_from,
        )
        checksums = configured.create(args.namespace, labels, self.child())
        restricted = network.policy(
            name,
            args.namespace,
            labels,
            self.peer.labels,
            callees=args.callees,
            open_egress=args.open_egress,
            opts=self.child(),
        )
        references = {name: [source.name, source.key] for name, source in args.environment_from.items()}
        content = configuration.checksum(
            [
                args.image,
                args.command,
                args.args,
                dict(args.environment),
                args.user,
                checksums,
                # Only where there are any: jobs of releases that had none keep their names.
                *([references] if references else []),
            ]
        )
        job = kubernetes.batch.v1.Job(
            self.name,
            metadata=meta.v1.ObjectMetaArgs(
                # Pods of a Job cannot change, so the content is part of the name and a change is a new Job.
                name=content.apply(lambda digest: f"{name}-{digest[:10]}"),
                namespace=args.namespace,
                labels=labels,
                annotations=dict(REPLACE_FAILED),
            ),
            spec=batch.v1.JobSpecArgs(
                backoff_limit=args.backoff_limit,
                active_deadline_seconds=args.deadline_seconds,
                template=core.v1.PodTemplateSpecArgs(
                    metadata=meta.v1.ObjectMetaArgs(
                        labels=labels, annotations=configuration.annotations(checksums)
                    ),
                    spec=pod.specification(
                        pod.Pod(
                            name=name,
                            image=args.image,
                            configuration=configured,
                            cpu=args.cpu,
                            memory=args.memory,
                            user=args.user,
                            command=args.command,
                            args=args.args,
                            scratch=args.scratch,
                            # Each attempt keeps its own pod, and with it its log.
                            restart_policy="Never",
                        )
                    ),
                ),
            ),
            # Two versions must not provision at once.
            opts=self.child(depends_on=[restricted], delete_before_replace=True),
        )
        self.completed = job.metadata.apply(lambda it: str(it.name))
        return {"completed": self.completed}
