"""The hardened pod that services and provisioning jobs share, as pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pulumi
from pulumi_kubernetes import core

from components import naming
from components.kubernetes.configuration import Configuration, SecretKey

NAME_LABEL: Final = "app.kubernetes.io/name"
POOL_LABEL: Final = "colonnade.io/pool"
VOLUME: Final = "data"


@dataclass(frozen=True)
class Pod:
    """What a pod of ours may differ in; all else is the same for each.

    Attributes:
        name: Name of the container and of what belongs to the pod.
        image: Reference by digest or by exact tag.
        configuration: The ConfigMap and Secret that it reads.
        service_account: Service account, None for the namespace's default one without its token.
        ports: Container ports by name.
        mounts: Where persistent volumes are mounted, by the volume's name.
        probes: `startup_probe`, `readiness_probe`, `liveness_probe` where it serves.
    """

    name: str
    image: pulumi.Input[str]
    configuration: Configuration
    cpu: pulumi.Input[str]
    memory: pulumi.Input[str]
    user: int
    command: Sequence[pulumi.Input[str]] | None = None
    args: Sequence[pulumi.Input[str]] | None = None
    scratch: Sequence[str] = ()
    scratch_size: pulumi.Input[str] = "2Gi"
    service_account: pulumi.Input[str] | None = None
    token: bool = False
    ports: Mapping[str, int] = field(default_factory=dict)
    mounts: Mapping[str, str] = field(default_factory=dict)
    startup: core.v1.ProbeArgs | None = None
    readiness: core.v1.ProbeArgs | None = None
    liveness: core.v1.ProbeArgs | None = None
    restart_policy: str | None = None
    pool: str | None = None
    spread: Sequence[core.v1.TopologySpreadConstraintArgs] | None = None
    host_aliases: Mapping[str, str] = field(default_factory=dict)


def problems(
    user: int,
    image: pulumi.Input[str],
    paths: Sequence[str],
    environment: Mapping[str, pulumi.Input[str]],
    secret_environment: Mapping[str, pulumi.Input[str]],
    references: Mapping[str, SecretKey] | None = None,
) -> list[str]:
    """Returns what keeps a pod from starting, or from being hardened and reproducible."""
    faults = []
    if user == 0:
        faults.append("user 0 is root; give a numeric user of the image")
    if isinstance(image, str) and not pinned(image):
        faults.append(f"image {image!r} is not pinned; give a digest or an exact tag")
    faults += [f"path {path!r} is not absolute" for path in paths if not path.startswith("/")]
    faults += [f"path {path!r} is mounted twice" for path in sorted({p for p in paths if paths.count(p) > 1})]
    both = sorted(set(environment) & set(secret_environment))
    faults += [f"variable {name} is both plain and secret" for name in both]
    twice = sorted(set(references or {}) & {*environment, *secret_environment})
    return faults + [f"variable {name} is both given and taken from a Secret" for name in twice]


def pinned(image: str) -> bool:
    """Tells whether an image reference names one version: a digest, or a tag other than `latest`."""
    if "@sha256:" in image:
        return True
    tag = image.rpartition("/")[2].partition(":")[2]
    return bool(tag) and tag != "latest"


def labels(name: str) -> dict[str, str]:
    """Returns the labels of everything that belongs to the component of that name."""
    return {
        NAME_LABEL: name,
        "app.kubernetes.io/part-of": "colonnade",
        "app.kubernetes.io/managed-by": "pulumi",
    }


def specification(pod: Pod) -> core.v1.PodSpecArgs:
    """Returns a pod specification that passes Pod Security `restricted`."""
    return core.v1.PodSpecArgs(
        service_account_name=pod.service_account,
        automount_service_account_token=pod.token,
        # The environment that links inject (`LAKEFS_PORT=tcp://...`) is read as configuration by some
        # services.
        enable_service_links=False,
        restart_policy=pod.restart_policy,
        security_context=core.v1.PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=pod.user,
            run_as_group=pod.user,
            fs_group=pod.user,
            # A recursive chown of a large volume at each start can outlast the startup probe.
            fs_group_change_policy="OnRootMismatch",
            seccomp_profile=core.v1.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        containers=[_container(pod)],
        volumes=_volumes(pod) or None,
        node_selector={POOL_LABEL: pod.pool} if pod.pool else None,
        topology_spread_constraints=list(pod.spread) if pod.spread else None,
        host_aliases=_host_aliases(pod.host_aliases) or None,
    )


def _container(pod: Pod) -> core.v1.ContainerArgs:
    """Returns the one container of the pod."""
    return core.v1.ContainerArgs(
        name=pod.name,
        image=pod.image,
        command=list(pod.command) if pod.command is not None else None,
        args=list(pod.args) if pod.args is not None else None,
        env=pod.configuration.environment() or None,
        ports=[
            core.v1.ContainerPortArgs(name=name, container_port=port, protocol="TCP")
            for name, port in pod.ports.items()
        ]
        or None,
        resources=core.v1.ResourceRequirementsArgs(
            requests={"cpu": pod.cpu, "memory": pod.memory}, limits={"memory": pod.memory}
        ),
        security_context=core.v1.SecurityContextArgs(
            allow_privilege_escalation=False,
            privileged=False,
            read_only_root_filesystem=True,
            run_as_non_root=True,
            capabilities=core.v1.CapabilitiesArgs(drop=["ALL"]),
        ),
        volume_mounts=_mounts(pod) or None,
        startup_probe=pod.startup,
        readiness_probe=pod.readiness,
        liveness_probe=pod.liveness,
        # A pod that dies tells why in `kubectl describe`, also where it writes no termination message.
        termination_message_policy="FallbackToLogsOnError",
    )


def _volumes(pod: Pod) -> list[core.v1.VolumeArgs]:
    """Returns the volumes of the pod besides those that a StatefulSet claims."""
    scratch = [
        core.v1.VolumeArgs(
            name=_scratch_name(path), empty_dir=core.v1.EmptyDirVolumeSourceArgs(size_limit=pod.scratch_size)
        )
        for path in pod.scratch
    ]
    return scratch + pod.configuration.volumes()


def _mounts(pod: Pod) -> list[core.v1.VolumeMountArgs]:
    """Returns every mount of the container."""
    persistent = [core.v1.VolumeMountArgs(name=name, mount_path=path) for name, path in pod.mounts.items()]
    scratch = [core.v1.VolumeMountArgs(name=_scratch_name(path), mount_path=path) for path in pod.scratch]
    return persistent + scratch + pod.configuration.mounts()


def _scratch_name(path: str) -> str:
    """Returns the volume name of a scratch path."""
    return naming.physical("kubernetes-label", "scratch", path.strip("/"))


def _host_aliases(aliases: Mapping[str, str]) -> list[core.v1.HostAliasArgs]:
    """Returns the extra host names grouped by address, as the API wants them."""
    addresses: dict[str, list[str]] = {}
    for host, address in sorted(aliases.items()):
        addresses.setdefault(address, []).append(host)
    return [core.v1.HostAliasArgs(ip=ip, hostnames=hosts) for ip, hosts in sorted(addresses.items())]
