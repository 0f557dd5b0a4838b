"""EKS: clusters, node groups, access."""

import ipaddress
from collections.abc import Iterator
from typing import Any

from bootstrap.rehearsal.aws import sources
from bootstrap.rehearsal.aws.rules.network import offered
from bootstrap.rehearsal.aws.rules.support import (
    ROLE,
    SUBNET,
    VPC,
    Account,
    Refusal,
    Resource,
    Rules,
    admits,
    attached,
    entries,
    first,
    key_of,
    named,
    one_vpc,
    trusts,
    value,
    zones_of,
)

_CLUSTER = "aws:eks/cluster:Cluster"
_NODES = "aws:eks/nodeGroup:NodeGroup"
_TEMPLATES = "docs.aws.amazon.com/eks/latest/userguide/launch-templates.html"
_NODE_ROLE = "docs.aws.amazon.com/eks/latest/userguide/create-node-role.html"


def _cluster(resource: Resource, account: Account) -> Iterator[Refusal]:
    subnets = named(account, SUBNET, entries(resource, "vpcConfig.subnetIds"))
    if len(zones_of(subnets)) < 2:
        reason = f"are in {', '.join(map(str, zones_of(subnets)))} alone; a cluster needs two zones"
        source = "docs.aws.amazon.com/eks/latest/userguide/network-reqs.html"
        yield Refusal("vpcConfig.subnetIds", reason, source, "InvalidParameterException")
    yield from one_vpc(
        resource, account, "vpcConfig.subnetIds", "vpcConfig.securityGroupIds", "InvalidParameterException"
    )
    vpc = account.get(VPC, value(subnets[0], "vpcId")) if subnets else None
    services = value(resource, "kubernetesNetworkConfig.serviceIpv4Cidr")
    if vpc and services and _network(services).overlaps(_network(value(vpc, "cidrBlock"))):
        reason = f"{services} overlaps {value(vpc, 'cidrBlock')}, the block of {vpc.id}"
        source = "botocore eks.CreateCluster.kubernetesNetworkConfig.serviceIpv4Cidr"
        yield Refusal("kubernetesNetworkConfig.serviceIpv4Cidr", reason, source, "InvalidParameterException")
    config = value(resource, "vpcConfig") or {}
    if config.get("endpointPublicAccess") is False and not config.get("endpointPrivateAccess"):
        reason = "is off while the public endpoint is off too"
        source = "docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html"
        yield Refusal("vpcConfig.endpointPrivateAccess", reason, source, "InvalidParameterException")
    yield from _role(resource, account, "roleArn", "eks.amazonaws.com", [{"AmazonEKSClusterPolicy"}])


def _network(block: str) -> ipaddress.IPv4Network:
    return ipaddress.IPv4Network(block)


def _role(
    resource: Resource, account: Account, path: str, service: str, policies: list[set[str]]
) -> Iterator[Refusal]:
    """Refuses a role that the service cannot assume, or that has none of each set of managed policies."""
    role = first(account, ROLE, "arn", value(resource, path))
    if role is None:
        return
    if not trusts(role, service):
        reason = f"{role.id} does not let {service} assume it"
        yield Refusal(path, reason, "terraform-provider-aws eks/cluster.go", "InvalidParameterException")
    for alternatives in policies:
        if not alternatives & attached(role, account):
            reason = f"{role.id} has none of the managed policies {', '.join(sorted(alternatives))}"
            yield Refusal(
                path,
                reason,
                "terraform-provider-aws eks/cluster.go; " + _NODE_ROLE,
                "InvalidParameterException",
            )


def _upgrade(resource: Resource, account: Account) -> Iterator[Refusal]:
    before = account.get(resource.type, resource.id)
    old, new = (_minor(value(r, "version")) if r else 0 for r in (before, resource))
    if old and new not in (old, old + 1):
        reason = (
            f"goes from 1.{old} to 1.{new}: a cluster is upgraded by one minor version at a time, never back"
        )
        source = "docs.aws.amazon.com/eks/latest/userguide/update-cluster.html"
        yield Refusal("version", reason, source, "InvalidParameterException")


def _minor(version: Any) -> int:
    return int(str(version or "0.0").split(".")[1])


