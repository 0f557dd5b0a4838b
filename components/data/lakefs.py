"""Versioned data: lakeFS over the lake bucket."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pulumi
import pulumi_random as random

from components import connection
from components.base import ArgsError, Component
from components.connection import Environment
from components.foundation.contract import DatabaseAccess, EdgeAccess, Identity, Peer, StoreAccess
from components.kubernetes.job import ProvisioningJob, ProvisioningJobArgs
from components.kubernetes.route import Route, RouteArgs
from components.kubernetes.workload import Probe, Workload, WorkloadArgs, pods_of

LABEL: Final = "lakefs"
PORT: Final = 8000
ADMIN: Final = "admin"
CACHE: Final = "/var/cache/lakefs"
# Open to whoever asks, and lakeFS cannot close them: a heap profile holds secrets. The price: S3 clients
# outside do not reach a repository named `metrics`.
WITHHELD: Final = ("/_pprof", "/metrics")
PROVISION: Final = Path(__file__).with_name("scripts") / "lakefs.sh"
# lakeFS's own names for the stores, by the scheme of the bucket's address.
BLOCKSTORES: Final = {"s3": "s3", "gs": "gs", "abfss": "azure"}


@dataclass(frozen=True)
class LakeFsArgs:
    """Arguments of `LakeFs`.

    Attributes:
        namespace: Namespace, which exists already.
        image: The image `lakefs`.
        toolbox_image: The image `toolbox`, which makes the administrator and the repository.
        database: Its database.
        store: The lake bucket.
        edge: The platform's entry point.
        identity: Workload identity, where the store admits by it.
        peers: Pods behind database and store, with their ports.
        open_egress: Further egress as CIDR and port, e.g. a managed database.
        callers: Further pods that may connect, e.g. pipelines.
        repository: Name of the first repository.
        default_branch: Its default branch.
        replicas: Number of servers.
        cpu, memory: Requests; memory is the limit as well.
        pool: Node pool to run on, None for any.
        protect: Whether the keys refuse deletion.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    toolbox_image: pulumi.Input[str]
    database: DatabaseAccess
    store: StoreAccess
    edge: EdgeAccess
    identity: Identity = field(default_factory=Identity)
    peers: Sequence[tuple[Peer, int]] = ()
    open_egress: Sequence[tuple[str, int]] = ()
    callers: Sequence[Peer] = ()
    repository: str = "lake"
    default_branch: str = "main"
    replicas: int = 1
    cpu: pulumi.Input[str] = "100m"
    memory: pulumi.Input[str] = "512Mi"
    pool: str | None = None
    protect: bool = False


