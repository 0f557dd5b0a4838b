"""The database server of production tiers on-premises: a replicated PostgreSQL run by CloudNativePG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
from pulumi_kubernetes import meta, networking

from components import naming
from components.base import Component
from components.foundation.contract import DatabaseAccess, Peer, StoreAccess
from components.foundation.databases import PORT, Database
from components.kubernetes.chart import Chart, ChartArgs
from components.kubernetes.namespace import Namespace, NamespaceArgs
from components.kubernetes.network import policy
from components.kubernetes.pod import POOL_LABEL

OPERATOR_NAMESPACE = "colonnade-database-operator"
_API = "postgresql.cnpg.io/v1"
_STATUS_PORT = 8000
_WEBHOOK_PORT = 9443
_PLUGIN_PORT = 9090
_PLUGIN = "barman-cloud.cloudnative-pg.io"
_OPERATOR_PODS = {"app.kubernetes.io/name": "cloudnative-pg"}
_PLUGIN_PODS = {"app.kubernetes.io/name": "plugin-barman-cloud"}


def host_based_access(databases: Sequence[str]) -> list[str]:
    """Returns the lines of pg_hba.conf by which a role reaches its own database over TLS, and nothing else.

    The operator puts them before its own rule, which would admit every role to every database.
    """
    return [
        *(f"hostssl {name} {name} all scram-sha-256" for name in databases),
        "host all all all reject",
    ]


def server_pods(name: str, namespace: pulumi.Input[str]) -> Peer:
    """Returns the pods of the cluster of that name, also before it is built."""
    return Peer(namespace, {"cnpg.io/cluster": name})


@dataclass(frozen=True)
class Backup:
    """Where a cluster's log goes at once and its data by schedule, so that any moment can be restored.

    Attributes:
        store: The bucket, with the keys that open it.
        peer: The store's pods and port.
        schedule: When the data is copied, as five cron fields in UTC.
        retention_days: Days for which any moment can be restored.
        ready: Resources that must exist first.
    """

    store: StoreAccess
    peer: tuple[Peer, int]
    schedule: str
    retention_days: int
    ready: Sequence[pulumi.Resource] = ()


@dataclass(frozen=True)
class CloudNativePGArgs:
    """Arguments of `CloudNativePG`.

    Attributes:
        namespace: Namespace of the server, which exists already.
        image: Image of the server; one that carries pgvector.
        operator_image: Image of the operator, by tag.
        databases: Consumer name to its database.
        callers: Pods that may connect.
        instances: Number of replicas; one of them is written to.
        size: Size of each replica's volume.
        storage_class: Storage class, None for the cluster's default.
        pool: Node pool, None for any.
        protect: Whether the cluster refuses deletion.
        chart_source, chart_location: Where the operator's chart comes from; see `ChartArgs`.
        backup: Where backups go, None for none. They need cert-manager in the cluster.
    """

    namespace: pulumi.Input[str]
    image: str
    operator_image: str
    databases: Mapping[str, Database] = field(default_factory=dict)
    callers: Sequence[Peer] = ()
    instances: int = 3
    size: pulumi.Input[str] = "10Gi"
    storage_class: pulumi.Input[str] | None = None
    cpu: pulumi.Input[str] = "500m"
    memory: pulumi.Input[str] = "1Gi"
    pool: str | None = None
    protect: bool = False
    chart_source: str = "upstream"
    chart_location: str | None = None
    backup: Backup | None = None


class CloudNativePG(Component[CloudNativePGArgs]):
    """The operator, one cluster of PostgreSQL, and in it a database and a role for each consumer.

    Guarantees: connections are TLS; a role reaches its own database alone; nobody logs in as superuser.

    Attributes:
        peer: The pods, for egress policies.
        ready: Exist once the databases exist.
    """

    args_type = CloudNativePGArgs

    peer: Peer
    ready: Sequence[pulumi.Resource]

    def build(self, args: CloudNativePGArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        self._databases = args.databases
        names = [database.name for database in args.databases.values()]
        self._passwords = {
            name: random.RandomPassword(
                f"{self.name}-{name}", length=40, special=False, opts=self.child()
            ).result
            for name in names
        }
        self.peer = server_pods(self.name, args.namespace)
        self.host = pulumi.Output.format("{0}-rw.{1}.svc", self.name, args.namespace)
        operator = self._operator(args)
        self._network(args)
        credentials = {name: self._credentials(args, name) for name in names}
        archive = self._archive(args, args.backup, operator) if args.backup else []
        cluster = self._cluster(args, credentials, [*operator, *archive])
        if args.backup:
            self._schedule(args, args.backup, cluster)
        self.ready = [self._database(args, database, cluster) for database in args.databases.values()]
        return {"host": self.host}

    def access(self, consumer: str) -> DatabaseAccess:
        """Returns the database of one consumer.

        Raises:
            KeyError: The consumer was given no database.
        """
        name = self._databases[consumer].name
        return DatabaseAccess(
            host=self.host, port=PORT, name=name, user=name, password=self._passwords[name], sslmode="require"
        )

    def _operator(self, args: CloudNativePGArgs) -> list[pulumi.Resource]:
        """Installs the operator in a namespace of its own; its webhooks answer the API server alone."""
        repository, _, tag = args.operator_image.rpartition(":")
        namespace = Namespace(OPERATOR_NAMESPACE, NamespaceArgs(), self.child())
        kubernetes.networking.v1.NetworkPolicy(
            f"{self.name}-operator-webhooks",
            metadata=meta.v1.ObjectMetaArgs(name="operator-webhooks", namespace=namespace.namespace),
            spec=networking.v1.NetworkPolicySpecArgs(
                pod_selector=meta.v1.LabelSelectorArgs(match_labels=_OPERATOR_PODS),
                policy_types=["Ingress"],
                # The API server is no pod, so no selector finds it.
                ingress=[
                    networking.v1.NetworkPolicyIngressRuleArgs(
                        ports=[networking.v1.NetworkPolicyPortArgs(protocol="TCP", port=_WEBHOOK_PORT)]
                    )
                ],
            ),
            opts=self.child(),
        )
        reach = policy(
            f"{self.name}-operator",
            namespace.namespace,
            {},
            _OPERATOR_PODS,
            callees=[
                (self.peer, PORT),
                (self.peer, _STATUS_PORT),
                (Peer(OPERATOR_NAMESPACE, _PLUGIN_PODS), _PLUGIN_PORT),
            ],
            kubernetes_api=True,
            opts=self.child(),
        )
        chart = Chart(
            "cloudnative-pg",
            ChartArgs(
                part="cloudnative-pg",
                namespace=namespace.namespace,
                values={"image": {"repository": repository, "tag": tag}},
                source=args.chart_source,
                location=args.chart_location,
            ),
            self.child(depends_on=[reach]),
        )
        return [namespace, chart]

    def _network(self, args: CloudNativePGArgs) -> None:
        """Admits the callers to the database, and the replicas and the operator to each other."""
        policy(
            f"{self.name}-callers",
            args.namespace,
            {},
            self.peer.labels,
            ports=[PORT],
            callers=args.callers,
            opts=self.child(),
        )
        policy(
            f"{self.name}-replication",
            args.namespace,
            {},
            self.peer.labels,
            ports=[PORT, _STATUS_PORT],
            callers=[self.peer, Peer(OPERATOR_NAMESPACE)],
            callees=[
                (self.peer, PORT),
                (self.peer, _STATUS_PORT),
                *([args.backup.peer] if args.backup else []),
            ],
            kubernetes_api=True,
            opts=self.child(),
        )

    def _credentials(self, args: CloudNativePGArgs, role: str) -> pulumi.Output[str]:
        """Creates the Secret that the operator sets a role's password from; returns its name."""
        secret = kubernetes.core.v1.Secret(
            f"{self.name}-{role}",
            metadata=meta.v1.ObjectMetaArgs(
                name=naming.physical("kubernetes-label", self.name, role),
                namespace=args.namespace,
                # Without it the operator would not notice a new password.
                labels={"cnpg.io/reload": "true"},
            ),
            type="kubernetes.io/basic-auth",
            string_data={"username": role, "password": self._passwords[role]},
            opts=self.child(),
        )
        name: pulumi.Output[str] = secret.metadata.apply(lambda it: str(it.name))
        return name

    def _cluster(
        self,
        args: CloudNativePGArgs,
        credentials: Mapping[str, pulumi.Output[str]],
        depends_on: list[pulumi.Resource],
    ) -> pulumi.Resource:
        return kubernetes.apiextensions.CustomResource(
            self.name,
            api_version=_API,
            kind="Cluster",
            metadata=meta.v1.ObjectMetaArgs(
                name=self.name,
                namespace=args.namespace,
                annotations={"pulumi.com/waitFor": "condition=Ready"},
            ),
            spec={
                "instances": args.instances,
                "imageName": args.image,
                "enableSuperuserAccess": False,
                "storage": _without_none({"size": args.size, "storageClass": args.storage_class}),
                "resources": {
                    "requests": {"cpu": args.cpu, "memory": args.memory},
                    "limits": {"memory": args.memory},
                },
                "postgresql": {"pg_hba": host_based_access(list(credentials))},
                "managed": {
                    "roles": [
                        {"name": role, "ensure": "present", "login": True, "passwordSecret": {"name": secret}}
                        for role, secret in credentials.items()
                    ]
                },
                **({"plugins": [_plugin(self.name)]} if args.backup else {}),
                **({"affinity": {"nodeSelector": {POOL_LABEL: args.pool}}} if args.pool else {}),
            },
            opts=self.child(depends_on=depends_on, protect=args.protect or None),
        )

    def _archive(
        self, args: CloudNativePGArgs, backup: Backup, operator: list[pulumi.Resource]
    ) -> list[pulumi.Resource]:
        """Installs the plugin that makes backups, and tells it the bucket."""
        reach = policy(
            f"{self.name}-plugin",
            OPERATOR_NAMESPACE,
            {},
            _PLUGIN_PODS,
            ports=[_PLUGIN_PORT],
            callers=[Peer(OPERATOR_NAMESPACE, _OPERATOR_PODS)],
            kubernetes_api=True,
            opts=self.child(depends_on=operator),
        )
        chart = Chart(
            "plugin-barman-cloud",
            ChartArgs(
                part="plugin-barman-cloud",
                namespace=OPERATOR_NAMESPACE,
                source=args.chart_source,
                location=args.chart_location,
            ),
            self.child(depends_on=[reach, *operator]),
        )
        name = f"{self.name}-backups"
        kubernetes.core.v1.Secret(
            name,
            metadata=meta.v1.ObjectMetaArgs(name=name, namespace=args.namespace),
            type="Opaque",
            string_data=_without_none(
                {
                    "access-key-id": backup.store.access_key_id,
                    "secret-access-key": backup.store.secret_access_key,
                }
            ),
            opts=self.child(),
        )
        store = kubernetes.apiextensions.CustomResource(
            name,
            api_version="barmancloud.cnpg.io/v1",
            kind="ObjectStore",
            metadata=meta.v1.ObjectMetaArgs(name=name, namespace=args.namespace),
            spec={
                "retentionPolicy": f"{backup.retention_days}d",
                "configuration": {
                    "destinationPath": pulumi.Output.format("s3://{0}/", backup.store.bucket),
                    "endpointURL": backup.store.endpoint,
                    "s3Credentials": {
                        "accessKeyId": {"name": name, "key": "access-key-id"},
                        "secretAccessKey": {"name": name, "key": "secret-access-key"},
                    },
                    "wal": {"compression": "gzip"},
                    "data": {"compression": "gzip"},
                },
            },
            opts=self.child(depends_on=[chart, *backup.ready]),
        )
        return [store]

    def _schedule(self, args: CloudNativePGArgs, backup: Backup, cluster: pulumi.Resource) -> None:
        kubernetes.apiextensions.CustomResource(
            f"{self.name}-schedule",
            api_version=_API,
            kind="ScheduledBackup",
            metadata=meta.v1.ObjectMetaArgs(name=self.name, namespace=args.namespace),
            spec={
                "cluster": {"name": self.name},
                # The operator's cron begins with seconds.
                "schedule": f"0 {backup.schedule}",
                "method": "plugin",
                "pluginConfiguration": {"name": _PLUGIN},
                "backupOwnerReference": "cluster",
            },
            opts=self.child(depends_on=[cluster]),
        )

    def _database(
        self, args: CloudNativePGArgs, database: Database, cluster: pulumi.Resource
    ) -> pulumi.Resource:
        return kubernetes.apiextensions.CustomResource(
            f"{self.name}-{database.name}",
            api_version=_API,
            kind="Database",
            metadata=meta.v1.ObjectMetaArgs(
                name=naming.physical("kubernetes-label", self.name, database.name),
                namespace=args.namespace,
                annotations={"pulumi.com/waitFor": "jsonpath={.status.applied}=true"},
            ),
            spec={
                "cluster": {"name": self.name},
                "name": database.name,
                "owner": database.name,
                # Taking a consumer out of the program must not take its data with it.
                "databaseReclaimPolicy": "retain",
                "extensions": [{"name": extension} for extension in database.extensions],
            },
            opts=self.child(depends_on=[cluster], protect=args.protect or None),
        )


def _plugin(name: str) -> dict[str, Any]:
    """Returns the entry of a cluster whose log goes to its archive."""
    return {"name": _PLUGIN, "isWALArchiver": True, "parameters": {"barmanObjectName": f"{name}-backups"}}


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values that are there: an explicit null is refused where a field may be left out."""
    return {key: value for key, value in values.items() if value is not None}
