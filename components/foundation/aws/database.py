"""The database server on AWS: RDS for PostgreSQL, with a database and a role for each consumer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from components import naming
from components.base import Component
from components.foundation import databases
from components.foundation.aws.external_secret import Source, external_secret
from components.foundation.aws.managed import clients, final_snapshot
from components.foundation.aws.tags import tags
from components.foundation.aws.windows import windows
from components.foundation.contract import DatabaseAccess
from components.foundation.databases import PORT, Database, password_variable
from components.kubernetes.configuration import SecretKey
from components.kubernetes.job import ProvisioningJob, ProvisioningJobArgs

MASTER: Final = "colonnade"
_PASSWORD: Final = "password"  # noqa: S105 - what RDS calls it in its secret
_LOGS: Final = ("postgresql", "upgrade")
# RDS changes the master password by itself, once a week. A job that meets the old one is repeated for five
# minutes, so the copy must not be older than that.
_REFRESH: Final = "2m"
_PARAMETERS: Final = {
    "rds.force_ssl": "1",
    "log_connections": "1",
    "log_disconnections": "1",
    "log_lock_waits": "1",
    # Who changed what; passwords come as verifiers, so none is in it.
    "log_statement": "ddl",
}


def instance_identifier(environment: str, name: str) -> str:
    """Returns the identifier of the server of that logical name, also before it is built."""
    return naming.physical("aws-rds", environment, name)


@dataclass(frozen=True)
class AwsDatabaseArgs:
    """Arguments of `AwsDatabase`.

    Attributes:
        environment: Name of the environment; physical names begin with it.
        vpc_id: The network.
        subnet_ids: Its subnets for data, in two zones at least.
        client_cidr: Whose addresses may connect: the network's.
        key_arn: Key of the storage, the snapshots and the performance data.
        secrets_key_arn: Key of the master password.
        log_key_arn: Key of the logs.
        databases: Consumer name to its database.
        namespace: Namespace of the provisioning job, which exists already; it may use the secret store.
        toolbox_image: Image with psql and Python for that job.
        secret_store: Name of the cluster's secret store, `AwsSecrets.store`.
        instance_type: Instance class.
        size_gib: Storage to begin with; 20 at least.
        max_size_gib: What the storage may grow to by itself; twice the size where not given.
        instances: 1, or 2 for a standby in another zone.
        engine_version: Major version. AWS keeps the minor version up to date.
        backup_retention_days: Days for which any moment can be restored, 0 for none.
        backup_schedule: When backups begin, as five cron fields in UTC; once a day.
        log_retention_days: Days that the logs are kept; what CloudWatch admits.
        cidrs: Networks of the subnets, for egress policies; `client_cidr` where not given.
        final_snapshot: Whether a last snapshot and the backups outlive the server.
        protect: Whether the server refuses deletion.
    """

    environment: str
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    client_cidr: str
    key_arn: pulumi.Input[str]
    secrets_key_arn: pulumi.Input[str]
    log_key_arn: pulumi.Input[str]
    databases: Mapping[str, Database]
    namespace: pulumi.Input[str]
    toolbox_image: pulumi.Input[str]
    secret_store: pulumi.Input[str]
    instance_type: str = "db.t4g.medium"
    size_gib: int = 20
    max_size_gib: int | None = None
    instances: int = 1
    engine_version: str = "17"
    backup_retention_days: int = 7
    backup_schedule: str = "0 3 * * *"
    log_retention_days: int = 7
    cidrs: Sequence[str] = ()
    final_snapshot: bool = False
    protect: bool = False


class AwsDatabase(Component[AwsDatabaseArgs]):
    """One PostgreSQL server with a database and a role for each consumer.

    The caller's options carry explicit providers: aws, kubernetes and random.

    Guarantees: no public address; only `client_cidr` reaches it, by TLS alone; storage, snapshots, logs and
    master password are encrypted with keys of ours. AWS makes the master password and changes it; it is in no
    state of ours, and only the provisioning job reads it. A role reaches its own database alone.

    Clients encrypt but do not verify the server (`sslmode=require`): its authority is RDS's own, which no
    image trusts, and inside the network nobody else can answer for its address.

    Attributes:
        ready: Exist once the databases exist.
        egress: Networks and port of the server, for policies.

    Raises:
        ArgsError: AWS offers no such backup schedule.
    """

    args_type = AwsDatabaseArgs

    ready: Sequence[pulumi.Resource]
    egress: Sequence[tuple[str, int]]

    def build(self, args: AwsDatabaseArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        self._databases = args.databases
        self._passwords = {
            database.name: random.RandomPassword(
                f"{self.name}-{database.name}", length=40, special=False, opts=self.child()
            ).result
            for database in args.databases.values()
        }
        self.egress = [(cidr, PORT) for cidr in args.cidrs or [args.client_cidr]]
        instance = self._instance(args)
        self.host = instance.address
        self.ready = [self._provision(args, *self._master_password(args, instance))]
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

    def _instance(self, args: AwsDatabaseArgs) -> aws.rds.Instance:
        identifier = instance_identifier(args.environment, self.name)
        times = windows(args.backup_schedule)
        # RDS would make the log groups itself, without a key and without an end.
        logs = [
            aws.cloudwatch.LogGroup(
                f"{self.name}-{log}",
                name=f"/aws/rds/instance/{identifier}/{log}",
                kms_key_id=args.log_key_arn,
                retention_in_days=args.log_retention_days,
                tags=tags(f"{self.name}-{log}"),
                opts=self.child(),
            )
            for log in _LOGS
        ]
        return aws.rds.Instance(
            self.name,
            identifier=identifier,
            engine="postgres",
            engine_version=args.engine_version,
            auto_minor_version_upgrade=True,
            instance_class=args.instance_type,
            multi_az=args.instances > 1,
            storage_type="gp3",
            allocated_storage=args.size_gib,
            # Grown storage is no difference to the provider, and a larger size in the settings still counts;
            # ignoring changes would lose the latter.
            max_allocated_storage=args.max_size_gib or 2 * args.size_gib,
            storage_encrypted=True,
            kms_key_id=args.key_arn,
            port=PORT,
            username=MASTER,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=args.secrets_key_arn,
            iam_database_authentication_enabled=False,
            ca_cert_identifier="rds-ca-rsa2048-g1",
            db_subnet_group_name=self._subnets(args),
            vpc_security_group_ids=[
                clients(self.name, args.environment, args.vpc_id, args.client_cidr, PORT, self.child())
            ],
            publicly_accessible=False,
            parameter_group_name=self._parameters(args),
            # What was confirmed happens now. Put off to the next window, every preview until then would show
            # it again.
            apply_immediately=True,
            backup_retention_period=args.backup_retention_days,
            backup_window=times.backup,
            maintenance_window=times.maintenance,
            copy_tags_to_snapshot=True,
            delete_automated_backups=not args.final_snapshot,
            skip_final_snapshot=not args.final_snapshot,
            final_snapshot_identifier=final_snapshot(
                "aws-rds", self.name, args.environment, args.key_arn, self.child()
            )
            if args.final_snapshot
            else None,
            deletion_protection=args.protect,
            performance_insights_enabled=True,
            performance_insights_kms_key_id=args.key_arn,
            performance_insights_retention_period=7,
            enabled_cloudwatch_logs_exports=list(_LOGS),
            tags=tags(self.name),
            opts=self.child(depends_on=logs, protect=args.protect or None),
        )

    def _subnets(self, args: AwsDatabaseArgs) -> pulumi.Output[str]:
        return aws.rds.SubnetGroup(
            self.name,
            name=naming.physical("aws-rds", args.environment, self.name),
            description="Subnets of the database server",
            subnet_ids=list(args.subnet_ids),
            tags=tags(self.name),
            opts=self.child(),
        ).name

    def _parameters(self, args: AwsDatabaseArgs) -> pulumi.Output[str]:
        family = f"postgres{args.engine_version}"
        return aws.rds.ParameterGroup(
            self.name,
            # A group is of one family: by its name, the next one can be there before this one goes.
            name=naming.physical("aws-rds", args.environment, self.name, family),
            family=family,
            description="TLS alone, and what is logged",
            parameters=[
                aws.rds.ParameterGroupParameterArgs(name=name, value=value, apply_method="immediate")
                for name, value in _PARAMETERS.items()
            ],
            tags=tags(self.name),
            opts=self.child(),
        ).name

    def _master_password(
        self, args: AwsDatabaseArgs, instance: aws.rds.Instance
    ) -> tuple[SecretKey, pulumi.Resource]:
        """Has the master password copied into the cluster, and kept up to date."""
        name = f"{self.name}-master"
        arn = instance.master_user_secrets.apply(lambda secrets: str(secrets[0].secret_arn))
        copied = external_secret(
            name,
            args.namespace,
            args.secret_store,
            {_PASSWORD: Source(arn, _PASSWORD)},
            _REFRESH,
            self.child(),
        )
        return SecretKey(name, _PASSWORD), copied

    def _provision(
        self, args: AwsDatabaseArgs, password: SecretKey, copied: pulumi.Resource
    ) -> pulumi.Resource:
        return ProvisioningJob(
            f"{self.name}-databases",
            ProvisioningJobArgs(
                namespace=args.namespace,
                image=args.toolbox_image,
                command=databases.COMMAND,
                files=databases.files(list(args.databases.values())),
                environment={**databases.environment(self.host, MASTER), "PGSSLMODE": "require"},
                secret_environment={
                    password_variable(name): generated for name, generated in self._passwords.items()
                },
                environment_from={"PGPASSWORD": password},
                open_egress=self.egress,
            ),
            self.child(depends_on=[copied]),
        )
