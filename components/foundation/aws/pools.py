"""Node pools: an EKS node group each, with what tells the autoscaler of nodes that are not there yet."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi
import pulumi_aws as aws
import yaml

from components import naming
from components.base import ArgsError, Component
from components.foundation.aws.tags import tags
from components.kubernetes.pod import POOL_LABEL

SYSTEM: Final = "system"
GPU: Final = "gpu"
GPU_RESOURCE: Final = "nvidia.com/gpu"
# By which the autoscaler knows that a node has accelerators before its driver says so.
# Source: cluster-autoscaler, cloudprovider/aws/aws_cloud_provider.go, GPULabel.
ACCELERATOR_LABEL: Final = "k8s.amazonaws.com/accelerator"
_TEMPLATE: Final = "k8s.io/cluster-autoscaler/node-template"
# What the node group's API calls the effects.
_EFFECTS: Final = {
    "NoSchedule": "NO_SCHEDULE",
    "PreferNoSchedule": "PREFER_NO_SCHEDULE",
    "NoExecute": "NO_EXECUTE",
}
_ROOT_DISK: Final = "/dev/xvda"


@dataclass(frozen=True)
class AcceleratorArgs:
    """The accelerators of each node."""

    type: str
    count: int = 1


@dataclass(frozen=True)
class TaintArgs:
    """Keeps pods off the nodes unless they tolerate it."""

    key: str
    value: str = ""
    effect: str = "NoSchedule"


@dataclass(frozen=True)
class PoolArgs:
    """One pool.

    Attributes:
        name: Name of the pool, which its nodes carry as a label.
        purpose: `system`, `general` or `gpu`.
        machine_type: Instance type.
        min, max: Fewest and most nodes; the autoscaler moves between them.
        spot: Whether AWS may take nodes away at any time.
        disk_gib: Root disk in GiB.
        image_id: Machine image of our own, None for the one that EKS keeps.
        accelerator: Accelerators of each node.
        labels: Further labels.
        taints: Taints; pools with accelerators are always tainted.
    """

    name: str
    purpose: str
    machine_type: str
    min: int = 1
    max: int = 3
    spot: bool = False
    disk_gib: int = 100
    image_id: str | None = None
    accelerator: AcceleratorArgs | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[TaintArgs] = ()


def problems(pools: Sequence[PoolArgs]) -> list[str]:
    """Returns all that is wrong with all pools."""
    faults = []
    names = [pool.name for pool in pools]
    faults += [f"pool {name!r}: declared twice" for name in sorted({n for n in names if names.count(n) > 1})]
    for pool in pools:
        where = f"pool {pool.name!r}"
        if not 0 <= pool.min <= pool.max or pool.max < 1:
            faults.append(f"{where}: min {pool.min} and max {pool.max} admit no size")
        if (pool.purpose == GPU) != (pool.accelerator is not None):
            faults.append(f"{where}: purpose gpu and an accelerator come together")
        if pool.purpose == SYSTEM and (pool.spot or pool.min < 1):
            faults.append(f"{where}: what the cluster itself needs wants a node that stays")
        faults += [
            f"{where}: effect {taint.effect!r} is unknown; give one of {', '.join(_EFFECTS)}"
            for taint in pool.taints
            if taint.effect not in _EFFECTS
        ]
    if not any(pool.purpose == SYSTEM for pool in pools):
        faults.append("no pool has purpose system; the cluster's own services need one")
    return faults


def is_arm(machine_type: str) -> bool:
    """Tells whether an instance type has an Arm processor: its family says so after the generation."""
    family = machine_type.partition(".")[0]
    generation = next((index for index, char in enumerate(family) if char.isdigit()), len(family))
    return "g" in family[generation:]


def image_type(pool: PoolArgs) -> str:
    """Returns the kind of machine image that EKS keeps for nodes like these."""
    arm, accelerated = is_arm(pool.machine_type), pool.accelerator is not None
    return f"AL2023_{'ARM_64' if arm else 'x86_64'}_{'NVIDIA' if accelerated else 'STANDARD'}"


def node_labels(pool: PoolArgs) -> dict[str, str]:
    """Returns the labels of a pool's nodes."""
    accelerator = {ACCELERATOR_LABEL: pool.accelerator.type} if pool.accelerator else {}
    return {**pool.labels, **accelerator, POOL_LABEL: pool.name}


def node_taints(pool: PoolArgs) -> list[TaintArgs]:
    """Returns the taints of a pool's nodes: none but what asks for accelerators lands on them."""
    guarded = any(taint.key == GPU_RESOURCE for taint in pool.taints)
    guard = [TaintArgs(GPU_RESOURCE)] if pool.accelerator and not guarded else []
    return [*pool.taints, *guard]


def declarations(pool: PoolArgs) -> dict[str, str]:
    """Returns what tells the autoscaler how a node of the pool would be, where there is none to look at.

    Source: cluster-autoscaler, cloudprovider/aws/README.md, "Auto-Discovery Setup".
    """
    found = {f"{_TEMPLATE}/label/{key}": value for key, value in node_labels(pool).items()}
    found |= {
        f"{_TEMPLATE}/taint/{taint.key}": f"{taint.value}:{taint.effect}" for taint in node_taints(pool)
    }
    if pool.accelerator:
        found[f"{_TEMPLATE}/resources/{GPU_RESOURCE}"] = str(pool.accelerator.count)
    return found


