"""The Kubernetes cluster: EKS with its pools and add-ons, and how the program reaches it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from ipaddress import IPv4Network, collapse_addresses
from typing import Any, Final

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes import meta

from components import naming
from components.base import ArgsError, Component
from components.foundation.aws import addons, cluster_documents
from components.foundation.aws.documents import render
from components.foundation.aws.identity import AwsIdentity, AwsIdentityArgs
from components.foundation.aws.network import log_retention
from components.foundation.aws.pools import AwsNodePool, AwsNodePoolArgs, PoolArgs, problems
from components.foundation.aws.reach import reachable
from components.foundation.aws.tags import tags
from components.foundation.contract import ClusterAccess

# Versions in standard support as of November 2026, and its end. Sources: Amazon EKS user guide, "Amazon EKS
# Kubernetes release calendar"; endoflife.date/amazon-eks.
VERSIONS: Final = {
    "1.34": date(2026, 12, 2),
    "1.35": date(2027, 3, 27),
    "1.36": date(2027, 8, 2),
}
STORAGE_CLASS: Final = "gp3"
_EVERYWHERE: Final = IPv4Network("0.0.0.0/0")
# RFC 1918 and RFC 6598.
_PRIVATE: Final = tuple(
    IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)
_LOGS: Final = ("api", "audit", "authenticator", "controllerManager", "scheduler")
_SERVICES: Final = "172.20.0.0/16"
_MANAGED: Final = "arn:aws:iam::aws:policy"


@dataclass(frozen=True)
class AwsClusterArgs:
    """Arguments of `AwsCluster`.

    Attributes:
        environment: Name of the environment, and of the cluster.
        account: The account that everything is in.
        region: Its region.
        version: Kubernetes minor version.
        vpc_id: The network.
        cidr: Its addresses.
        subnet_ids: Its private subnets, in two zones at least.
        secrets_key_arn: Key of the secrets that the API server keeps.
        disk_key_arn: Key of nodes' disks and of volumes.
        log_key_arn: Key of the control plane's logs.
        log_retention_days: Days that they are kept.
        pools: The node pools; one of them is of purpose `system`.
        private_endpoint: Whether the API server may do without a public address. Where it may not, there
            must be an allow-list.
        allowed_cidrs: Networks that reach it from outside; with any, it has a public address for them.
        connected_cidrs: Networks joined to this one, which reach its private address.
        tags: Tags of the environment, for nodes and their disks, and for volumes: those are made by others
            than the provider, which does not tag them.
        images: References of images by part.
        chart_source, chart_location: Where operators' charts come from; see `ChartArgs`.
        protect: Whether the cluster refuses deletion.
    """

    environment: str
    account: str
    region: str
    version: str
    vpc_id: pulumi.Input[str]
    cidr: str
    subnet_ids: Sequence[pulumi.Input[str]]
    secrets_key_arn: pulumi.Input[str]
    disk_key_arn: pulumi.Input[str]
    log_key_arn: pulumi.Input[str]
    log_retention_days: int
    pools: Sequence[PoolArgs]
    private_endpoint: bool = True
    allowed_cidrs: Sequence[str] = ()
    connected_cidrs: Sequence[str] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    chart_source: str = "upstream"
    chart_location: str | None = None
    protect: bool = False


class AwsCluster(Component[AwsClusterArgs]):
    """An EKS cluster, its node pools, and what every cluster needs to run.

    Guarantees: secrets are encrypted with our key; every call of the API is logged; the API server has no
    public address unless there is an allow-list, and then for that list alone; pods get rights by their
    service account. What cannot be reached from here is told once, before anything is put on it.

    Attributes:
        access: How the program reaches the cluster.
        oidc_provider_arn, oidc_issuer_host: Who vouches for service accounts towards IAM.
        security_group_id: Security group of control plane and nodes.
        ready: What must exist before pods with rights of their own run.

    Raises:
        ArgsError: Pools, versions or networks contradict each other; every fault is named.
    """

    args_type = AwsClusterArgs

    access: ClusterAccess
    oidc_provider_arn: pulumi.Output[str]
    oidc_issuer_host: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    ready: Sequence[pulumi.Resource]

    def build(self, args: AwsClusterArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        if found := faults(args):
            raise ArgsError("; ".join(f"AwsCluster {self.name}: {fault}" for fault in found))
        if warning := expiring(args.version, date.today()):
            pulumi.log.warn(warning, self)
        name = naming.physical("aws-eks-cluster", args.environment)
        cluster = self._cluster(args, name)
        self.security_group_id = cluster.vpc_config.cluster_security_group_id
        for cidr in args.connected_cidrs:
            # Named by what it admits, not by its place: the rule of one network is none of another's.
            source = f"connected-{cidr.replace('/', '-')}"
            aws.vpc.SecurityGroupIngressRule(
                f"{self.name}-{source}",
                security_group_id=self.security_group_id,
                description="From a connected network",
                ip_protocol="tcp",
                from_port=443,
                to_port=443,
                cidr_ipv4=cidr,
                tags=tags(source),
                opts=self.child(),
            )
        issuer = cluster.identities[0].oidcs[0].issuer.apply(str)
        provider = aws.iam.OpenIdConnectProvider(
            self.name,
            url=issuer,
            client_id_lists=["sts.amazonaws.com"],
            tags=tags(self.name),
            opts=self.child(),
        )
        self.oidc_provider_arn = provider.arn
        self.oidc_issuer_host = issuer.apply(lambda url: url.removeprefix("https://"))
        endpoint = cluster.endpoint.apply(lambda url: reachable(url, name, args.region, args.allowed_cidrs))
        authority = cluster.certificate_authority.data
        config = pulumi.Output.all(name, endpoint, authority, args.region).apply(lambda it: kubeconfig(*it))
        api = kubernetes.Provider(
            "kubernetes",
            kubeconfig=config,
            # The same cluster stays the same provider, whatever its address and authority become.
            cluster_identifier=cluster.arn,
            enable_server_side_apply=True,
            # A changed file restarts its pods by a checksum; replacing the ConfigMap would only take time.
            enable_config_map_mutable=True,
            enable_secret_mutable=True,
            opts=self.child(),
        )
        self.access = ClusterAccess(
            provider=api,
            oidc_issuer=issuer,
            pools=[pool.name for pool in args.pools],
            kubeconfig=config,
            context=name,
        )
        before = [
            self._addon(args, cluster, "kube-proxy"),
            self._addon(
                args,
                cluster,
                "vpc-cni",
                role_arn=self._identity(
                    args, "vpc-cni", "aws-node", policies=[f"{_MANAGED}/AmazonEKS_CNI_Policy"]
                ).role_arn,
                # The network enforces policies, as every namespace relies on.
                values={"enableNetworkPolicy": "true"},
            ),
        ]
        pools = self._pools(args, cluster, endpoint, authority, before)
        self.ready = [provider, *pools, *self._addons(args, cluster, api, pools)]
        addons.install(self, args, name, api, self.ready)
        return {"endpoint": endpoint, "version": args.version}

    def _cluster(self, args: AwsClusterArgs, name: str) -> aws.eks.Cluster:
        role, attached = self._role(args, "cluster", "eks.amazonaws.com", ["AmazonEKSClusterPolicy"])
        # EKS would make it by itself: without our key, and kept for ever.
        logs = aws.cloudwatch.LogGroup(
            self.name,
            name=f"/aws/eks/{name}/cluster",
            kms_key_id=args.log_key_arn,
            retention_in_days=log_retention(args.log_retention_days),
            tags=tags(self.name),
            opts=self.child(),
        )
        return aws.eks.Cluster(
            self.name,
            name=name,
            version=args.version,
            role_arn=role.arn,
            vpc_config=aws.eks.ClusterVpcConfigArgs(
                subnet_ids=list(args.subnet_ids),
                endpoint_private_access=True,
                endpoint_public_access=bool(args.allowed_cidrs),
                public_access_cidrs=list(args.allowed_cidrs) if args.allowed_cidrs else None,
            ),
            access_config=aws.eks.ClusterAccessConfigArgs(
                authentication_mode="API", bootstrap_cluster_creator_admin_permissions=True
            ),
            encryption_config=aws.eks.ClusterEncryptionConfigArgs(
                provider=aws.eks.ClusterEncryptionConfigProviderArgs(key_arn=args.secrets_key_arn),
                resources=["secrets"],
            ),
            kubernetes_network_config=aws.eks.ClusterKubernetesNetworkConfigArgs(service_ipv4_cidr=_SERVICES),
            enabled_cluster_log_types=list(_LOGS),
            bootstrap_self_managed_addons=False,
            # With standard support alone, AWS would upgrade the cluster when that ends, unasked.
            upgrade_policy=aws.eks.ClusterUpgradePolicyArgs(support_type="EXTENDED"),
            deletion_protection=args.protect,
            tags=tags(self.name),
            opts=self.child(
                depends_on=[*attached, logs],
                protect=args.protect or None,
                custom_timeouts=pulumi.CustomTimeouts(create="45m", update="90m", delete="30m"),
            ),
        )

    def _role(
        self, args: AwsClusterArgs, what: str, service: str, policies: Sequence[str]
    ) -> tuple[aws.iam.Role, list[pulumi.Resource]]:
        role = aws.iam.Role(
            f"{self.name}-{what}",
            name=naming.physical("aws-iam-role", args.environment, what),
            assume_role_policy=render(cluster_documents.service_trust(service)),
            tags=tags(what),
            opts=self.child(),
        )
        return role, [
            aws.iam.RolePolicyAttachment(
                f"{self.name}-{what}-{policy}",
                role=role.name,
                policy_arn=f"{_MANAGED}/{policy}",
                opts=self.child(),
            )
            for policy in policies
        ]

    def _identity(
        self,
        args: AwsClusterArgs,
        what: str,
        service_account: str,
        policy: pulumi.Input[str] | None = None,
        policies: Sequence[str] = (),
    ) -> AwsIdentity:
        return AwsIdentity(
            f"{self.name}-{what}",
            AwsIdentityArgs(
                environment=args.environment,
                name=what,
                namespace="kube-system",
                service_account=service_account,
                oidc_provider_arn=self.oidc_provider_arn,
                oidc_issuer_host=self.oidc_issuer_host,
                policy=policy,
                managed_policies=policies,
            ),
            self.child(),
        )

    def _pools(
        self,
        args: AwsClusterArgs,
        cluster: aws.eks.Cluster,
        endpoint: pulumi.Output[str],
        authority: pulumi.Output[str],
        before: Sequence[pulumi.Resource],
    ) -> list[pulumi.Resource]:
        policies = ["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"]
        role, attached = self._role(args, "node", "ec2.amazonaws.com", policies)
        return [
            AwsNodePool(
                pool.name,
                AwsNodePoolArgs(
                    environment=args.environment,
                    cluster=cluster.name,
                    version=args.version,
                    endpoint=endpoint,
                    authority=authority,
                    service_cidr=_SERVICES,
                    node_role_arn=role.arn,
                    subnet_ids=args.subnet_ids,
                    disk_key_arn=args.disk_key_arn,
                    tags=args.tags,
                    pool=pool,
                ),
                # A node without the network's add-ons never becomes ready.
                self.child(depends_on=[*attached, *before]),
            )
            for pool in args.pools
        ]

    def _addons(
        self,
        args: AwsClusterArgs,
        cluster: aws.eks.Cluster,
        api: kubernetes.Provider,
        pools: Sequence[pulumi.Resource],
    ) -> list[pulumi.Resource]:
        """Creates the add-ons that run as pods on nodes, and the class of volumes."""
        volumes = self._identity(
            args,
            "ebs-csi",
            "ebs-csi-controller-sa",
            policy=pulumi.Output.from_input(args.disk_key_arn).apply(
                lambda arn: render(cluster_documents.disks(arn))
            ),
            policies=[f"{_MANAGED}/service-role/AmazonEBSCSIDriverPolicy"],
        )
        driver = self._addon(
            args,
            cluster,
            "aws-ebs-csi-driver",
            role_arn=volumes.role_arn,
            values={"controller": {"extraVolumeTags": dict(args.tags)}},
            depends_on=[*pools, volumes],
        )
        disks = kubernetes.storage.v1.StorageClass(
            STORAGE_CLASS,
            metadata=meta.v1.ObjectMetaArgs(
                name=STORAGE_CLASS, annotations={"storageclass.kubernetes.io/is-default-class": "true"}
            ),
            provisioner="ebs.csi.aws.com",
            parameters={"type": "gp3", "encrypted": "true", "kmsKeyId": args.disk_key_arn},
            # A disk is made in the zone of its pod.
            volume_binding_mode="WaitForFirstConsumer",
            allow_volume_expansion=True,
            reclaim_policy="Delete",
            opts=pulumi.ResourceOptions.merge(
                self.child(depends_on=[driver]), pulumi.ResourceOptions(provider=api)
            ),
        )
        return [
            driver,
            disks,
            self._addon(args, cluster, "coredns", depends_on=pools),
            self._addon(args, cluster, "metrics-server", depends_on=pools),
        ]

    def _addon(
        self,
        args: AwsClusterArgs,
        cluster: aws.eks.Cluster,
        addon: str,
        role_arn: pulumi.Input[str] | None = None,
        values: Mapping[str, Any] | None = None,
        depends_on: Sequence[pulumi.Resource] = (),
    ) -> aws.eks.Addon:
        # What EKS gives with this version of Kubernetes. The most recent one would change with every day, and
        # none at all would stay behind when the cluster is upgraded.
        version = aws.eks.get_addon_version_output(
            addon_name=addon, kubernetes_version=args.version, opts=pulumi.InvokeOutputOptions(parent=self)
        ).version
        return aws.eks.Addon(
            f"{self.name}-{addon}",
            cluster_name=cluster.name,
            addon_name=addon,
            addon_version=version,
            service_account_role_arn=role_arn,
            configuration_values=json.dumps(values, sort_keys=True) if values else None,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            tags=tags(addon),
            opts=self.child(depends_on=list(depends_on)),
        )


def faults(args: AwsClusterArgs) -> list[str]:
    """Returns all that is wrong with the arguments of a cluster and its pools."""
    found = problems(args.pools)
    if args.version not in VERSIONS:
        found.append(
            f"EKS has no version {args.version!r} in standard support; give one of {', '.join(VERSIONS)}"
        )
    if len(args.subnet_ids) < 2:
        found.append("EKS wants subnets in two zones at least")
    if not args.private_endpoint and not args.allowed_cidrs:
        found.append("a public API server without an allow-list is everybody's; give allowed_cidrs")
    allowed = [IPv4Network(cidr) for cidr in args.allowed_cidrs]
    if _EVERYWHERE in collapse_addresses(allowed):
        found.append("the allow-list is everybody; name the networks that need access")
    found += [
        f"network {network} on the allow-list is private, and never comes to a public address as such; "
        "give the address that it has outside, or join it and give it as connected_cidrs"
        for network in allowed
        if any(network.subnet_of(private) for private in _PRIVATE)
    ]
    services = IPv4Network(_SERVICES)
    return found + [
        f"network {cidr} shares addresses with the cluster's services, which are {_SERVICES}"
        for cidr in (args.cidr, *args.connected_cidrs)
        if IPv4Network(cidr).overlaps(services)
    ]


def expiring(version: str, today: date) -> str | None:
    """Returns what to tell of a version whose standard support has ended since; None for any other."""
    end = VERSIONS[version]
    if today <= end:
        return None
    return (
        f"EKS ended standard support of Kubernetes {version} on {end}, and charges more for it since; "
        "raise cluster.version by one"
    )


def kubeconfig(name: str, endpoint: str, authority: str, region: str) -> str:
    """Returns a kubeconfig that holds no secret: whoever uses it proves by AWS who they are.

    Args:
        name: Name of the cluster, and of the context.
        endpoint: URL of the API server.
        authority: Its certificate authority, in base64.
        region: Region of the cluster.
    """
    command = ["eks", "get-token", "--cluster-name", name, "--region", region, "--output", "json"]
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": name, "cluster": {"server": endpoint, "certificate-authority-data": authority}}
            ],
            "users": [
                {
                    "name": name,
                    "user": {
                        "exec": {
                            "apiVersion": "client.authentication.k8s.io/v1beta1",
                            "command": "aws",
                            "args": command,
                            "interactiveMode": "Never",
                        }
                    },
                }
            ],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )
