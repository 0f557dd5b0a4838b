"""Experiment tracking and model registry: MLflow with authentication."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi
import pulumi_random as random

from components import connection
from components.base import ArgsError, Component
from components.foundation.contract import DatabaseAccess, EdgeAccess, Identity, Peer, StoreAccess
from components.kubernetes.route import Route, RouteArgs
from components.kubernetes.workload import Probe, Workload, WorkloadArgs

LABEL: Final = "mlflow"
PORT: Final = 5000
ADMIN: Final = "admin"
AUTHENTICATION_FILE: Final = "/etc/mlflow/authentication.ini"
PERMISSIONS: Final = ("NO_PERMISSIONS", "READ", "USE", "EDIT", "MANAGE")
# Requests wait on the database and the store, not on the processor: one process of many threads serves them,
# and each further one costs another 300 MB.
ARGUMENTS: Final = (
    *("server", "--app-name", "basic-auth", "--workers", "1"),
    *("--host", "0.0.0.0", "--port", str(PORT)),  # noqa: S104 - every address of the pod
)
# Names the driver, since SQLAlchemy's default one differs between its versions.
SCHEME: Final = "postgresql+psycopg2"


@dataclass(frozen=True)
class MlFlowArgs:
    """Arguments of `MlFlow`.

    Attributes:
        namespace: Namespace, which exists already.
        image: The image `mlflow`.
        database: Database of the tracking server and the model registry.
        user_database: Database of users and permissions.
        store: The bucket for artifacts; clients reach it through the server alone.
        edge: The platform's entry point.
        identity: Workload identity, where the store admits by it.
        peers: Pods behind database and store, with their ports.
        open_egress: Further egress as CIDR and port, e.g. a managed database.
        callers: Further pods that may connect, e.g. pipelines.
        default_permission: What a user may do with what others made, unless granted more.
        replicas: Number of servers.
        cpu, memory: Requests; memory is the limit as well.
        pool: Node pool to run on, None for any.
        protect: Whether the administrator's password refuses deletion.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    database: DatabaseAccess
    user_database: DatabaseAccess
    store: StoreAccess
    edge: EdgeAccess
    identity: Identity = field(default_factory=Identity)
    peers: Sequence[tuple[Peer, int]] = ()
    open_egress: Sequence[tuple[str, int]] = ()
    callers: Sequence[Peer] = ()
    default_permission: str = "NO_PERMISSIONS"
    replicas: int = 1
    cpu: pulumi.Input[str] = "100m"
    memory: pulumi.Input[str] = "1Gi"
    pool: str | None = None
    protect: bool = False


class MlFlow(Component[MlFlowArgs]):
    """MLflow's tracking server and model registry, for users with a password only.

    Guarantees: no request without valid credentials is answered, health apart; artifacts pass through the
    server, so clients hold no key of the store; the first administrator exists with a generated password;
    nothing is reported to the vendor. The server migrates its databases by itself, before it answers.

    Attributes:
        url: Where people and clients reach it.
        admin: Name of the first administrator.
        password: The administrator's first password; changing it in MLflow does not change it here.
        host: Name of the service inside the cluster.
        peer: Its pods.

    Raises:
        ArgsError: `default_permission` is none that MLflow knows.
    """

    args_type = MlFlowArgs

    url: str
    admin: str
    password: pulumi.Output[str]
    host: pulumi.Output[str]
    peer: Peer

    def build(self, args: MlFlowArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        if args.default_permission not in PERMISSIONS:
            raise ArgsError(
                f"MlFlow {self.name}: default_permission {args.default_permission!r} is unknown; "
                f"give one of {', '.join(PERMISSIONS)}"
            )
        protect = self.child(protect=args.protect or None)
        password = random.RandomPassword(f"{self.name}-admin", length=32, special=False, opts=protect)
        session = random.RandomPassword(f"{self.name}-session", length=48, special=False, opts=self.child())
        plain, secret = connection.store_environment(args.store)
        workload = Workload(
            self.name,
            WorkloadArgs(
                namespace=args.namespace,
                image=args.image,
                command=["mlflow"],
                args=list(ARGUMENTS),
                ports={"http": PORT},
                probe=Probe(PORT, "/health", startup_seconds=300),
                environment={
                    **plain,
                    **environment(args.edge.domain),
                    "MLFLOW_ARTIFACTS_DESTINATION": connection.store_uri(args.store),
                },
                secret_environment={
                    **secret,
                    "MLFLOW_BACKEND_STORE_URI": connection.database_url(args.database, SCHEME),
                    "MLFLOW_AUTH_ADMIN_PASSWORD": password.result,
                    "MLFLOW_FLASK_SERVER_SECRET_KEY": session.result,
                },
                secret_files={
                    AUTHENTICATION_FILE: connection.database_url(args.user_database, SCHEME).apply(
                        lambda url: render_authentication(url, args.default_permission)
                    )
                },
                callers=[args.edge.peer, *args.callers],
                callees=args.peers,
                open_egress=args.open_egress,
                identity=args.identity,
                replicas=args.replicas,
                cpu=args.cpu,
                memory=args.memory,
                pool=args.pool,
            ),
            self.child(),
        )
        route = Route(
            self.name,
            RouteArgs(args.edge, LABEL, args.namespace, workload.service, PORT),
            self.child(),
        )
        self.url = route.url
        self.admin = ADMIN
        self.password = pulumi.Output.secret(password.result)
        self.host = workload.host
        self.peer = workload.peer
        return {"url": self.url, "admin": self.admin, "password": self.password}


def environment(domain: str) -> dict[str, str]:
    """Returns the server's environment as far as it holds nothing of database and store."""
    return {
        "MLFLOW_AUTH_CONFIG_PATH": AUTHENTICATION_FILE,
        # Other names are refused, which stops rebinding of DNS names; pods use the name of the service.
        "MLFLOW_SERVER_ALLOWED_HOSTS": f"{LABEL}.{domain},*.svc:{PORT}",
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": f"https://{LABEL}.{domain}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # Background jobs serve the evaluation of language models and cost further processes.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        # A few connections each for tracking, registry and users, so that small databases suffice.
        "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "5",
        "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": "10",
    }


def render_authentication(database_url: str, default_permission: str) -> str:
    """Returns MLflow's authentication file; the administrator's password comes by environment."""
    return "\n".join(
        [
            "[mlflow]",
            f"default_permission = {default_permission}",
            # A percent sign begins an interpolation in this format.
            f"database_uri = {database_url.replace('%', '%%')}",
            f"admin_username = {ADMIN}",
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth",
            "",
        ]
    )
