"""The cache on AWS: what goes over the wire."""

from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_random as random
import pytest

from components.base import ArgsError
from components.data.feast import render_redis_connection
from components.foundation.aws.cache import AwsCache, AwsCacheArgs

CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
PARAMETERS = "aws:elasticache/parameterGroup:ParameterGroup"
SUBNETS = "aws:elasticache/subnetGroup:SubnetGroup"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
LOG = "aws:cloudwatch/logGroup:LogGroup"
DRAWN = "random:index/randomId:RandomId"
PASSWORD = "random:index/randomPassword:RandomPassword"
HOST = "master.prod-cache.abc.euc1.cache.amazonaws.com"
OUTPUTS: dict[str, Any] = {CACHE: {"primaryEndpointAddress": HOST}, DRAWN: {"hex": "0a1b2c3d"}}


def cache(**changes: Any) -> AwsCache:
    arguments: dict[str, Any] = {
        "environment": "prod",
        "vpc_id": "vpc-1",
        "subnet_ids": ["subnet-1", "subnet-2"],
        "client_cidr": "10.64.0.0/16",
        "key_arn": "key-arn",
        "log_key_arn": "log-key-arn",
    }
    providers = [aws.Provider("aws", region="eu-central-1"), random.Provider("random")]
    return AwsCache(
        "cache", AwsCacheArgs(**(arguments | changes)), pulumi.ResourceOptions(providers=providers)
    )


@pytest.fixture
def run(run_program: Any) -> Any:
    return lambda **changes: run_program(lambda: cache(**changes), outputs=OUTPUTS)


def test_it_is_encrypted_and_answers_nobody_without_the_password(run: Any) -> None:
    recorded = run()
    given = recorded.one(CACHE).inputs
    assert (given["engine"], given["engineVersion"]) == ("valkey", "8.1")
    assert given["transitEncryptionEnabled"] is True
    assert given["transitEncryptionMode"] == "required"
    assert str(given["atRestEncryptionEnabled"]).lower() == "true"
    assert given["kmsKeyId"] == "key-arn"
    assert given["authToken"] == "generated-cache-password"
    assert "authToken" in recorded.one(CACHE).secrets


def test_the_password_is_one_that_elasticache_takes(run: Any) -> None:
    given = run().one(PASSWORD).inputs
    assert 16 <= given["length"] <= 128
    assert given["special"] is False


@pytest.mark.parametrize(("replicas", "nodes", "failover"), [(0, 1, False), (1, 2, True), (2, 3, True)])
def test_replicas_take_over_from_the_primary(run: Any, replicas: int, nodes: int, failover: bool) -> None:
    given = run(replicas=replicas).one(CACHE).inputs
    assert given["numCacheClusters"] == nodes
    assert given["automaticFailoverEnabled"] is failover
    assert given["multiAzEnabled"] is failover


def test_it_refuses_when_full_as_on_every_foundation(run: Any) -> None:
    recorded = run()
    group = recorded.one(PARAMETERS)
    assert group.inputs["parameters"] == [{"name": "maxmemory-policy", "value": "noeviction"}]
    assert group.inputs["family"] == "valkey8"
    assert recorded.one(CACHE).inputs["parameterGroupName"] == group.inputs["name"]
    assert run(engine_version="9.0").one(PARAMETERS).inputs["name"] != group.inputs["name"]


def test_only_the_network_reaches_it(run: Any) -> None:
    recorded = run(cidrs=["10.64.48.0/20"])
    rule = recorded.one(RULE).inputs
    assert (rule["securityGroupId"], rule["cidrIpv4"]) == ("cache-id", "10.64.0.0/16")
    assert (rule["fromPort"], rule["toPort"], rule["ipProtocol"]) == (6379, 6379, "tcp")
    assert recorded.one(GROUP).inputs["vpcId"] == "vpc-1"
    assert "egress" not in recorded.one(GROUP).inputs
    assert recorded.one(CACHE).inputs["securityGroupIds"] == ["cache-id"]
    assert recorded.one(SUBNETS).inputs["subnetIds"] == ["subnet-1", "subnet-2"]
    assert recorded.one(CACHE).inputs["subnetGroupName"] == recorded.one(SUBNETS).inputs["name"]
    assert recorded.result.egress == [("10.64.48.0/20", 6379)]
    assert run().result.egress == [("10.64.0.0/16", 6379)]


def test_snapshots_and_maintenance_have_their_time(run: Any) -> None:
    given = run(snapshot_retention_days=5, snapshot_schedule="30 1 * * *").one(CACHE).inputs
    assert given["snapshotRetentionLimit"] == 5
    assert given["snapshotWindow"] == "01:30-02:30"
    assert given["maintenanceWindow"] == "sun:03:00-sun:04:00"
    with pytest.raises(ArgsError, match="once a day"):
        run(snapshot_schedule="0 * * * *")


def test_protected_it_refuses_deletion(run: Any) -> None:
    assert [r.type for r in run(protect=True).resources if r.protect] == [CACHE]
    assert not run().one(CACHE).protect


def test_case_16_what_lifts_the_protection_keeps_the_last_snapshot(run: Any) -> None:
    recorded = run(final_snapshot=True)
    assert recorded.one(CACHE).inputs["finalSnapshotIdentifier"] == "prod-cache-final-0a1b2c3d"
    assert recorded.one(DRAWN).inputs["keepers"] == {"server": "prod-cache", "key": "key-arn"}
    assert "finalSnapshotIdentifier" not in run(protect=True).one(CACHE).inputs


def test_the_log_says_nothing_of_what_is_asked_for(run: Any) -> None:
    recorded = run(log_retention_days=90)
    log = recorded.one(LOG).inputs
    assert (log["kmsKeyId"], log["retentionInDays"]) == ("log-key-arn", 90)
    assert recorded.one(CACHE).inputs["logDeliveryConfigurations"] == [
        {
            "destination": log["name"],
            "destinationType": "cloudwatch-logs",
            "logFormat": "json",
            "logType": "engine-log",
        }
    ]


def test_consumers_connect_by_tls_with_the_password(run: Any) -> None:
    recorded = run()
    access = recorded.result.access
    assert (recorded.value(access.host), access.port, access.tls) == (HOST, 6379, True)
    assert recorded.value(access.password) == "generated-cache-password"
    assert recorded.is_secret(access.password)
    assert "ssl=true" in render_redis_connection(HOST, access.port, "password", tls=access.tls)
    assert [type(resource).__name__ for resource in recorded.result.ready] == ["ReplicationGroup"]


def test_every_child_goes_through_the_provider_given_and_bears_its_name(run: Any) -> None:
    recorded = run()
    component = recorded.one("colonnade:index:AwsCache")
    ours = [r for r in recorded.resources if r.type.startswith("aws:")]
    assert len(ours) == 6
    for resource in ours:
        assert resource.parent == component.urn
        assert resource.provider.startswith(recorded.one("pulumi:providers:aws").urn)
        assert resource.inputs["tags"] == {"Name": "cache"}
    assert len({r.type for r in ours}) == len(ours)
