"""The database server on AWS: what goes over the wire."""

import base64
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import pulumi_random as random
import pytest

from components.base import ArgsError
from components.foundation.aws.database import AwsDatabase, AwsDatabaseArgs, instance_identifier
from components.foundation.databases import Database, files

INSTANCE = "aws:rds/instance:Instance"
PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"
SUBNETS = "aws:rds/subnetGroup:SubnetGroup"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
LOG = "aws:cloudwatch/logGroup:LogGroup"
DRAWN = "random:index/randomId:RandomId"
COPY = "kubernetes:external-secrets.io/v1:ExternalSecret"
JOB = "kubernetes:batch/v1:Job"
SECRET = "kubernetes:core/v1:Secret"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
MASTER = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-5f1c-AbCdEf"
HOST = "prod-database.abc.eu-central-1.rds.amazonaws.com"
OUTPUTS: dict[str, Any] = {
    INSTANCE: {"address": HOST, "masterUserSecrets": [{"secretArn": MASTER}]},
    DRAWN: lambda resource: {"hex": "0a1b2c3d" if resource.inputs["keepers"]["key"] == "key-arn" else "ffff"},
}


def database(**changes: Any) -> AwsDatabase:
    arguments: dict[str, Any] = {
        "environment": "prod",
        "vpc_id": "vpc-1",
        "subnet_ids": ["subnet-1", "subnet-2"],
        "client_cidr": "10.64.0.0/16",
        "key_arn": "key-arn",
        "secrets_key_arn": "secrets-key-arn",
        "log_key_arn": "log-key-arn",
        "databases": {"lakefs": Database("lakefs"), "auth": Database("mlflow_auth", ("vector",))},
        "namespace": "foundation",
        "toolbox_image": "registry.example.com/toolbox@sha256:" + "0" * 64,
        "secret_store": "aws",
    }
    providers = [
        aws.Provider("aws", region="eu-central-1"),
        kubernetes.Provider("cluster"),
        random.Provider("random"),
    ]
    return AwsDatabase(
        "database", AwsDatabaseArgs(**(arguments | changes)), pulumi.ResourceOptions(providers=providers)
    )


@pytest.fixture
def run(run_program: Any) -> Any:
    return lambda **changes: run_program(lambda: database(**changes), outputs=OUTPUTS)


def test_it_is_private_encrypted_and_backed_up(run: Any) -> None:
    given = run().one(INSTANCE).inputs
    assert given["engine"] == "postgres"
    assert given["publiclyAccessible"] is False
    assert given["storageEncrypted"] is True
    assert (given["kmsKeyId"], given["performanceInsightsKmsKeyId"]) == ("key-arn", "key-arn")
    assert given["backupRetentionPeriod"] == 7
    assert (given["backupWindow"], given["maintenanceWindow"]) == ("03:00-04:00", "sun:04:30-sun:05:30")
    assert given["copyTagsToSnapshot"] is True
    assert given["iamDatabaseAuthenticationEnabled"] is False
    assert given["caCertIdentifier"] == "rds-ca-rsa2048-g1"


def test_aws_keeps_the_master_password_and_we_never_see_it(run: Any) -> None:
    recorded = run()
    given = recorded.one(INSTANCE).inputs
    assert given["manageMasterUserPassword"] is True
    assert given["masterUserSecretKmsKeyId"] == "secrets-key-arn"
    assert "password" not in given
    assert len(recorded.all("random:index/randomPassword:RandomPassword")) == 2


def test_tls_is_forced_and_what_was_changed_is_logged(run: Any) -> None:
    recorded = run()
    group = recorded.one(PARAMETERS)
    parameters = {item["name"]: item["value"] for item in group.inputs["parameters"]}
    assert parameters["rds.force_ssl"] == "1"
    assert parameters["log_statement"] == "ddl"
    assert group.inputs["family"] == "postgres17"
    assert recorded.one(INSTANCE).inputs["parameterGroupName"] == group.inputs["name"]
    assert run(engine_version="18").one(PARAMETERS).inputs["name"] != group.inputs["name"]


