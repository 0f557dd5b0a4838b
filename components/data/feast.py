"""Features: Feast's registry server and feature server."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes
import yaml
from pulumi_kubernetes import meta, rbac

from components import connection
from components.base import ArgsError, Component
from components.connection import Environment
from components.foundation.contract import (
    CacheAccess,
    DatabaseAccess,
    EdgeAccess,
    Identity,
    Peer,
    StoreAccess,
)
from components.kubernetes.route import Route, RouteArgs
from components.kubernetes.workload import Probe, Workload, WorkloadArgs

FEATURES_LABEL: Final = "features"
REGISTRY_LABEL: Final = "feature-registry"
FEATURES_PORT: Final = 6566
REGISTRY_PORT: Final = 6570
OFFLINE_PREFIX: Final = "feast"
CLIENT: Final = "feast-client"
STORE_FILE: Final = "/etc/feast/feature_store.yaml"
SERVER_FILE: Final = "/etc/feast/feast_server.py"
SERVER: Final = Path(__file__).with_name("scripts") / "feast_server.py"
SCHEME: Final = "postgresql+psycopg"
# How old the feature server's view of the registry may be: small, since the registry is.
REFRESH_SECONDS: Final = 10
STARTUP_SECONDS: Final = 300


@dataclass(frozen=True)
class FeastArgs:
    """Arguments of `Feast`.

    Attributes:
        namespace: Namespace, which exists already.
        image: The image `feast`.
        database: Database of the registry.
        cache: The online store.
        store: The lake bucket, where the offline store reads.
        edge: The platform's entry point.
        project: The project that exists from the start.
        client_namespaces: Namespaces whose service accounts may use projects that state no permissions;
            None for Feast's own namespace.
        identity: Workload identity of the feature server, where the store admits by it.
        peers: Pods behind database, cache and store, with their ports.
        open_egress: Further egress as CIDR and port, e.g. a managed database.
        callers: Further pods that may connect, e.g. pipelines.
        replicas: Number of feature servers; the registry server is asked rarely and stays one.
        cpu, memory: Requests of the feature server; memory is the limit as well.
        pool: Node pool to run on, None for any.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    database: DatabaseAccess
    cache: CacheAccess
    store: StoreAccess
    edge: EdgeAccess
    project: str = "features"
    client_namespaces: Sequence[pulumi.Input[str]] | None = None
    identity: Identity = field(default_factory=Identity)
    peers: Sequence[tuple[Peer, int]] = ()
    open_egress: Sequence[tuple[str, int]] = ()
    callers: Sequence[Peer] = ()
    replicas: int = 1
    cpu: pulumi.Input[str] = "100m"
    memory: pulumi.Input[str] = "1Gi"
    pool: str | None = None