def user_data(pool: PoolArgs, cluster: str, endpoint: str, authority: str, service_cidr: str) -> str:
    """Returns, in base64, by what a node of an image of our own joins: EKS adds nothing to such images.

    Args:
        pool: The pool.
        cluster: Name of the cluster.
        endpoint: URL of the API server.
        authority: Its certificate authority, in base64.
        service_cidr: Addresses of services.
    """
    labels = ",".join(f"{key}={value}" for key, value in sorted(node_labels(pool).items()))
    taints = ",".join(f"{it.key}={it.value}:{it.effect}" for it in node_taints(pool))
    flags = [f"--node-labels={labels}", *([f"--register-with-taints={taints}"] if taints else [])]
    node = {
        "apiVersion": "node.eks.aws/v1alpha1",
        "kind": "NodeConfig",
        "spec": {
            "cluster": {
                "name": cluster,
                "apiServerEndpoint": endpoint,
                "certificateAuthority": authority,
                "cidr": service_cidr,
            },
            "kubelet": {"flags": flags},
        },
    }
    lines = [
        "MIME-Version: 1.0",
        'Content-Type: multipart/mixed; boundary="NODE"',
        "",
        "--NODE",
        "Content-Type: application/node.eks.aws",
        "",
        yaml.safe_dump(node, sort_keys=False),
        "--NODE--",
        "",
    ]
    return base64.b64encode("\n".join(lines).encode()).decode()


@dataclass(frozen=True)
class AwsNodePoolArgs:
    """Arguments of `AwsNodePool`.

    Attributes:
        environment: Name of the environment.
        cluster: Name of the cluster.
        version: Its Kubernetes version.
        endpoint, authority, service_cidr: What nodes of an image of our own are told.
        node_role_arn: Role of the nodes.
        subnet_ids: Subnets of the nodes.
        disk_key_arn: Key of their disks.
        pool: The pool.
    """

    environment: str
    cluster: pulumi.Input[str]
    version: str
    endpoint: pulumi.Input[str]
    authority: pulumi.Input[str]
    service_cidr: pulumi.Input[str]
    node_role_arn: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    disk_key_arn: pulumi.Input[str]
    pool: PoolArgs


class AwsNodePool(Component[AwsNodePoolArgs]):
    """A node group and its launch template.

    Guarantees: disks are encrypted with our key; pods reach no instance metadata, and with it no node's
    rights; the size belongs to the autoscaler within min and max, and no update moves it back.

    Attributes:
        group: Name of the node group; known once it has its nodes.

    Raises:
        ArgsError: The pool contradicts itself.
    """

    args_type = AwsNodePoolArgs

    group: pulumi.Output[str]

    def build(self, args: AwsNodePoolArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        pool = args.pool
        template = self._template(args)
        group = aws.eks.NodeGroup(
            self.name,
            cluster_name=args.cluster,
            node_group_name=pool.name,
            node_role_arn=args.node_role_arn,
            subnet_ids=list(args.subnet_ids),
            # A template with an image decides all that the image's kind and version would.
            ami_type=None if pool.image_id else image_type(pool),
            version=None if pool.image_id else args.version,
            capacity_type="SPOT" if pool.spot else "ON_DEMAND",
            instance_types=[pool.machine_type],
            launch_template=aws.eks.NodeGroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(lambda it: str(int(it)))
            ),
            scaling_config=aws.eks.NodeGroupScalingConfigArgs(
                min_size=pool.min, max_size=pool.max, desired_size=pool.min
            ),
            update_config=aws.eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
            labels=node_labels(pool),
            taints=[
                aws.eks.NodeGroupTaintArgs(key=it.key, value=it.value, effect=_EFFECTS[it.effect])
                for it in node_taints(pool)
            ],
            tags=tags(pool.name),
            opts=self.child(ignore_changes=["scalingConfig.desiredSize"]),
        )
        scaled = group.resources[0].autoscaling_groups[0].name
        for key, value in declarations(pool).items():
            aws.autoscaling.Tag(
                f"{self.name}-{key.removeprefix(f'{_TEMPLATE}/')}",
                autoscaling_group_name=scaled,
                tag=aws.autoscaling.TagTagArgs(key=key, value=value, propagate_at_launch=False),
                opts=self.child(),
            )
        self.group = group.node_group_name
        return {"group": self.group}

    def _template(self, args: AwsNodePoolArgs) -> aws.ec2.LaunchTemplate:
        pool = args.pool
        joining: pulumi.Output[str] | None = None
        if pool.image_id:
            joining = pulumi.Output.all(args.cluster, args.endpoint, args.authority, args.service_cidr).apply(
                lambda it: user_data(pool, *it)
            )
        marks = {**tags(f"{args.environment}-{pool.name}")}
        return aws.ec2.LaunchTemplate(
            self.name,
            name=naming.physical("aws-launch-template", args.environment, pool.name),
            image_id=pool.image_id,
            user_data=joining,
            update_default_version=True,
            block_device_mappings=[
                aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
                    device_name=_ROOT_DISK,
                    ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                        volume_size=pool.disk_gib,
                        volume_type="gp3",
                        encrypted="true",
                        kms_key_id=args.disk_key_arn,
                        delete_on_termination="true",
                    ),
                )
            ],
            metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled",
                http_tokens="required",
                # One hop ends at the node: pods do not come by its rights.
                http_put_response_hop_limit=1,
            ),
            monitoring=aws.ec2.LaunchTemplateMonitoringArgs(enabled=True),
            tag_specifications=[
                aws.ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=marks)
                for kind in ("instance", "volume")
            ],
            tags=tags(pool.name),
            opts=self.child(),
        )


def require(pools: Sequence[PoolArgs], where: str) -> None:
    """Refuses pools with all their faults at once.

    Raises:
        ArgsError: There are any.
    """
    if faults := problems(pools):
        raise ArgsError("; ".join(f"{where}: {fault}" for fault in faults))
