"""The foundation of a cluster that brings no managed services: everything runs inside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pulumi
import pulumi_kubernetes as kubernetes

from components import catalog, naming
from components.foundation.contract import (
    Access,
    ClusterAccess,
    Consumer,
    ContractError,
    DatabaseAccess,
    EdgeAccess,
    Foundation,
    Identity,
    Peer,
    Purpose,
    validate,
)
from components.foundation.databases import PORT as DATABASE_PORT
from components.foundation.databases import Database
from components.foundation.edge import Edge, EdgeArgs, SingleSignOnSettings
from components.foundation.on_premises import cache, object_store
from components.foundation.on_premises.cache import Cache, CacheArgs
from components.foundation.on_premises.cloudnative_pg import (
    Backup,
    CloudNativePG,
    CloudNativePGArgs,
    server_pods,
)
from components.foundation.on_premises.object_store import ObjectStore, ObjectStoreArgs
from components.foundation.on_premises.postgresql import PostgreSQL, PostgreSQLArgs
from components.kubernetes.namespace import Namespace, NamespaceArgs
from components.kubernetes.route import Route, RouteArgs

NAMESPACE = "colonnade-foundation"
EDGE_NAMESPACE = "colonnade-edge"
STORE_LABEL = "s3"
EMBEDDED = "embedded"
CLOUDNATIVE_PG = "cloudnative-pg"
DATABASE = "database"
# A bucket of the foundation's own, beside those of the contract's purposes.
BACKUPS = "backups"


@dataclass(frozen=True)
class EdgeSettings:
    """How people reach the platform; see `EdgeArgs` for what each means."""

    domain: str
    gateway_crds: Sequence[str] = ()
    external_addresses: Sequence[str] = ()
    certificate: pulumi.Input[str] | None = None
    private_key: pulumi.Input[str] | None = None
    issuer: str | None = None
    replicas: int = 1
    single_sign_on: SingleSignOnSettings | None = None


@dataclass(frozen=True)
class StoreSettings:
    """Size and class of the object store's volume, and buckets beside those of the purposes."""

    size: str = "20Gi"
    storage_class: str | None = None
    additional_buckets: Sequence[str] = ()


@dataclass(frozen=True)
class DatabaseSettings:
    """The database server: `embedded` is one PostgreSQL of ours, `cloudnative-pg` a replicated one.

    Only the latter is backed up; `backup_schedule` has five cron fields, in UTC.
    """

    mode: str = EMBEDDED
    size: str = "10Gi"
    storage_class: str | None = None
    instances: int = 3
    cpu: str = "100m"
    memory: str = "512Mi"
    backups: bool = False
    backup_schedule: str = "0 3 * * *"
    backup_retention_days: int = 7


@dataclass(frozen=True)
class CacheSettings:
    """The cache: `memory` is what it may hold, `size` that of the volume that survives a restart."""

    enabled: bool = True
    memory: str = "256Mi"
    size: str = "1Gi"
    storage_class: str | None = None
    cpu: str = "50m"