class LakeFs(Component[LakeFsArgs]):
    """lakeFS with its first administrator and its first repository.

    Guarantees: people reach it only once the administrator exists, so nobody else can become it; repeating
    the provisioning changes nothing; nothing is reported to the vendor.

    Attributes:
        url: Where people reach API and S3 gateway; the gateway serves what is signed as S3 requests are.
        admin: Name of the first administrator.
        access_key_id: The administrator's key.
        secret_access_key: Its secret.
        repository: Name of the first repository.
        host: Name of the service inside the cluster.
        peer: Its pods.

    Raises:
        ArgsError: The scheme of the store is none that lakeFS knows.
    """

    args_type = LakeFsArgs

    url: str
    admin: str
    access_key_id: pulumi.Output[str]
    secret_access_key: pulumi.Output[str]
    repository: str
    host: pulumi.Output[str]
    peer: Peer

    def build(self, args: LakeFsArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        if args.store.scheme not in BLOCKSTORES:
            raise ArgsError(
                f"LakeFs {self.name}: lakeFS knows no store of scheme {args.store.scheme!r}; "
                f"give one of {', '.join(BLOCKSTORES)}"
            )
        protect = self.child(protect=args.protect or None)
        key_id = random.RandomString(
            f"{self.name}-key-id", length=20, special=False, lower=False, opts=protect
        )
        key = random.RandomPassword(f"{self.name}-key", length=40, special=False, opts=protect)
        # It encrypts the users' keys in the database, which are lost with it.
        encryption = random.RandomPassword(f"{self.name}-encryption", length=48, special=False, opts=protect)
        signing = random.RandomPassword(f"{self.name}-signing", length=48, special=False, opts=self.child())
        plain, secret = blockstore(args.store)
        provisioning = f"{self.name}-provisioning"
        workload = Workload(
            self.name,
            WorkloadArgs(
                namespace=args.namespace,
                image=args.image,
                command=["/app/lakefs"],
                args=["run"],
                ports={"http": PORT},
                probe=Probe(PORT, "/_health"),
                environment={**environment(args.edge.domain), **plain},
                secret_environment={
                    **secret,
                    "LAKEFS_DATABASE_POSTGRES_CONNECTION_STRING": connection.database_url(
                        args.database, "postgres"
                    ),
                    "LAKEFS_AUTH_ENCRYPT_SECRET_KEY": encryption.result,
                    "LAKEFS_BLOCKSTORE_SIGNING_SECRET_KEY": signing.result,
                },
                callers=[args.edge.peer, pods_of(provisioning, args.namespace), *args.callers],
                callees=args.peers,
                open_egress=args.open_egress,
                identity=args.identity,
                scratch=["/tmp", CACHE],  # noqa: S108 - a path inside the container
                replicas=args.replicas,
                cpu=args.cpu,
                memory=args.memory,
                pool=args.pool,
            ),
            self.child(),
        )
        job = ProvisioningJob(
            provisioning,
            ProvisioningJobArgs(
                namespace=args.namespace,
                image=args.toolbox_image,
                command=["/bin/sh", "/job/lakefs.sh"],
                environment={
                    "LAKEFS_ENDPOINT": pulumi.Output.format("http://{0}:{1}", workload.host, PORT),
                    "LAKEFS_ADMIN": ADMIN,
                    "LAKEFS_REPOSITORY": args.repository,
                    "LAKEFS_DEFAULT_BRANCH": args.default_branch,
                    "LAKEFS_STORAGE": storage_namespace(args.store),
                },
                secret_environment={
                    "LAKEFS_ACCESS_KEY_ID": key_id.result,
                    "LAKEFS_SECRET_ACCESS_KEY": key.result,
                },
                files={"/job/lakefs.sh": PROVISION.read_text()},
                callees=[(workload.peer, PORT)],
            ),
            self.child(depends_on=[workload]),
        )
        # Whoever comes first to a lakeFS without administrator becomes it: the way in is opened afterwards.
        route = Route(
            self.name,
            RouteArgs(args.edge, LABEL, args.namespace, workload.service, PORT, withheld=WITHHELD),
            self.child(depends_on=[job]),
        )
        self.url = route.url
        self.admin = ADMIN
        self.access_key_id = key_id.result
        self.secret_access_key = pulumi.Output.secret(key.result)
        self.repository = args.repository
        self.host = workload.host
        self.peer = workload.peer
        return {
            "url": self.url,
            "admin": self.admin,
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key,
            "repository": self.repository,
        }


def environment(domain: str) -> dict[str, str]:
    """Returns lakeFS's environment as far as it holds nothing of database and store."""
    return {
        "HOME": "/tmp",  # noqa: S108 - a path inside the container
        "LAKEFS_LISTEN_ADDRESS": f"0.0.0.0:{PORT}",
        "LAKEFS_LOGGING_FORMAT": "json",
        "LAKEFS_DATABASE_TYPE": "postgres",
        # A small database admits few connections, and lakeFS would take 25 for each server.
        "LAKEFS_DATABASE_POSTGRES_MAX_OPEN_CONNECTIONS": "10",
        "LAKEFS_DATABASE_POSTGRES_MAX_IDLE_CONNECTIONS": "5",
        # Under its own name lakeFS serves the API and, to signed requests, the S3 gateway with the repository
        # in the path. A name that is configured here would serve the gateway alone, so it is one below, for
        # repositories in the host name.
        "LAKEFS_GATEWAYS_S3_DOMAIN_NAME": f"s3.{LABEL}.{domain}",
        "LAKEFS_COMMITTED_LOCAL_CACHE_DIR": CACHE,
        # The defaults (1 GiB on disk, 400 MB in memory) are made for a whole machine.
        "LAKEFS_COMMITTED_LOCAL_CACHE_SIZE_BYTES": str(512 * 1024 * 1024),
        "LAKEFS_COMMITTED_SSTABLE_MEMORY_CACHE_SIZE_BYTES": str(100 * 1024 * 1024),
        "LAKEFS_STATS_ENABLED": "false",
        "LAKEFS_EMAIL_SUBSCRIPTION_ENABLED": "false",
        "LAKEFS_SECURITY_CHECK_LATEST_VERSION": "false",
        # The check cannot be turned off; so it asks nobody.
        "LAKEFS_SECURITY_AUDIT_CHECK_URL": "http://127.0.0.1:9/",
        "LAKEFS_USAGE_REPORT_FLUSH_INTERVAL": "1h",
    }


def blockstore(store: StoreAccess) -> tuple[Environment, Environment]:
    """Returns the plain and the secret environment by which lakeFS reaches the bucket.

    No key is rendered where the workload identity admits, and nothing of one kind of store for another.
    """
    plain: Environment = {"LAKEFS_BLOCKSTORE_TYPE": BLOCKSTORES[store.scheme]}
    secret: Environment = {}
    if store.scheme == "abfss":
        account = pulumi.Output.from_input(store.bucket).apply(lambda it: azure_container(it)[0])
        plain["LAKEFS_BLOCKSTORE_AZURE_STORAGE_ACCOUNT"] = account
    if store.scheme != "s3":
        return plain, secret
    plain["LAKEFS_BLOCKSTORE_S3_REGION"] = store.region
    if store.endpoint is not None:
        plain["LAKEFS_BLOCKSTORE_S3_ENDPOINT"] = store.endpoint
        plain["LAKEFS_BLOCKSTORE_S3_FORCE_PATH_STYLE"] = "true"
        plain["LAKEFS_BLOCKSTORE_S3_DISCOVER_BUCKET_REGION"] = "false"
        # The endpoint is one of the cluster: whoever is outside could not follow an address there.
        plain["LAKEFS_BLOCKSTORE_S3_DISABLE_PRE_SIGNED"] = "true"
    if store.access_key_id is not None and store.secret_access_key is not None:
        secret["LAKEFS_BLOCKSTORE_S3_CREDENTIALS_ACCESS_KEY_ID"] = store.access_key_id
        secret["LAKEFS_BLOCKSTORE_S3_CREDENTIALS_SECRET_ACCESS_KEY"] = store.secret_access_key
    return plain, secret


def storage_namespace(store: StoreAccess) -> pulumi.Output[str]:
    """Returns below which address lakeFS keeps its repositories; Azure's is that of the blob service."""
    if store.scheme != "abfss":
        return connection.store_uri(store, "lakefs")
    container = pulumi.Output.from_input(store.bucket).apply(azure_container)
    return pulumi.Output.format("https://{0}.blob.core.windows.net/{1}/lakefs", container[0], container[1])


def azure_container(bucket: str) -> tuple[str, str]:
    """Returns account and container of a bucket that is written as in `abfss://container@account.host`.

    Raises:
        ArgsError: There is no account in it.
    """
    container, separator, host = bucket.partition("@")
    if not separator or not container or not host:
        raise ArgsError(f"{bucket!r} names no storage account; give container@account.dfs.core.windows.net")
    return host.partition(".")[0], container
