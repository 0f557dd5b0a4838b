"""The database server of the on-premises foundation as a StatefulSet of our own: PostgreSQL with pgvector."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_random as random

from components.base import Component
from components.foundation import databases
from components.foundation.contract import DatabaseAccess, Peer
from components.foundation.databases import PORT, Database, password_variable
from components.kubernetes.job import ProvisioningJob, ProvisioningJobArgs
from components.kubernetes.workload import Probe, Volume, Workload, WorkloadArgs, pods_of

_SUPERUSER = "postgres"


@dataclass(frozen=True)
class PostgreSQLArgs:
    """Arguments of `PostgreSQL`.

    Attributes:
        namespace: Namespace, which exists already.
        image: Image of the server, pgvector included.
        toolbox_image: Image with psql for the job that creates databases and roles.
        databases: Consumer name to its database.
        callers: Pods that may connect.
        size: Size of the volume.
        storage_class: Storage class, None for the cluster's default.
        pool: Node pool, None for any.
        protect: Whether the volume refuses deletion.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    toolbox_image: pulumi.Input[str]
    databases: Mapping[str, Database] = field(default_factory=dict)
    callers: Sequence[Peer] = ()
    size: pulumi.Input[str] = "10Gi"
    storage_class: pulumi.Input[str] | None = None
    cpu: pulumi.Input[str] = "100m"
    memory: pulumi.Input[str] = "512Mi"
    pool: str | None = None
    protect: bool = False


class PostgreSQL(Component[PostgreSQLArgs]):
    """One PostgreSQL server with a database and a role for each consumer.

    Guarantees: every connection authenticates by SCRAM; a role reaches its own database alone.

    Attributes:
        service: Name of the Service.
        peer: The pods, for egress policies.
        ready: Exist once the databases exist.
    """

    args_type = PostgreSQLArgs

    service: pulumi.Output[str]
    peer: Peer
    ready: Sequence[pulumi.Resource]

    def build(self, args: PostgreSQLArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        job = f"{self.name}-databases"
        superuser = self._password("superuser")
        self._databases = args.databases
        self._passwords = {
            database.name: self._password(database.name) for database in args.databases.values()
        }
        workload = Workload(
            self.name,
            WorkloadArgs(
                namespace=args.namespace,
                image=args.image,
                command=["/usr/local/bin/colonnade-postgresql"],
                ports={"postgresql": PORT},
                probe=Probe(port=PORT, command=["pg_isready", "-h", "127.0.0.1", "-U", _SUPERUSER]),
                environment={"POSTGRES_PASSWORD_FILE": "/run/secrets/postgresql/password"},
                secret_files={"/run/secrets/postgresql/password": superuser},
                volume=Volume("/var/lib/postgresql/data", args.size, args.storage_class),
                scratch=["/tmp", "/run/postgresql"],  # noqa: S108 - paths inside the container
                callers=[*args.callers, pods_of(job, args.namespace)],
                cpu=args.cpu,
                memory=args.memory,
                pool=args.pool,
                protect=args.protect,
            ),
            self.child(),
        )
        self.service = workload.service
        self.peer = workload.peer
        self.host = workload.host
        provisioned = ProvisioningJob(
            job,
            ProvisioningJobArgs(
                namespace=args.namespace,
                image=args.toolbox_image,
                command=databases.COMMAND,
                files=databases.files(list(args.databases.values())),
                environment=databases.environment(workload.host, _SUPERUSER),
                secret_environment={
                    "PGPASSWORD": superuser,
                    **{password_variable(name): password for name, password in self._passwords.items()},
                },
                callees=[(workload.peer, PORT)],
            ),
            self.child(depends_on=[workload]),
        )
        self.ready = [provisioned]
        return {"host": self.host}

    def access(self, consumer: str) -> DatabaseAccess:
        """Returns the database of one consumer.

        Raises:
            KeyError: The consumer was given no database.
        """
        database = self._databases[consumer].name
        return DatabaseAccess(
            host=self.host, port=PORT, name=database, user=database, password=self._passwords[database]
        )

    def _password(self, owner: str) -> pulumi.Output[str]:
        return random.RandomPassword(
            f"{self.name}-{owner}", length=40, special=False, opts=self.child()
        ).result