def test_only_the_network_reaches_it(run: Any) -> None:
    recorded = run()
    group, rule = recorded.one(GROUP), recorded.one(RULE)
    assert group.inputs["vpcId"] == "vpc-1"
    assert "ingress" not in group.inputs
    assert "egress" not in group.inputs
    assert rule.inputs["securityGroupId"] == "database-id"
    assert rule.inputs["cidrIpv4"] == "10.64.0.0/16"
    assert (rule.inputs["fromPort"], rule.inputs["toPort"], rule.inputs["ipProtocol"]) == (5432, 5432, "tcp")
    assert recorded.one(INSTANCE).inputs["vpcSecurityGroupIds"] == ["database-id"]
    assert recorded.one(SUBNETS).inputs["subnetIds"] == ["subnet-1", "subnet-2"]
    assert recorded.one(INSTANCE).inputs["dbSubnetGroupName"] == recorded.one(SUBNETS).inputs["name"]


def test_its_logs_are_ours_before_it_writes_them(run: Any) -> None:
    recorded = run(log_retention_days=90)
    instance = recorded.one(INSTANCE)
    logs = recorded.all(LOG)
    assert [log.inputs["name"] for log in logs] == [
        f"/aws/rds/instance/{instance.inputs['identifier']}/{kind}"
        for kind in instance.inputs["enabledCloudwatchLogsExports"]
    ]
    for log in logs:
        assert log.inputs["kmsKeyId"] == "log-key-arn"
        assert log.inputs["retentionInDays"] == 90
        assert log.urn in instance.dependencies


@pytest.mark.parametrize(("instances", "standby"), [(1, False), (2, True)])
def test_a_second_instance_is_a_standby_in_another_zone(run: Any, instances: int, standby: bool) -> None:
    assert run(instances=instances).one(INSTANCE).inputs["multiAz"] is standby


def test_storage_grows_by_itself_up_to_a_limit(run: Any) -> None:
    recorded = run(size_gib=200)
    given = recorded.one(INSTANCE).inputs
    assert (given["allocatedStorage"], given["maxAllocatedStorage"]) == (200, 400)
    assert run(size_gib=200, max_size_gib=1000).one(INSTANCE).inputs["maxAllocatedStorage"] == 1000
    # Else a larger size in the settings would do nothing.
    assert "allocatedStorage" not in recorded.one(INSTANCE).ignore_changes


def test_protected_it_refuses_deletion_here_and_there(run: Any) -> None:
    recorded = run(protect=True)
    instance = recorded.one(INSTANCE)
    assert instance.protect
    assert instance.inputs["deletionProtection"] is True
    assert [r.type for r in recorded.resources if r.protect] == [INSTANCE]
    unprotected = run(protect=False).one(INSTANCE)
    assert not unprotected.protect
    assert unprotected.inputs["deletionProtection"] is False


def test_case_16_what_lifts_the_protection_keeps_the_last_snapshot(run: Any) -> None:
    kept = run(protect=False, final_snapshot=True).one(INSTANCE).inputs
    assert kept["skipFinalSnapshot"] is False
    assert kept["finalSnapshotIdentifier"] == "prod-database-final-0a1b2c3d"
    assert kept["deleteAutomatedBackups"] is False
    dropped = run(protect=True, final_snapshot=False).one(INSTANCE).inputs
    assert dropped["skipFinalSnapshot"] is True
    assert dropped["deleteAutomatedBackups"] is True
    assert "finalSnapshotIdentifier" not in dropped


def test_what_replaces_the_server_draws_another_name_for_its_snapshot(run: Any) -> None:
    instance = run(final_snapshot=True, key_arn="another").one(INSTANCE).inputs
    assert instance["finalSnapshotIdentifier"] == "prod-database-final-ffff"
    drawn = run(final_snapshot=True).one(DRAWN).inputs
    assert drawn["keepers"] == {"server": "prod-database", "key": "key-arn"}
    assert not run().all(DRAWN)


def test_the_identifier_is_known_before_the_server_is(run: Any) -> None:
    assert run().one(INSTANCE).inputs["identifier"] == instance_identifier("prod", "database")