def _nodes(resource: Resource, account: Account) -> Iterator[Refusal]:
    low, wanted, high = (value(resource, f"scalingConfig.{n}Size") or 0 for n in ("min", "desired", "max"))
    if not low <= wanted <= high or high < 1:
        reason = f"{wanted:.0f} is not between {low:.0f} and {high:.0f}, or the latter is not at least 1"
        source = "botocore eks NodegroupScalingConfig; terraform-provider-aws eks/node_group.go"
        yield Refusal("scalingConfig.desiredSize", reason, source, "InvalidParameterException")
    subnets = named(account, SUBNET, entries(resource, "subnetIds"))
    yield from _of_cluster(resource, account, subnets)
    policies = [
        {"AmazonEKSWorkerNodePolicy", "AmazonEKSWorkerNodeMinimalPolicy"},
        {"AmazonEC2ContainerRegistryReadOnly", "AmazonEC2ContainerRegistryPullOnly"},
    ]
    yield from _role(resource, account, "nodeRoleArn", "ec2.amazonaws.com", policies)
    template = _template(resource, account)
    if template:
        yield from _templated(resource, template, account)
    types = entries(resource, "instanceTypes") or [
        t for t in [template and value(template, "instanceType")] if t
    ]
    for kind in types:
        yield from offered("instanceTypes", kind, account)
        yield from _placed(kind, subnets, account)
        image = value(resource, "amiType")
        if image and image != "CUSTOM":
            yield from _fitting(kind, image)


def _of_cluster(resource: Resource, account: Account, subnets: list[Resource]) -> Iterator[Refusal]:
    cluster = account.get(_CLUSTER, value(resource, "clusterName"))
    if cluster is None:
        return
    home = {value(s, "vpcId") for s in named(account, SUBNET, entries(cluster, "vpcConfig.subnetIds"))}
    if home and not {value(subnet, "vpcId") for subnet in subnets} <= home:
        reason = f"are of another VPC than {cluster.id}, which is in {', '.join(sorted(home))}"
        yield Refusal(
            "subnetIds",
            reason,
            "docs.aws.amazon.com/eks/latest/userguide/network-reqs.html",
            "InvalidParameterException",
        )
    own, theirs = _minor(value(resource, "version")), _minor(value(cluster, "version"))
    if own and not theirs - 3 <= own <= theirs:
        reason = f"is 1.{own}, but {cluster.id} runs 1.{theirs}"
        yield Refusal(
            "version",
            reason,
            "https://kubernetes.io/releases/version-skew-policy/#kubelet",
            "InvalidParameterException",
        )


def _template(resource: Resource, account: Account) -> Resource | None:
    kind = "aws:ec2/launchTemplate:LaunchTemplate"
    identifier, name = value(resource, "launchTemplate.id"), value(resource, "launchTemplate.name")
    return account.get(kind, identifier) if identifier else first(account, kind, "name", name)


def _templated(resource: Resource, template: Resource, account: Account) -> Iterator[Refusal]:
    code = "InvalidParameterException"
    for name in ("diskSize", "remoteAccess"):
        if value(resource, name) is not None:
            reason = f"{name} stands in the launch template instead"
            yield Refusal(name, reason, "botocore eks.CreateNodegroup.launchTemplate", code)
    if entries(resource, "instanceTypes") and value(template, "instanceType"):
        reason = f"are given here and by {template.id} too"
        yield Refusal("instanceTypes", reason, "botocore eks.CreateNodegroup.instanceTypes", code)
    for name in ("iamInstanceProfile", "instanceMarketOptions", "hibernationOptions"):
        if value(template, name):
            reason = f"{template.id} has {name}, which a managed node group sets itself"
            yield Refusal("launchTemplate", reason, _TEMPLATES, code)
    own_image = value(template, "imageId")
    if own_image and value(resource, "amiType") not in (None, "CUSTOM"):
        reason = f"is given while {template.id} has an image of its own"
        yield Refusal("amiType", reason, "botocore eks.CreateNodegroup.amiType", code)
    if own_image and not value(template, "userData"):
        reason = f"{template.id} has an image of its own, but no user data that makes its nodes join"
        yield Refusal("launchTemplate", reason, _TEMPLATES, code)
    version = str(value(resource, "launchTemplate.version"))
    if version.isdigit() and int(version) > int(value(template, "latestVersion") or 1):
        reason = f"{template.id} has no version {version}"
        yield Refusal("launchTemplate.version", reason, "moto ec2", "InvalidLaunchTemplateId.VersionNotFound")
    for mapping in entries(template, "blockDeviceMappings"):
        key = key_of(account, (mapping.get("ebs") or {}).get("kmsKeyId"))
        if key and not admits(key, r"role/aws-service-role/autoscaling\.amazonaws\.com/", "kms:CreateGrant"):
            reason = f"{key.id}, which encrypts the disks, does not let AWSServiceRoleForAutoScaling use it"
            source = (
                "docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html"
            )
            yield Refusal("launchTemplate", reason, source, "AsgInstanceLaunchFailures")


