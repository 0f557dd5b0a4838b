"""The Kubernetes cluster: EKS with its pools and add-ons, and how the program reaches it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from components.foundation.aws.pools import AwsNodePool, AwsNodePoolArgs, PoolArgs, require
from components.foundation.aws.reach import reachable
from components.foundation.aws.tags import tags
from components.foundation.contract import ClusterAccess

# What EKS offers. Source: Amazon EKS user guide, "Kubernetes versions on Amazon EKS".
VERSIONS: Final = ("1.31", "1.32", "1.33", "1.34", "1.35")
ANYWHERE: Final = "0.0.0.0/0"
STORAGE_CLASS: Final = "gp3"
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
        private_endpoint: Whether the API server is reached from the network alone, but for the allow-list.
        allowed_cidrs: Networks that reach it from outside; with any, it has a public address for them.
        connected_cidrs: Networks joined to this one, which reach its private address.
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
        self._check(args)
        name = naming.physical("aws-eks-cluster", args.environment)
        cluster = self._cluster(args, name)
        self.security_group_id = cluster.vpc_config.cluster_security_group_id
        for index, cidr in enumerate(args.connected_cidrs):
            aws.vpc.SecurityGroupIngressRule(
                f"{self.name}-connected-{index}",
                security_group_id=self.security_group_id,
                description="From a connected network",
                ip_protocol="tcp",
                from_port=443,
                to_port=443,
                cidr_ipv4=cidr,
                tags=tags(f"connected-{index}"),
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
        endpoint = cluster.endpoint.apply(reachable)
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
            self._addon(cluster, "kube-proxy"),
            self._addon(
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

    def _check(self, args: AwsClusterArgs) -> None:
        where = f"AwsCluster {self.name}"
        require(args.pools, where)
        if args.version not in VERSIONS:
            raise ArgsError(
                f"{where}: EKS has no version {args.version!r}; give one of {', '.join(VERSIONS)}"
            )
        if ANYWHERE in args.allowed_cidrs:
            raise ArgsError(
                f"{where}: allow-list {ANYWHERE} is everybody; name the networks that need access"
            )
        if len(args.subnet_ids) < 2:
            raise ArgsError(f"{where}: EKS wants subnets in two zones at least")

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
        public = bool(args.allowed_cidrs) or not args.private_endpoint
        return aws.eks.Cluster(
            self.name,
            name=name,
            version=args.version,
            role_arn=role.arn,
            vpc_config=aws.eks.ClusterVpcConfigArgs(
                subnet_ids=list(args.subnet_ids),
                endpoint_private_access=True,
                endpoint_public_access=public,
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
            cluster, "aws-ebs-csi-driver", role_arn=volumes.role_arn, depends_on=[*pools, volumes]
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
            self._addon(cluster, "coredns", depends_on=pools),
            self._addon(cluster, "metrics-server", depends_on=pools),
        ]

    def _addon(
        self,
        cluster: aws.eks.Cluster,
        addon: str,
        role_arn: pulumi.Input[str] | None = None,
        values: Mapping[str, str] | None = None,
        depends_on: Sequence[pulumi.Resource] = (),
    ) -> aws.eks.Addon:
        return aws.eks.Addon(
            f"{self.name}-{addon}",
            cluster_name=cluster.name,
            addon_name=addon,
            service_account_role_arn=role_arn,
            configuration_values=json.dumps(values, sort_keys=True) if values else None,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            tags=tags(addon),
            opts=self.child(depends_on=list(depends_on)),
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