def test_the_job_takes_the_master_password_from_where_aws_keeps_it(run: Any) -> None:
    recorded = run()
    copy = recorded.one(COPY).inputs
    assert copy["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Ready"}
    assert copy["metadata"]["namespace"] == "foundation"
    assert copy["spec"]["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "aws"}
    assert copy["spec"]["data"] == [
        {"secretKey": "password", "remoteRef": {"key": MASTER, "property": "password"}}
    ]
    job = recorded.one(JOB)
    assert recorded.one(COPY).urn in waits_for(recorded, job)
    environment = {item["name"]: item for item in container(job)["env"]}
    assert environment["PGPASSWORD"]["valueFrom"]["secretKeyRef"] == {
        "name": copy["spec"]["target"]["name"],
        "key": "password",
    }
    assert environment["PGHOST"]["value"] == HOST
    assert environment["PGUSER"]["value"] == recorded.one(INSTANCE).inputs["username"]
    assert environment["PGSSLMODE"]["value"] == "require"


def test_the_job_makes_a_database_for_each_consumer(run: Any) -> None:
    recorded = run()
    script = files([Database("lakefs"), Database("mlflow_auth", ("vector",))])
    assert set(recorded.one("kubernetes:core/v1:ConfigMap").inputs["data"].values()) == set(script.values())
    secret = recorded.one(SECRET)
    assert {key: base64.b64decode(value).decode() for key, value in secret.inputs["data"].items()} == {
        "PASSWORD_LAKEFS": "generated-database-lakefs",
        "PASSWORD_MLFLOW_AUTH": "generated-database-mlflow_auth",
    }
    assert {path.split(".")[0] for path in secret.secrets} == {"data"}


@pytest.mark.parametrize(
    ("cidrs", "expected"), [((), ["10.64.0.0/16"]), (["10.64.48.0/20"], ["10.64.48.0/20"])]
)
def test_the_job_reaches_the_server_and_nothing_else(run: Any, cidrs: Any, expected: list[str]) -> None:
    recorded = run(cidrs=cidrs)
    egress = recorded.one(POLICY).inputs["spec"]["egress"]
    reached = [rule for rule in egress if rule.get("ports") == [{"protocol": "TCP", "port": 5432}]]
    assert [rule["to"] for rule in reached] == [[{"ipBlock": {"cidr": cidr}}] for cidr in expected]
    assert len(egress) == len(reached) + 2
    assert recorded.result.egress == [(cidr, 5432) for cidr in expected]


def test_a_consumer_gets_its_own_database_by_tls(run: Any) -> None:
    recorded = run()
    access = recorded.result.access("auth")
    assert recorded.value(access.host) == HOST
    assert (access.port, access.name, access.user, access.sslmode) == (
        5432,
        "mlflow_auth",
        "mlflow_auth",
        "require",
    )
    assert recorded.value(access.password) == "generated-database-mlflow_auth"
    assert recorded.is_secret(access.password)
    with pytest.raises(KeyError):
        recorded.result.access("feast")
    assert [type(resource).__name__ for resource in recorded.result.ready] == ["ProvisioningJob"]


def test_every_child_goes_through_the_provider_given_and_bears_its_name(run: Any) -> None:
    recorded = run()
    component = recorded.one("colonnade:index:AwsDatabase")
    ours = [r for r in recorded.resources if r.type.startswith("aws:")]
    assert len(ours) == 7
    for resource in ours:
        assert resource.parent == component.urn
        assert resource.provider.startswith(recorded.one("pulumi:providers:aws").urn)
    names = [(r.type, r.inputs["tags"]["Name"]) for r in ours]
    assert len(set(names)) == len(names)


def test_a_schedule_that_aws_does_not_offer_is_refused(run: Any) -> None:
    with pytest.raises(ArgsError, match="once a day"):
        run(backup_schedule="0 */6 * * *")


def test_case_1_a_preview_before_anything_exists_passes(run_program: Any) -> None:
    recorded = run_program(
        lambda: database(secret_store=pulumi.Output.from_input("aws")), preview=True, unknown=[INSTANCE]
    )
    assert recorded.one(JOB)


def container(job: Any) -> dict[str, Any]:
    return dict(job.inputs["spec"]["template"]["spec"]["containers"][0])


def waits_for(recorded: Any, later: Any) -> set[str]:
    """Returns all that the engine creates before it: a child waits for what its parents wait for."""
    known = {resource.urn: resource for resource in recorded.resources}
    seen: set[str] = set()
    pending = [later.urn]
    while pending:
        urn = pending.pop()
        if urn in known and urn not in seen:
            seen.add(urn)
            pending += [*known[urn].dependencies, known[urn].parent]
    return seen
