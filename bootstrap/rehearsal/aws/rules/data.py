"""Databases, caches and secrets."""

from collections.abc import Iterator
from typing import Any

from bootstrap.rehearsal.aws import sources
from bootstrap.rehearsal.aws.rules.support import (
    ROLE,
    SUBNET,
    Account,
    Refusal,
    Resource,
    Rules,
    entries,
    first,
    named,
    one_vpc,
    trusts,
    value,
    zones_of,
)

_INSTANCE = "aws:rds/instance:Instance"
_RDS = "botocore rds.CreateDBInstance"
_CACHE = "botocore elasticache.CreateReplicationGroup"
_GROUP = "aws:ec2/securityGroup:SecurityGroup"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _database_subnets(resource: Resource, account: Account) -> Iterator[Refusal]:
    zones = zones_of(named(account, SUBNET, entries(resource, "subnetIds")))
    if len(zones) < 2:
        reason = f"are in {', '.join(map(str, zones))} alone; a group covers two zones at least"
        source = "botocore rds DBSubnetGroupDoesNotCoverEnoughAZs"
        yield Refusal("subnetIds", reason, source, "DBSubnetGroupDoesNotCoverEnoughAZs")
    yield from one_vpc(resource, account, "subnetIds")


def _cache_subnets(resource: Resource, account: Account) -> Iterator[Refusal]:
    yield from one_vpc(resource, account, "subnetIds")


def _instance(resource: Resource, account: Account) -> Iterator[Refusal]:
    yield from _credentials(resource)
    yield from _storage(resource)
    yield from _dependent(resource)
    yield from _hardware(resource, "instanceClass", "db.", account)
    yield from _groups(
        resource, account, "aws:rds/subnetGroup:SubnetGroup", "dbSubnetGroupName", "vpcSecurityGroupIds"
    )
    yield from _windows(resource, "backupWindow", f"{_RDS}.PreferredBackupWindow")
    yield from _family(resource, account, "aws:rds/parameterGroup:ParameterGroup", value(resource, "engine"))
    role = first(account, ROLE, "arn", value(resource, "monitoringRoleArn"))
    if role and not trusts(role, "monitoring.rds.amazonaws.com"):
        reason = f"{role.id} does not let monitoring.rds.amazonaws.com assume it"
        source = "docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Monitoring.OS.Enabling.html"
        yield Refusal("monitoringRoleArn", reason, source, "InvalidParameterValue")


def _credentials(resource: Resource) -> Iterator[Refusal]:
    managed, password = value(resource, "manageMasterUserPassword"), value(resource, "password")
    if managed and password:
        reason = "must not be given where RDS manages it"
        yield Refusal("password", reason, f"{_RDS}.MasterUserPassword", "InvalidParameterCombination")
    if not managed and not password and not value(resource, "replicateSourceDb"):
        reason = "is missing: give one or set manageMasterUserPassword"
        yield Refusal("password", reason, f"{_RDS}.MasterUserPassword", "InvalidParameterValue")
    if not value(resource, "username") and not value(resource, "replicateSourceDb"):
        yield Refusal("username", "is missing", f"{_RDS}.MasterUsername", "InvalidParameterValue")
    if value(resource, "masterUserSecretKmsKeyId") and not managed:
        reason = "needs manageMasterUserPassword"
        yield Refusal(
            "masterUserSecretKmsKeyId",
            reason,
            f"{_RDS}.MasterUserSecretKmsKeyId",
            "InvalidParameterCombination",
        )


def _storage(resource: Resource) -> Iterator[Refusal]:
    size, kind = value(resource, "allocatedStorage") or 0, value(resource, "storageType") or "gp2"
    least, most = {"io1": (100, 65536), "io2": (100, 65536), "standard": (5, 3072)}.get(kind, (20, 65536))
    if not least <= size <= most:
        reason = f"{size:.0f} GiB of {kind} is outside {least} to {most}"
        yield Refusal("allocatedStorage", reason, f"{_RDS}.AllocatedStorage", "InvalidParameterValue")
    limit = value(resource, "maxAllocatedStorage")
    if limit and limit < 1.1 * size:
        reason = f"{limit:.0f} GiB is not at least a tenth above the {size:.0f} allocated"
        source = "docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html"
        yield Refusal("maxAllocatedStorage", reason, source, "InvalidParameterCombination")
    for name in ("iops", "storageThroughput"):
        if kind == "gp3" and size < 400 and value(resource, name):
            reason = "is set for gp3 of 400 GiB and more alone"
            source = "docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html"
            yield Refusal(name, reason, source, "InvalidParameterCombination")