@dataclass(frozen=True)
class OnPremisesFoundationArgs:
    """Arguments of `OnPremisesFoundation`.

    Attributes:
        environment: Name of the environment; physical names begin with it.
        consumers: All services that want something. Their namespaces exist already.
        edge: The entry point.
        images: References of images by part: Colonnade's own ones, and others where a mirror serves them.
        store, database, cache: Sizes and choices.
        pools: Names of the cluster's node pools.
        pool: Node pool of the foundation's own parts, None for any.
        protect: Whether what keeps data refuses deletion; production implies it.
        chart_source, chart_location: Where operators' charts come from; see `ChartArgs`.
        kubeconfig, context: How people reach the cluster; passed on as it is.
    """

    environment: str
    consumers: Sequence[Consumer]
    edge: EdgeSettings
    images: Mapping[str, str]
    store: StoreSettings = field(default_factory=StoreSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    pools: Sequence[str] = ()
    pool: str | None = None
    protect: bool = False
    chart_source: str = "upstream"
    chart_location: str | None = None
    kubeconfig: str | None = None
    context: str | None = None


class DatabaseServer(Protocol):
    """What both kinds of database server offer."""

    peer: Peer
    ready: Sequence[pulumi.Resource]

    def access(self, consumer: str) -> DatabaseAccess:
        """Returns the database of one consumer."""


class OnPremisesFoundation(Foundation[OnPremisesFoundationArgs]):
    """Object store, database, cache and edge inside the cluster.

    The caller's options carry an explicit Kubernetes provider and an explicit random provider; all children
    inherit them.

    Guarantees: a consumer holds keys to its own buckets, its own database and, if asked for, the cache, and
    the network lets nobody else near them; all passwords are secret in state.

    Raises:
        ContractError: The consumers contradict each other, or ask for a cache that is switched off; or no
            explicit Kubernetes provider was given.
    """

    args_type = OnPremisesFoundationArgs

    def build(self, args: OnPremisesFoundationArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        validate(args.consumers)
        self._check(args)
        provider = self.get_provider("kubernetes:core/v1:Namespace")
        if not isinstance(provider, kubernetes.Provider):
            raise ContractError(f"{self.name}: give an explicit Kubernetes provider in opts.providers")
        self.cluster = ClusterAccess(
            provider=provider,
            oidc_issuer=None,
            pools=tuple(args.pools),
            kubeconfig=args.kubeconfig,
            context=args.context,
        )
        self._consumers = {consumer.name: consumer for consumer in args.consumers}
        parts = Namespace(NAMESPACE, NamespaceArgs(), self.child())
        entry = Namespace(EDGE_NAMESPACE, NamespaceArgs(), self.child())
        namespace = parts.namespace
        self._store = self._object_store(args, namespace)
        self._database = self._database_server(args, namespace)
        self._cache = self._valkey(args, namespace)
        self.edge = self._edge(args, [parts, entry])
        route = Route(
            "object-store",
            RouteArgs(
                edge=self.edge,
                label=STORE_LABEL,
                namespace=namespace,
                service=self._store.service,
                port=object_store.PORT,
            ),
            self.child(),
        )
        self.outputs = {"s3_url": route.url}
        return {"domain": args.edge.domain, "store_url": route.url}

    def grant(self, consumer: str) -> Access:
        """See `Foundation.grant`."""
        granted = self._consumers[consumer]
        peers: list[tuple[Peer, int]] = []
        ready: list[pulumi.Resource] = []
        if granted.stores:
            peers.append((self._store.peer, object_store.PORT))
            ready += self._store.ready
        database = None
        if granted.database is not None and self._database is not None:
            database = self._database.access(consumer)
            peers.append((self._database.peer, DATABASE_PORT))
            ready += self._database.ready
        valkey = None
        if granted.cache and self._cache is not None:
            valkey = self._cache.access
            peers.append((self._cache.peer, cache.PORT))
            ready += self._cache.ready
        return Access(
            identity=Identity(),
            stores={Purpose(key): store for key, store in self._store.access(consumer).items()}
            if granted.stores
            else {},
            database=database,
            cache=valkey,
            peers=peers,
            ready=ready,
        )

    def _check(self, args: OnPremisesFoundationArgs) -> None:
        faults = []
        if args.database.mode not in (EMBEDDED, CLOUDNATIVE_PG):
            faults.append(
                f"database mode {args.database.mode!r} is unknown; give {EMBEDDED} or {CLOUDNATIVE_PG}"
            )
        if args.database.backups and args.database.mode != CLOUDNATIVE_PG:
            faults.append(f"database mode {args.database.mode!r} makes no backups; give {CLOUDNATIVE_PG}")
        if not args.cache.enabled:
            faults += [
                f"consumer {consumer.name!r} wants the cache, which is switched off"
                for consumer in args.consumers
                if consumer.cache
            ]
        if faults:
            raise ContractError("; ".join(faults))

    def _object_store(self, args: OnPremisesFoundationArgs, namespace: pulumi.Input[str]) -> ObjectStore:
        own = {BACKUPS: DATABASE} if args.database.backups else {}
        return ObjectStore(
            "object-store",
            ObjectStoreArgs(
                namespace=namespace,
                image=catalog.image("seaweedfs", args.images),
                toolbox_image=catalog.image("toolbox", args.images),
                buckets={
                    purpose: naming.physical("s3-bucket", args.environment, purpose)
                    for purpose in [*Purpose, *own]
                },
                unversioned=list(own),
                additional_buckets=[
                    naming.physical("s3-bucket", args.environment, bucket)
                    for bucket in args.store.additional_buckets
                ],
                consumers={
                    consumer.name: tuple(consumer.stores) for consumer in args.consumers if consumer.stores
                }
                | {owner: (purpose,) for purpose, owner in own.items()},
                prefixes={
                    consumer.name: {str(purpose): prefix for purpose, prefix in consumer.prefixes.items()}
                    for consumer in args.consumers
                },
                callers=[
                    *_callers([consumer for consumer in args.consumers if consumer.stores]),
                    # People reach the store through the edge, with a consumer's keys.
                    Peer(EDGE_NAMESPACE),
                    *([server_pods(DATABASE, namespace)] if args.database.backups else []),
                ],
                size=args.store.size,
                storage_class=args.store.storage_class,
                pool=args.pool,
                protect=args.protect,
            ),
            self.child(),
        )

    def _database_server(
        self, args: OnPremisesFoundationArgs, namespace: pulumi.Input[str]
    ) -> DatabaseServer | None:
        databases = {
            consumer.name: Database(consumer.database, tuple(consumer.extensions))
            for consumer in args.consumers
            if consumer.database is not None
        }
        if not databases:
            return None
        callers = _callers([consumer for consumer in args.consumers if consumer.name in databases])
        if args.database.mode == CLOUDNATIVE_PG:
            return CloudNativePG(
                DATABASE,
                CloudNativePGArgs(
                    namespace=namespace,
                    databases=databases,
                    callers=callers,
                    image=catalog.image("cloudnative-pg-postgresql", args.images),
                    operator_image=catalog.image("cloudnative-pg", args.images),
                    instances=args.database.instances,
                    size=args.database.size,
                    storage_class=args.database.storage_class,
                    cpu=args.database.cpu,
                    memory=args.database.memory,
                    pool=args.pool,
                    protect=args.protect,
                    chart_source=args.chart_source,
                    chart_location=args.chart_location,
                    backup=self._backup(args),
                ),
                self.child(),
            )
        return PostgreSQL(
            DATABASE,
            PostgreSQLArgs(
                namespace=namespace,
                image=catalog.image("postgresql", args.images),
                toolbox_image=catalog.image("toolbox", args.images),
                databases=databases,
                callers=callers,
                size=args.database.size,
                storage_class=args.database.storage_class,
                cpu=args.database.cpu,
                memory=args.database.memory,
                pool=args.pool,
                protect=args.protect,
            ),
            self.child(),
        )

    def _backup(self, args: OnPremisesFoundationArgs) -> Backup | None:
        if not args.database.backups:
            return None
        return Backup(
            store=self._store.access(DATABASE)[BACKUPS],
            peer=(self._store.peer, object_store.PORT),
            schedule=args.database.backup_schedule,
            retention_days=args.database.backup_retention_days,
            ready=self._store.ready,
        )

    def _valkey(self, args: OnPremisesFoundationArgs, namespace: pulumi.Input[str]) -> Cache | None:
        wanting = [consumer for consumer in args.consumers if consumer.cache]
        if not wanting:
            return None
        return Cache(
            "cache",
            CacheArgs(
                namespace=namespace,
                image=catalog.image("valkey", args.images),
                callers=_callers(wanting),
                memory=args.cache.memory,
                size=args.cache.size,
                storage_class=args.cache.storage_class,
                cpu=args.cache.cpu,
                pool=args.pool,
                protect=args.protect,
            ),
            self.child(),
        )

    def _edge(self, args: OnPremisesFoundationArgs, namespaces: Sequence[pulumi.Resource]) -> EdgeAccess:
        edge = args.edge
        return Edge(
            "edge",
            EdgeArgs(
                namespace=EDGE_NAMESPACE,
                image=catalog.image("traefik", args.images),
                domain=edge.domain,
                gateway_crds=edge.gateway_crds,
                route_namespaces=sorted({NAMESPACE, *(consumer.namespace for consumer in args.consumers)}),
                external_addresses=edge.external_addresses,
                certificate=edge.certificate,
                private_key=edge.private_key,
                issuer=edge.issuer,
                replicas=edge.replicas,
                pool=args.pool,
                single_sign_on=edge.single_sign_on,
            ),
            self.child(depends_on=list(namespaces)),
        ).access


def _callers(consumers: Sequence[Consumer]) -> list[Peer]:
    """Returns the consumers' namespaces: a service's jobs need what the service itself needs."""
    return [Peer(namespace) for namespace in sorted({consumer.namespace for consumer in consumers})]