class Feast(Component[FeastArgs]):
    """Feast's registry server (gRPC) and feature server (HTTP), for service accounts of the cluster.

    Guarantees: for each request, but for health and the servers' own documentation, the API server reviews
    the token; service accounts of other than the named namespaces are refused unless a project permits them;
    the servers hold no right in the cluster but to ask for reviews.

    Attributes:
        url: Where online features are read, pushed and materialized.
        registry: Where `feast apply` and clients find the registry, as host and port.
        client: Service account whose tokens are accepted: `kubectl create token <client>`.
        project: The project that exists from the start.
        offline_store: Address below which the feature server reads the data of sources.
        features_host, registry_host: Names of the services inside the cluster.

    Raises:
        ArgsError: `client_namespaces` is empty, so that nobody could use Feast.
    """

    args_type = FeastArgs

    url: str
    registry: str
    client: pulumi.Output[str]
    project: str
    offline_store: pulumi.Output[str]
    features_host: pulumi.Output[str]
    registry_host: pulumi.Output[str]

    def build(self, args: FeastArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        namespaces = [args.namespace] if args.client_namespaces is None else list(args.client_namespaces)
        if not namespaces:
            raise ArgsError(
                f"Feast {self.name}: client_namespaces is empty; name at least one, or leave it out"
            )
        files: dict[str, pulumi.Input[str]] = {
            STORE_FILE: render_feature_store(args.project),
            SERVER_FILE: SERVER.read_text(),
        }
        environment: Environment = {
            "HOME": "/tmp",  # noqa: S108 - a path inside the container
            "FEAST_USAGE": "False",
            "FEAST_CLIENT_NAMESPACES": pulumi.Output.all(*namespaces).apply(",".join),
        }
        secret: Environment = {
            "FEAST_REGISTRY": connection.database_url(args.database, SCHEME),
            "FEAST_ONLINE_STORE": redis_connection(args.cache),
        }
        registry = Workload(
            f"{self.name}-registry",
            WorkloadArgs(
                namespace=args.namespace,
                image=args.image,
                command=_command("serve_registry", "--port", str(REGISTRY_PORT)),
                ports={"grpc": REGISTRY_PORT},
                # Even the health service asks for a token, so readiness is that the port answers.
                probe=Probe(REGISTRY_PORT, startup_seconds=STARTUP_SECONDS),
                environment=environment,
                secret_environment=secret,
                files=files,
                callers=[args.edge.peer, *args.callers],
                callees=args.peers,
                open_egress=args.open_egress,
                kubernetes_api=True,
                memory="768Mi",
                pool=args.pool,
            ),
            self.child(),
        )
        plain, keys = connection.store_environment(args.store)
        features = Workload(
            self.name,
            WorkloadArgs(
                namespace=args.namespace,
                image=args.image,
                command=_command(
                    *("serve", "--host", "0.0.0.0", "--port", str(FEATURES_PORT)),  # noqa: S104
                    *("--workers", "1", "--registry_ttl_sec", str(REFRESH_SECONDS), "--no-access-log"),
                    # The only worker would leave a gap each time that it is replaced.
                    *("--max-requests", "0", "--max-requests-jitter", "0"),
                ),
                ports={"http": FEATURES_PORT},
                probe=Probe(FEATURES_PORT, "/health", startup_seconds=STARTUP_SECONDS),
                environment={**environment, **plain},
                secret_environment={**secret, **keys},
                files=files,
                callers=[args.edge.peer, *args.callers],
                callees=args.peers,
                open_egress=args.open_egress,
                identity=args.identity,
                kubernetes_api=True,
                replicas=args.replicas,
                cpu=args.cpu,
                memory=args.memory,
                pool=args.pool,
            ),
            # The registry server makes the tables; two at once would get in each other's way.
            self.child(depends_on=[registry]),
        )
        self._reviews(args.namespace, [registry, features])
        client = kubernetes.core.v1.ServiceAccount(
            CLIENT,
            metadata=meta.v1.ObjectMetaArgs(name=CLIENT, namespace=args.namespace),
            automount_service_account_token=False,
            opts=self.child(),
        )
        features_route = Route(
            self.name,
            RouteArgs(args.edge, FEATURES_LABEL, args.namespace, features.service, FEATURES_PORT),
            self.child(),
        )
        Route(
            f"{self.name}-registry",
            RouteArgs(
                args.edge, REGISTRY_LABEL, args.namespace, registry.service, REGISTRY_PORT, protocol="grpc"
            ),
            self.child(),
        )
        self.url = features_route.url
        self.registry = f"{REGISTRY_LABEL}.{args.edge.domain}:443"
        self.client = client.metadata.apply(lambda it: str(it.name))
        self.project = args.project
        self.offline_store = connection.store_uri(args.store, OFFLINE_PREFIX)
        self.features_host = features.host
        self.registry_host = registry.host
        return {
            "url": self.url,
            "registry": self.registry,
            "client": self.client,
            "project": self.project,
            "offline_store": self.offline_store,
        }

    def _reviews(self, namespace: pulumi.Input[str], workloads: Sequence[Workload]) -> None:
        """Lets the servers ask the API server whose a token is, and nothing else."""
        name = pulumi.Output.format("{0}-{1}-token-review", namespace, self.name)
        role = kubernetes.rbac.v1.ClusterRole(
            f"{self.name}-token-review",
            metadata=meta.v1.ObjectMetaArgs(name=name),
            rules=[
                rbac.v1.PolicyRuleArgs(
                    api_groups=["authentication.k8s.io"], resources=["tokenreviews"], verbs=["create"]
                )
            ],
            opts=self.child(),
        )
        kubernetes.rbac.v1.ClusterRoleBinding(
            f"{self.name}-token-review",
            metadata=meta.v1.ObjectMetaArgs(name=name),
            role_ref=rbac.v1.RoleRefArgs(
                api_group="rbac.authorization.k8s.io",
                kind="ClusterRole",
                name=role.metadata.apply(lambda it: str(it.name)),
            ),
            subjects=[
                rbac.v1.SubjectArgs(kind="ServiceAccount", name=workload.service_account, namespace=namespace)
                for workload in workloads
            ],
            opts=self.child(),
        )


def render_feature_store(project: str) -> str:
    """Returns the servers' feature_store.yaml; what is secret comes by environment."""
    return yaml.safe_dump(
        {
            "project": project,
            "provider": "local",
            "registry": {
                "registry_type": "sql",
                "path": "${FEAST_REGISTRY}",
                "cache_ttl_seconds": REFRESH_SECONDS,
                "sqlalchemy_config_kwargs": {"echo": False, "pool_pre_ping": True},
            },
            "online_store": {"type": "redis", "connection_string": "${FEAST_ONLINE_STORE}"},
            "offline_store": {"type": "dask"},
            # Of the two kinds that Feast has, only this one refuses a service account's token that the API
            # server does not confirm; the one called `kubernetes` believes an unsigned one. Tokens of other
            # issuers fail, since the API server's discovery document names no endpoints to log in.
            "auth": {
                "type": "oidc",
                "auth_discovery_url": "https://kubernetes.default.svc/.well-known/openid-configuration",
            },
            "entity_key_serialization_version": 3,
        },
        sort_keys=False,
    )


def redis_connection(cache: CacheAccess) -> pulumi.Output[str]:
    """Returns Feast's address of the online store, secret because it holds the password."""
    parts = pulumi.Output.all(cache.host, cache.port, cache.password)
    return pulumi.Output.secret(parts.apply(lambda it: render_redis_connection(*it, tls=cache.tls)))


def render_redis_connection(host: str, port: Any, password: str, *, tls: bool) -> str:
    """Returns the address of a Redis as Feast reads it: parts at commas, values as JSON.

    Raises:
        ArgsError: The password holds a comma or a quotation mark, which Feast or its YAML file would split.
    """
    if set(password) & set(",'\"\\"):
        raise ArgsError(
            "the password of the cache holds a comma, quotation mark or backslash; generate another"
        )
    options = [f"password={json.dumps(password)}"] + (["ssl=true"] if tls else [])
    return ",".join([f"{host}:{int(port)}", *options])


def _command(*arguments: str) -> list[pulumi.Input[str]]:
    """Returns the command that runs Feast with our corrections."""
    return ["python", SERVER_FILE, "--feature-store-yaml", STORE_FILE, *arguments]