def _dependent(resource: Resource) -> Iterator[Refusal]:
    """Refuses what is set without that which it belongs to."""
    needs = {
        "kmsKeyId": ("storageEncrypted", f"{_RDS}.KmsKeyId"),
        "performanceInsightsKmsKeyId": ("performanceInsightsEnabled", f"{_RDS}.PerformanceInsightsKMSKeyId"),
        "performanceInsightsRetentionPeriod": (
            "performanceInsightsEnabled",
            f"{_RDS}.EnablePerformanceInsights",
        ),
    }
    for name, (other, source) in needs.items():
        if value(resource, name) and not value(resource, other):
            yield Refusal(name, f"needs {other} set to true", source, "InvalidParameterCombination")
    if bool(value(resource, "monitoringInterval")) != bool(value(resource, "monitoringRoleArn")):
        reason = "an interval of monitoring and a role for it need each other"
        yield Refusal("monitoringRoleArn", reason, f"{_RDS}.MonitoringRoleArn", "InvalidParameterCombination")
    if value(resource, "multiAz") and value(resource, "availabilityZone"):
        reason = "must not be given with multiAz"
        yield Refusal("availabilityZone", reason, f"{_RDS}.AvailabilityZone", "InvalidParameterCombination")


def _hardware(resource: Resource, path: str, prefix: str, account: Account) -> Iterator[Refusal]:
    kind = str(value(resource, path)).removeprefix(prefix)
    if kind not in sources.instance_types(account.region) and kind != "serverless":
        reason = f"{account.region} has no instance type {kind!r} to run {prefix}{kind} on"
        yield Refusal(path, reason, "moto ec2 instance_type_offerings", "InvalidParameterCombination")


def _groups(resource: Resource, account: Account, kind: str, name: str, groups: str) -> Iterator[Refusal]:
    subnets = account.get(kind, value(resource, name) or "")
    home = {
        value(s, "vpcId") for s in named(account, SUBNET, entries(subnets, "subnetIds") if subnets else [])
    }
    for group in named(account, _GROUP, entries(resource, groups)):
        if home and value(group, "vpcId") not in home:
            reason = (
                f"{group.id} is of VPC {value(group, 'vpcId')}, the subnets are of {', '.join(sorted(home))}"
            )
            yield Refusal(
                groups, reason, "botocore rds InvalidVPCNetworkStateFault", "InvalidParameterCombination"
            )


def _windows(resource: Resource, daily: str, source: str) -> Iterator[Refusal]:
    backup, maintenance = value(resource, daily), value(resource, "maintenanceWindow")
    if not backup or not maintenance:
        return
    taken = {minute % 1440 for minute in _minutes([f"mon:{time}" for time in backup.split("-")], 1440)}
    needed = {minute % 1440 for minute in _minutes(maintenance.lower().split("-"), 1440 * 7)}
    if taken & needed:
        reason = f"{backup} overlaps the maintenance window {maintenance}"
        yield Refusal(daily, reason, source, "InvalidParameterValue")
    if min(len(taken), len(needed)) < 30:
        yield Refusal(daily, "a window lasts 30 minutes at least", source, "InvalidParameterValue")


def _at(moment: str) -> int:
    day, hour, minute = moment.split(":")
    return _DAYS.index(day) * 1440 + int(hour) * 60 + int(minute)


def _minutes(ends: list[str], cycle: int) -> range:
    start, end = map(_at, ends)
    return range(start, end if end > start else end + cycle)


def _family(resource: Resource, account: Account, kind: str, engine: Any) -> Iterator[Refusal]:
    group = account.get(kind, value(resource, "parameterGroupName") or "")
    version = str(value(resource, "engineVersion") or "")
    if group is None or not version:
        return
    family, major = value(group, "family"), version.split(".")[0]
    fitting = {f"{engine}{major}", f"{engine}{major}.x", f"{engine}{'.'.join(version.split('.')[:2])}"}
    if family not in fitting:
        reason = f"{group.id} is of family {family}, which {engine} {version} does not take"
        yield Refusal(
            "parameterGroupName", reason, f"{_RDS}.DBParameterGroupName", "InvalidParameterCombination"
        )


