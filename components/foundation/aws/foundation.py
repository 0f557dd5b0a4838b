"""The foundation on AWS: what the contract asks for, by AWS's own services."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi

from components import catalog
from components.foundation.aws.cache import AwsCache, AwsCacheArgs
from components.foundation.aws.database import AwsDatabase, AwsDatabaseArgs, instance_identifier
from components.foundation.aws.documents import render
from components.foundation.aws.edge import AwsEdge, AwsEdgeArgs
from components.foundation.aws.governance import AwsGovernance, AwsGovernanceArgs, trail_name
from components.foundation.aws.grants import StoreGrant, store_document
from components.foundation.aws.identity import AwsIdentity, AwsIdentityArgs
from components.foundation.aws.network import ANYWHERE, log_retention
from components.foundation.aws.registry import AwsRegistry, AwsRegistryArgs
from components.foundation.aws.secrets import AwsSecrets, AwsSecretsArgs
from components.foundation.aws.storage import AwsStorage, AwsStorageArgs
from components.foundation.contract import (
    Access,
    ClusterAccess,
    Consumer,
    ContractError,
    Foundation,
    Identity,
    Purpose,
    StoreAccess,
    validate,
)
from components.foundation.databases import Database
from components.foundation.edge import SingleSignOnSettings
from components.kubernetes.namespace import Namespace, NamespaceArgs

NAMESPACE: Final = "colonnade-foundation"
EDGE_NAMESPACE: Final = "colonnade-edge"
DATABASE: Final = "database"
CACHE: Final = "cache"


@dataclass(frozen=True)
class NetworkAccess:
    """The network as what stands in it sees it.

    Attributes:
        vpc_id: The VPC.
        cidr: Its addresses.
        data_subnet_ids: Subnets of databases and caches.
        data_cidrs: Their blocks.
        connected_cidrs: Networks joined to it.
        ready: What must be there as long as anything runs in the network.
    """

    vpc_id: pulumi.Input[str]
    cidr: str
    data_subnet_ids: Sequence[pulumi.Input[str]]
    data_cidrs: Sequence[str]
    connected_cidrs: Sequence[str] = ()
    ready: Sequence[pulumi.Resource] = ()


@dataclass(frozen=True)
class EdgeSettings:
    """How people reach the platform; see `AwsEdgeArgs` for what each means."""

    domain: str
    gateway_crds: Sequence[str]
    zone_id: str | None = None
    validation_zone_id: str | None = None
    certificate_arn: str | None = None
    certificate: pulumi.Input[str] | None = None
    private_key: pulumi.Input[str] | None = None
    replicas: int = 1
    single_sign_on: SingleSignOnSettings | None = None


@dataclass(frozen=True)
class StoreSettings:
    """Days that logs are kept, days in which a deleted object can be restored, and further buckets."""

    logs_days: int = 90
    deleted_days: int = 30
    additional_buckets: Sequence[str] = ()


@dataclass(frozen=True)
class DatabaseSettings:
    """The database server; see `AwsDatabaseArgs`. No backups are 0 days of them."""

    instance_type: str = "db.t4g.medium"
    size_gib: int = 20
    instances: int = 1
    backup_retention_days: int = 0
    backup_schedule: str = "0 3 * * *"


@dataclass(frozen=True)
class CacheSettings:
    """The cache; see `AwsCacheArgs`."""

    enabled: bool = True
    instance_type: str = "cache.t4g.small"
    replicas: int = 0
    snapshot_retention_days: int = 1


@dataclass(frozen=True)
class GovernanceSettings:
    """What watches over the environment; see `AwsGovernanceArgs` and `AwsRegistryArgs`."""

    audit_trail: bool = False
    data_scan: bool = False
    budget_usd: int | None = None
    recipients: Sequence[str] = ()
    image_scanning: str = "basic"


@dataclass(frozen=True)
class AwsFoundationArgs:
    """Arguments of `AwsFoundation`.

    Attributes:
        environment: Name of the environment; physical names begin with it.
        account: The account that everything is in.
        region: Its region.
        consumers: All services that want something. Their namespaces exist already.
        cluster: The cluster.
        oidc_provider_arn, oidc_issuer_host: Who vouches for its service accounts.
        network: The network.
        key_arns: ARN of the key by purpose.
        images: References of images by part.
        edge, store, database, cache, governance: Sizes and choices.
        repositories: Images that the registry has a place for.
        pool: Node pool of the foundation's own pods, None for any.
        protect: Whether what keeps data refuses deletion; production implies it.
        final_snapshot: Whether a last snapshot and the backups outlive database and cache.
        chart_source, chart_location: Where operators' charts come from; see `ChartArgs`.
    """

    environment: str
    account: str
    region: str
    consumers: Sequence[Consumer]
    cluster: ClusterAccess
    oidc_provider_arn: pulumi.Input[str]
    oidc_issuer_host: pulumi.Input[str]
    network: NetworkAccess
    key_arns: Mapping[str, pulumi.Input[str]]
    images: Mapping[str, str]
    edge: EdgeSettings
    store: StoreSettings = field(default_factory=StoreSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    governance: GovernanceSettings = field(default_factory=GovernanceSettings)
    repositories: Sequence[str] = ()
    pool: str | None = None
    protect: bool = False
    final_snapshot: bool = False
    chart_source: str = "upstream"
    chart_location: str | None = None


class AwsFoundation(Foundation[AwsFoundationArgs]):
    """Buckets, a database server, a cache, secrets, a registry and the edge, on an EKS cluster.

    The caller's options carry explicit providers: aws, kubernetes and random; all children inherit them.

    Guarantees: a consumer's service account may use its own buckets, and its pods hold no key of AWS; a role
    of the database reaches its own database alone; all passwords are secret in state.

    Raises:
        ContractError: The consumers contradict each other, or ask for a cache that is switched off.
    """

    args_type = AwsFoundationArgs

    def build(self, args: AwsFoundationArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        validate(args.consumers)
        self._args = args
        self._consumers = {consumer.name: consumer for consumer in args.consumers}
        if not args.cache.enabled and (wanting := [it.name for it in args.consumers if it.cache]):
            raise ContractError(f"{', '.join(wanting)}: want the cache, which is switched off")
        self.cluster = args.cluster
        parts = Namespace(NAMESPACE, NamespaceArgs(), self.child())
        entry = Namespace(EDGE_NAMESPACE, NamespaceArgs(), self.child())
        self._store = self._storage(args)
        registry = AwsRegistry(
            "registry",
            AwsRegistryArgs(
                environment=args.environment,
                account=args.account,
                region=args.region,
                key_arn=args.key_arns["registry"],
                repositories=args.repositories,
                scanning=args.governance.image_scanning,
                protect=args.protect,
            ),
            self.child(),
        )
        self._identities = self._workload_identities(args)
        self._database = self._database_server(args, parts)
        self._cache = self._valkey(args)
        edge = self._edge(args, [parts, entry])
        self.edge = edge.access
        self._watch(args)
        self.outputs = {
            "registry": registry.url,
            "buckets": dict(self._store.buckets),
            "name_servers": edge.name_servers,
            **({"database_host": self._database.host} if self._database else {}),
        }
        return {"domain": args.edge.domain, "buckets": dict(self._store.buckets)}

    def grant(self, consumer: str) -> Access:
        """See `Foundation.grant`."""
        granted, args = self._consumers[consumer], self._args
        egress: list[tuple[str, int]] = []
        ready: list[pulumi.Resource] = []
        identity = Identity()
        if granted.stores:
            role = self._identities[(granted.namespace, granted.service_account)]
            identity = role.identity
            # S3 answers at public addresses on the way that stays inside: security groups and the policy of
            # that way bound it, which know S3 by name.
            egress.append((ANYWHERE, 443))
            ready += [role, *self._store.ready]
        database = None
        if granted.database is not None and self._database is not None:
            database = self._database.access(consumer)
            egress += self._database.egress
            ready += self._database.ready
        cache = None
        if granted.cache and self._cache is not None:
            cache = self._cache.access
            egress += self._cache.egress
            ready += self._cache.ready
        return Access(
            identity=identity,
            stores={
                purpose: StoreAccess(bucket=self._store.buckets[purpose], region=args.region)
                for purpose in granted.stores
            },
            database=database,
            cache=cache,
            peers=[],
            ready=ready,
            egress=egress,
        )

    def _storage(self, args: AwsFoundationArgs) -> AwsStorage:
        return AwsStorage(
            "storage",
            AwsStorageArgs(
                environment=args.environment,
                account=args.account,
                region=args.region,
                key_arns=args.key_arns,
                logs_days=args.store.logs_days,
                deleted_days=args.store.deleted_days,
                additional=args.store.additional_buckets,
                trail=trail_name(args.environment) if args.governance.audit_trail else None,
                protect=args.protect,
            ),
            self.child(),
        )

    def _workload_identities(self, args: AwsFoundationArgs) -> dict[tuple[str, str], AwsIdentity]:
        """Creates a role for each service account whose consumers have stores."""
        identities = {}
        for (namespace, account), wanted in _by_account(args.consumers).items():
            purposes = sorted(wanted)
            policy = pulumi.Output.all(
                [self._store.arns[purpose] for purpose in purposes],
                [args.key_arns[purpose] for purpose in purposes],
            ).apply(_policy([wanted[purpose] for purpose in purposes], args.region))
            identities[(namespace, account)] = AwsIdentity(
                account,
                AwsIdentityArgs(
                    environment=args.environment,
                    name=account,
                    namespace=namespace,
                    service_account=account,
                    oidc_provider_arn=args.oidc_provider_arn,
                    oidc_issuer_host=args.oidc_issuer_host,
                    policy=policy,
                ),
                self.child(),
            )
        return identities

    def _database_server(self, args: AwsFoundationArgs, parts: Namespace) -> AwsDatabase | None:
        databases = {
            consumer.name: Database(consumer.database, tuple(consumer.extensions))
            for consumer in args.consumers
            if consumer.database is not None
        }
        if not databases:
            return None
        secrets = AwsSecrets(
            "secrets",
            AwsSecretsArgs(
                environment=args.environment,
                account=args.account,
                region=args.region,
                key_arn=args.key_arns["secrets"],
                oidc_provider_arn=args.oidc_provider_arn,
                oidc_issuer_host=args.oidc_issuer_host,
                image=catalog.image("external-secrets", args.images),
                namespaces=[NAMESPACE],
                databases=[instance_identifier(args.environment, DATABASE)],
                replicas=args.edge.replicas,
                pool=args.pool,
                chart_source=args.chart_source,
                chart_location=args.chart_location,
            ),
            self.child(),
        )
        return AwsDatabase(
            DATABASE,
            AwsDatabaseArgs(
                environment=args.environment,
                vpc_id=args.network.vpc_id,
                subnet_ids=args.network.data_subnet_ids,
                client_cidr=args.network.cidr,
                cidrs=args.network.data_cidrs,
                key_arn=args.key_arns["database"],
                secrets_key_arn=args.key_arns["secrets"],
                log_key_arn=args.key_arns[Purpose.LOGS],
                databases=databases,
                namespace=parts.namespace,
                toolbox_image=catalog.image("toolbox", args.images),
                secret_store=secrets.store,
                instance_type=args.database.instance_type,
                size_gib=args.database.size_gib,
                instances=args.database.instances,
                backup_retention_days=args.database.backup_retention_days,
                backup_schedule=args.database.backup_schedule,
                log_retention_days=log_retention(args.store.logs_days),
                final_snapshot=args.final_snapshot,
                protect=args.protect,
            ),
            self.child(depends_on=list(secrets.ready)),
        )

    def _valkey(self, args: AwsFoundationArgs) -> AwsCache | None:
        if not any(consumer.cache for consumer in args.consumers):
            return None
        return AwsCache(
            CACHE,
            AwsCacheArgs(
                environment=args.environment,
                vpc_id=args.network.vpc_id,
                subnet_ids=args.network.data_subnet_ids,
                client_cidr=args.network.cidr,
                cidrs=args.network.data_cidrs,
                key_arn=args.key_arns["cache"],
                log_key_arn=args.key_arns[Purpose.LOGS],
                instance_type=args.cache.instance_type,
                replicas=args.cache.replicas,
                snapshot_retention_days=args.cache.snapshot_retention_days,
                log_retention_days=log_retention(args.store.logs_days),
                final_snapshot=args.final_snapshot,
                protect=args.protect,
            ),
            self.child(),
        )

    def _edge(self, args: AwsFoundationArgs, namespaces: Sequence[pulumi.Resource]) -> AwsEdge:
        edge = args.edge
        return AwsEdge(
            "edge",
            AwsEdgeArgs(
                environment=args.environment,
                vpc_id=args.network.vpc_id,
                cidr=args.network.cidr,
                connected_cidrs=args.network.connected_cidrs,
                namespace=EDGE_NAMESPACE,
                image=catalog.image("traefik", args.images),
                certificate_manager_image=catalog.image("cert-manager", args.images),
                domain=edge.domain,
                gateway_crds=edge.gateway_crds,
                route_namespaces=sorted({consumer.namespace for consumer in args.consumers}),
                zone_id=edge.zone_id,
                validation_zone_id=edge.validation_zone_id,
                certificate_arn=edge.certificate_arn,
                certificate=edge.certificate,
                private_key=edge.private_key,
                replicas=edge.replicas,
                pool=args.pool,
                single_sign_on=edge.single_sign_on,
                chart_source=args.chart_source,
                chart_location=args.chart_location,
            ),
            # A load balancer stands in the network, and its interfaces keep a subnet from being deleted.
            self.child(depends_on=[*namespaces, *args.network.ready]),
        )

    def _watch(self, args: AwsFoundationArgs) -> None:
        AwsGovernance(
            "governance",
            AwsGovernanceArgs(
                environment=args.environment,
                account=args.account,
                lake_bucket=self._store.buckets[Purpose.LAKE],
                log_key_arn=args.key_arns[Purpose.LOGS],
                trail_bucket=self._store.trail_bucket,
                data_scan=args.governance.data_scan,
                budget_usd=args.governance.budget_usd,
                recipients=args.governance.recipients,
            ),
            self.child(depends_on=list(self._store.ready)),
        )


def _by_account(consumers: Sequence[Consumer]) -> dict[tuple[str, str], dict[Purpose, list[str]]]:
    """Returns what each service account may use, by namespace and name: the folders of a bucket by purpose.

    No folder means the whole bucket, also where another consumer of the account keeps to one.

    Raises:
        ContractError: Two namespaces have a service account of one name, by which roles are told apart.
    """
    granted: dict[tuple[str, str], dict[Purpose, list[str]]] = {}
    for consumer in consumers:
        for purpose in consumer.stores:
            of_account = granted.setdefault((consumer.namespace, consumer.service_account), {})
            prefix = consumer.prefixes.get(purpose)
            if prefix is None or of_account.get(purpose) == []:
                of_account[purpose] = []
            else:
                of_account[purpose] = [*of_account.get(purpose, ()), prefix]
    names = Counter(account for _, account in granted)
    if twice := sorted(name for name, count in names.items() if count > 1):
        raise ContractError(f"service account {', '.join(twice)}: in several namespaces; name them apart")
    return granted


def _policy(prefixes: Sequence[Sequence[str]], region: str) -> Callable[[Sequence[Sequence[str]]], str]:
    """Returns what makes the policy of a service account of the ARNs of its buckets and of their keys."""
    return lambda arns: render(
        store_document([StoreGrant(*grant) for grant in zip(*arns, prefixes, strict=True)], region)
    )