def _placed(kind: str, subnets: list[Resource], account: Account) -> Iterator[Refusal]:
    places = sources.instance_types(account.region).get(kind, frozenset())
    if places and subnets and not zones_of(subnets) & places:
        reason = f"{kind} is offered in {', '.join(sorted(places))}, where no subnet is"
        yield Refusal(
            "instanceTypes",
            reason,
            "moto ec2 instance_type_offerings",
            "Ec2LaunchTemplateInvalidConfiguration",
        )


def _fitting(kind: str, image: str) -> Iterator[Refusal]:
    """Refuses an image of another architecture, and one without the drivers, or with them in vain."""
    machine = sources.hardware().get(kind)
    if machine is None:
        return
    code = "InvalidParameterException"
    arm = "arm64" in machine.get("ProcessorInfo", {}).get("SupportedArchitectures", [])
    if arm != ("ARM_64" in image):
        reason = f"{image} does not fit {kind}, which is {'arm64' if arm else 'x86_64'}"
        yield Refusal("amiType", reason, "moto ec2 instance_types", code)
    makers = {gpu.get("Manufacturer") for gpu in machine.get("GpuInfo", {}).get("Gpus", [])}
    drivers = image.endswith(("_GPU", "NVIDIA", "NVIDIA_FIPS"))
    if ("NVIDIA" in makers) != drivers:
        reason = (
            f"{image} drives GPUs, but {kind} has none"
            if drivers
            else f"{image} has no drivers for the GPUs of {kind}"
        )
        yield Refusal(
            "amiType", reason, "botocore eks.CreateNodegroup.instanceTypes; moto ec2 instance_types", code
        )


def _entry(resource: Resource, account: Account) -> Iterator[Refusal]:
    cluster = account.get(_CLUSTER, value(resource, "clusterName"))
    mode = (cluster and value(cluster, "accessConfig.authenticationMode")) or "CONFIG_MAP"
    if cluster and mode == "CONFIG_MAP":
        reason = f"{cluster.id} knows no access entries: its accessConfig.authenticationMode is {mode}"
        source = "docs.aws.amazon.com/eks/latest/userguide/setting-up-access-entries.html"
        yield Refusal("clusterName", reason, source, "InvalidRequestException")
    kind = value(resource, "type") or "STANDARD"
    if kind != "STANDARD" and (value(resource, "kubernetesGroups") or value(resource, "userName")):
        reason = f"an entry of type {kind} takes neither groups nor a user name"
        yield Refusal(
            "kubernetesGroups", reason, "botocore eks.CreateAccessEntry.type", "InvalidParameterException"
        )


def _scope(resource: Resource, _: Account) -> Iterator[Refusal]:
    kind, spaces = value(resource, "accessScope.type"), entries(resource, "accessScope.namespaces")
    if (kind == "namespace") != bool(spaces):
        reason = f"scope {kind!r} {'needs' if kind == 'namespace' else 'takes no'} namespaces"
        yield Refusal(
            "accessScope.namespaces",
            reason,
            "botocore eks.AssociateAccessPolicy.accessScope",
            "InvalidParameterException",
        )


def _pod_identity(resource: Resource, account: Account) -> Iterator[Refusal]:
    yield from _role(resource, account, "roleArn", "pods.eks.amazonaws.com", [])


CREATING: Rules = {
    _CLUSTER: [_cluster],
    _NODES: [_nodes],
    "aws:eks/accessEntry:AccessEntry": [_entry],
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": [_scope],
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": [_pod_identity],
}
UPDATING: Rules = {_CLUSTER: [_upgrade]}