def _instance_deleted(resource: Resource, _: Account) -> Iterator[Refusal]:
    if value(resource, "skipFinalSnapshot"):
        return
    if not value(resource, "finalSnapshotIdentifier"):
        reason = (
            "is needed to delete the database: name the last snapshot, or set skipFinalSnapshot, and run up"
        )
        yield Refusal(
            "finalSnapshotIdentifier",
            reason,
            "terraform-provider-aws rds/instance.go",
            "InvalidParameterCombination",
        )


def _cache(resource: Resource, account: Account) -> Iterator[Refusal]:
    code = "InvalidParameterCombination"
    if value(resource, "authToken") and not value(resource, "transitEncryptionEnabled"):
        reason = "needs transitEncryptionEnabled set to true"
        yield Refusal("authToken", reason, f"{_CACHE}.AuthToken", code)
    if value(resource, "transitEncryptionMode") and not value(resource, "transitEncryptionEnabled"):
        reason = "needs transitEncryptionEnabled set to true"
        yield Refusal("transitEncryptionMode", reason, f"{_CACHE}.TransitEncryptionMode", code)
    if value(resource, "kmsKeyId") and str(value(resource, "atRestEncryptionEnabled")).lower() != "true":
        reason = "needs atRestEncryptionEnabled set to true"
        yield Refusal("kmsKeyId", reason, f"{_CACHE}.KmsKeyId", code)
    nodes, sharded = value(resource, "numCacheClusters") or 1, value(resource, "replicasPerNodeGroup")
    if value(resource, "automaticFailoverEnabled") and nodes < 2 and not sharded:
        reason = f"needs two nodes at least, not {nodes:.0f}"
        yield Refusal(
            "automaticFailoverEnabled", reason, f"{_CACHE}.NumCacheClusters; moto elasticache", code
        )
    if value(resource, "multiAzEnabled") and not value(resource, "automaticFailoverEnabled"):
        reason = "needs automaticFailoverEnabled set to true"
        yield Refusal(
            "multiAzEnabled", reason, "terraform-provider-aws elasticache/replication_group.go", code
        )
    subnets = account.get("aws:elasticache/subnetGroup:SubnetGroup", value(resource, "subnetGroupName") or "")
    zones = zones_of(named(account, SUBNET, entries(subnets, "subnetIds"))) if subnets else set()
    if value(resource, "multiAzEnabled") and len(zones) == 1:
        reason = f"needs subnets in two zones, not in {', '.join(zones)} alone"
        yield Refusal(
            "multiAzEnabled",
            reason,
            "docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoFailover.html",
            code,
        )
    for log in entries(resource, "logDeliveryConfigurations"):
        target = log.get("destination")
        if log.get("destinationType") == "cloudwatch-logs" and not account.get(
            "aws:cloudwatch/logGroup:LogGroup", target
        ):
            reason = f"there is no log group {target!r}"
            yield Refusal(
                "logDeliveryConfigurations.destination",
                reason,
                f"{_CACHE}.LogDeliveryConfigurations",
                "InvalidParameterValue",
            )
    yield from _hardware(resource, "nodeType", "cache.", account)
    yield from _groups(
        resource, account, "aws:elasticache/subnetGroup:SubnetGroup", "subnetGroupName", "securityGroupIds"
    )
    yield from _windows(resource, "snapshotWindow", f"{_CACHE}.SnapshotWindow")
    yield from _family(
        resource, account, "aws:elasticache/parameterGroup:ParameterGroup", value(resource, "engine")
    )


def _secret_version(resource: Resource, _: Account) -> Iterator[Refusal]:
    given = [name for name in ("secretString", "secretBinary", "secretStringWo") if value(resource, name)]
    if len(given) != 1:
        reason = f"a version holds exactly one of string and binary, not {', '.join(given) or 'none'}"
        yield Refusal("secretString", reason, "moto secretsmanager", "InvalidParameterException")


CREATING: Rules = {
    _INSTANCE: [_instance],
    "aws:rds/subnetGroup:SubnetGroup": [_database_subnets],
    "aws:elasticache/subnetGroup:SubnetGroup": [_cache_subnets],
    "aws:elasticache/replicationGroup:ReplicationGroup": [_cache],
    "aws:secretsmanager/secretVersion:SecretVersion": [_secret_version],
}
DELETING: Rules = {_INSTANCE: [_instance_deleted]}
