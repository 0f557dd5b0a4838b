"""Node pools: an EKS node group each, with what tells the autoscaler of nodes that are not there yet."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi
import pulumi_aws as aws
import yaml

from components import naming
from components.base import Component
from components.foundation.aws.tags import tags
from components.kubernetes.pod import POOL_LABEL

SYSTEM: Final = "system"
GPU: Final = "gpu"
PURPOSES: Final = (SYSTEM, "general", GPU)
GPU_RESOURCE: Final = "nvidia.com/gpu"
# By which the autoscaler knows that a node has accelerators before its driver says so.
# Source: cluster-autoscaler, cloudprovider/aws/aws_cloud_provider.go, GPULabel.
ACCELERATOR_LABEL: Final = "k8s.amazonaws.com/accelerator"
_AUTOSCALER: Final = "k8s.io/cluster-autoscaler"
_TEMPLATE: Final = f"{_AUTOSCALER}/node-template"
# What a tag takes. Source: Amazon EC2 Auto Scaling user guide, "Tag naming and usage restrictions".
_TAG_KEY: Final = 128
# Families with NVIDIA's accelerators; g4ad has AMD's. Source: Amazon EC2 instance types guide, "Accelerated
# computing".
_NVIDIA: Final = re.compile(r"(?!g4ad)(p[2-9]|g[3-9]|gr[6-9])")
_RESERVED: Final = ("eks.amazonaws.com/", POOL_LABEL, ACCELERATOR_LABEL)
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
        min, max: Fewest and most nodes; the autoscaler moves between them. EKS refuses a `min` above the
            live size, which belongs to the autoscaler: raise that first.
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
    names = [pool.name for pool in pools]
    faults = [f"pool {name!r}: declared twice" for name in sorted({n for n in names if names.count(n) > 1})]
    faults += [f"pool {pool.name!r}: {fault}" for pool in pools for fault in _problems(pool)]
    if not any(pool.purpose == SYSTEM for pool in pools):
        faults.append("no pool has purpose system; the cluster's own services need one")
    return faults


def _problems(pool: PoolArgs) -> list[str]:
    faults = []
    if pool.purpose not in PURPOSES:
        faults.append(f"purpose {pool.purpose!r} is unknown; give one of {', '.join(PURPOSES)}")
    if not 0 <= pool.min <= pool.max or pool.max < 1:
        faults.append(f"min {pool.min} and max {pool.max} admit no size")
    if (pool.purpose == GPU) != (pool.accelerator is not None):
        faults.append("purpose gpu and an accelerator come together")
    if pool.accelerator and not _NVIDIA.match(pool.machine_type):
        faults.append(
            f"machine type {pool.machine_type} has no accelerator of NVIDIA; give one like g6.xlarge"
        )
    if pool.accelerator and pool.accelerator.count < 1:
        faults.append("an accelerator comes at least once")
    if pool.purpose == SYSTEM and (pool.spot or pool.min < 1):
        faults.append("what the cluster itself needs wants a node that stays: no spot, and min 1 or more")
    if pool.image_id is not None and not re.fullmatch(r"ami-[0-9a-f]{8,17}", pool.image_id):
        faults.append(f"image {pool.image_id!r} is not the id of a machine image")
    faults += [
        f"label {key} is not for pools to give"
        for key in pool.labels
        if any(key.startswith(reserved) for reserved in _RESERVED)
    ]
    faults += [
        f"effect {taint.effect!r} is unknown; give one of {', '.join(_EFFECTS)}"
        for taint in pool.taints
        if taint.effect not in _EFFECTS
    ]
    keys = [taint.key for taint in pool.taints]
    # The autoscaler is told of a taint by a tag that bears the key alone.
    faults += [f"taint {key} is given twice" for key in sorted({k for k in keys if keys.count(k) > 1})]
    return faults + [
        f"{key.removeprefix(f'{_TEMPLATE}/')} is too long to be declared to the autoscaler; "
        f"shorten it by {len(key) - _TAG_KEY}"
        for key in declarations(pool)
        if len(key) > _TAG_KEY
    ]


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


def owner_tag(cluster: str) -> str:
    """Returns the tag by which the autoscaler finds the groups of its cluster, and may size no others."""
    return f"{_AUTOSCALER}/{cluster}"


def group_name(pool: PoolArgs) -> str:
    """Returns the name of a pool's node group: another one for nodes of another kind.

    EKS cannot change the kind of a group's nodes, so the group is replaced. Under a name of its own the new
    one is there before the old one goes, and pods move over.
    """
    kind = "own-image" if pool.image_id else image_type(pool)
    drawn = hashlib.sha256(f"{pool.machine_type} {kind} {capacity(pool)}".encode()).hexdigest()[:6]
    return naming.physical("aws-eks-node-group", pool.name, drawn)


def capacity(pool: PoolArgs) -> str:
    """Returns what EKS calls the way in which the nodes are bought."""
    return "SPOT" if pool.spot else "ON_DEMAND"


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
        tags: Tags of nodes and disks beside their name.
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
    tags: Mapping[str, str] = field(default_factory=dict)


class AwsNodePool(Component[AwsNodePoolArgs]):
    """A node group and its launch template.

    Guarantees: disks are encrypted with our key; pods reach no instance metadata, and with it no node's
    rights; the size belongs to the autoscaler within min and max, and no update moves it back.

    Attributes:
        group: Name of the node group; known once it has its nodes.

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
            node_group_name=group_name(pool),
            node_role_arn=args.node_role_arn,
            # One group over all zones: Auto Scaling keeps them even, and an accelerator comes from whichever
            # zone has one. It cannot bring a node to the zone of a certain volume, but what keeps data here
            # is RDS, ElastiCache and S3, and no pod.
            subnet_ids=list(args.subnet_ids),
            # A template with an image decides all that the image's kind and version would.
            ami_type=None if pool.image_id else image_type(pool),
            version=None if pool.image_id else args.version,
            capacity_type=capacity(pool),
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
        # EKS gives a group the first two by itself. They are said here too, for the rights of the autoscaler
        # hang on them.
        told: dict[str, tuple[pulumi.Input[str], str]] = {
            "enabled": (f"{_AUTOSCALER}/enabled", "true"),
            "owned": (pulumi.Output.from_input(args.cluster).apply(owner_tag), "owned"),
            **{key.removeprefix(f"{_TEMPLATE}/"): (key, value) for key, value in declarations(pool).items()},
        }
        scaled = group.resources[0].autoscaling_groups[0].name
        for what, (key, value) in told.items():
            aws.autoscaling.Tag(
                f"{self.name}-{what}",
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
        marks = {**args.tags, **tags(f"{args.environment}-{pool.name}")}
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
