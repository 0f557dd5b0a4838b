"""Whether one value is what AWS accepts: each validator returns the reason against it, or None."""

import base64
import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import yaml

from bootstrap.rehearsal.aws import policies, sources
from bootstrap.rehearsal.standin.cloud import Validator

_BOTOCORE = "botocore:"


@cache
def limits() -> Mapping[str, Any]:
    """Returns what AWS publishes in prose: by subject, the values and the source."""
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("limits.yaml").read_text())
    return loaded


def _matches(pattern: str, meaning: str, source: str, value: Any) -> str | None:
    if isinstance(value, str) and re.fullmatch(pattern, value):
        return None
    return f"{value!r} is no {meaning} ({source})"


def _within(least: int, most: int, meaning: str, source: str, value: Any) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
        return None
    return f"{value!r} is outside {least} to {most} for {meaning} ({source})"


def _listed(subject: str, value: Any) -> str | None:
    known = limits()[subject]
    if value in known["values"]:
        return None
    return f"{value!r} is none of {', '.join(known['values'])} ({known['source']})"


def _shaped(path: str, value: Any) -> str | None:
    """Compares with what botocore's model of the input says: pattern, length, range, enumeration."""
    shape = sources.shape(path)
    rules, source = shape.metadata, f"botocore {path}"
    if isinstance(value, str):
        if "enum" in rules and value not in rules["enum"]:
            return f"{value!r} is none of {', '.join(rules['enum'])} ({source})"
        if len(value) < rules.get("min", 0) or len(value) > rules.get("max", len(value)):
            bounds = f"{rules.get('min', 0)} to {rules.get('max', 'any number of')}"
            return f"{value!r} has {len(value)} characters, not {bounds} ({source})"
        if "pattern" in rules and not re.fullmatch(_python(rules["pattern"]), value):
            return f"{value!r} does not match {rules['pattern']} ({source})"
    elif isinstance(value, int | float) and not (rules.get("min", value) <= value <= rules.get("max", value)):
        least, most = rules.get("min", "any"), rules.get("max", "any")
        return f"{value!r} is outside {least} to {most} ({source})"
    return None


@cache
def _python(pattern: str) -> re.Pattern[str]:
    """Returns one of the models' expressions, which are Java's, as one of Python's."""
    for java, python in (
        (r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"),  # pairs that stand for one character
        (r"(?i).*<script>.*</script>.*", r"(?i:.*<script>.*</script>.*)"),
    ):
        pattern = pattern.replace(java, python)
    return re.compile(pattern, re.DOTALL)


def _cidr(value: Any) -> str | None:
    try:
        ipaddress.ip_network(value)
    except (TypeError, ValueError) as error:
        return f"{value!r} is no CIDR block: {error}"
    return None


def _cidr_between(shortest: int, longest: int, source: str, value: Any) -> str | None:
    reason = _cidr(value)
    if reason is None and not shortest <= ipaddress.ip_network(value).prefixlen <= longest:
        return f"{value!r} is not between /{shortest} and /{longest} ({source})"
    return reason


def _service_cidr(value: Any) -> str | None:
    reason = _cidr_between(12, 24, "botocore eks KubernetesNetworkConfigRequest.serviceIpv4Cidr", value)
    if reason is None and not ipaddress.ip_network(value).is_private:
        return f"{value!r} is no private block (botocore eks KubernetesNetworkConfigRequest.serviceIpv4Cidr)"
    return reason


def _bucket_name(value: Any) -> str | None:
    source = "docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"
    if reason := _matches(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "bucket name", source, value):
        return reason
    if "." in value:
        # A dot keeps the wildcard certificate of S3 from matching, and some features refuse it.
        return f"{value!r} holds a dot, so that TLS to it fails ({source})"
    for affix in ("xn--", "sthree-", "amzn-s3-demo-"):
        if value.startswith(affix):
            return f"{value!r} starts with the reserved {affix!r} ({source})"
    for affix in ("-s3alias", "--ol-s3", "--x-s3", "--table-s3"):
        if value.endswith(affix):
            return f"{value!r} ends in the reserved {affix!r} ({source})"
    return None


def _identifier(length: int, meaning: str, source: str, value: Any) -> str | None:
    """Letters, digits, single hyphens; a letter first, no hyphen last."""
    return _matches(rf"(?=.{{1,{length}}}$)[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*", meaning, source, value)


def _key_alias(value: Any) -> str | None:
    if not (isinstance(value, str) and value.startswith("alias/")):
        return f"{value!r} does not begin with 'alias/' (botocore kms.CreateAlias.AliasName)"
    if value.startswith("alias/aws/"):
        return f"{value!r}: 'alias/aws/' is reserved for keys that AWS manages (botocore kms.CreateAlias)"
    return _shaped("kms.CreateAlias.AliasName", value)


def _log_retention(value: Any) -> str | None:
    path = "logs.PutRetentionPolicy.retentionInDays"
    days = sources.documented(path, r"\b\d+\b")
    if value == 0 or f"{value:.0f}" in days:
        return None
    return f"{value!r} is none of {', '.join(sorted(days, key=int))} (botocore {path})"


def _cache_node(value: Any) -> str | None:
    path = "elasticache.CreateReplicationGroup.CacheNodeType"
    if value in sources.documented(path, r"cache\.[a-z0-9]+\.[a-z0-9]+"):
        return None
    return f"{value!r} is no node type of ElastiCache (botocore {path})"


def _insights_retention(value: Any) -> str | None:
    if value in {7, 731, *(31 * months for months in range(1, 24))}:
        return None
    source = "botocore rds.CreateDBInstance.PerformanceInsightsRetentionPeriod"
    return f"{value!r} is neither 7, nor 731, nor 1 to 23 months of 31 days ({source})"


def _weekly_window(value: Any) -> str | None:
    day = "(mon|tue|wed|thu|fri|sat|sun)"
    time = r"([01]\d|2[0-3]):[0-5]\d"
    source = "botocore rds.CreateDBInstance.PreferredMaintenanceWindow"
    return _matches(rf"(?i:{day}:{time}-{day}:{time})", "weekly window ddd:hh:mm-ddd:hh:mm", source, value)


def _base64(value: Any) -> str | None:
    try:
        base64.b64decode(value, validate=True)
    except ValueError as error:
        return f"is not base64: {error} (botocore ec2 RequestLaunchTemplateData.UserData)"
    return None


def _json(value: Any) -> str | None:
    try:
        json.loads(value)
    except ValueError as error:
        return f"is not JSON: {error}"
    return None


def _access_policy(value: Any) -> str | None:
    prefix, _, name = str(value).rpartition("/")
    if re.fullmatch(r"arn:aws[a-z-]*:eks::aws:cluster-access-policy", prefix):
        return _listed("access-policies", name)
    return f"{value!r} is no ARN of an EKS access policy ({limits()['access-policies']['source']})"


_EC2 = "botocore ec2"
_RDS = "botocore rds.CreateDBInstance"
_CACHE = "botocore elasticache.CreateReplicationGroup"
_ARN = r"arn:aws[a-z-]*:iam::\d{12}:"
_SECONDS = r"([01]\d|2[0-3]):[0-5]\d"

_NAMED: Mapping[str, Validator] = {
    "access-policy": _access_policy,
    "account-id": partial(_matches, r"\d{12}", "account", "botocore organizations AccountId"),
    "addon-name": partial(_listed, "addons"),
    "addon-version": partial(
        _matches, r"v\d+\.\d+\.\d+-eksbuild\.\d+", "add-on version", "botocore eks.DescribeAddonVersions"
    ),
    "auth-token": partial(
        _matches, r"[A-Za-z0-9!&#$^<>-]{16,128}", "AUTH token of 16 to 128 characters", f"{_CACHE}.AuthToken"
    ),
    "backup-retention": partial(_within, 0, 35, "days of backups", f"{_RDS}.BackupRetentionPeriod"),
    "base64": _base64,
    "bucket-name": _bucket_name,
    "cache-family": partial(
        _matches, r"redis[67](\.x)?|redis5\.0|valkey[78]|memcached1\.6", "family", f"{_CACHE}.Engine"
    ),
    "cache-node-type": _cache_node,
    "cache-nodes": partial(_within, 1, 6, "nodes", f"{_CACHE}.NumCacheClusters"),
    "cidr": _cidr,
    "daily-window": partial(
        _matches, f"{_SECONDS}-{_SECONDS}", "daily window hh:mm-hh:mm", f"{_RDS}.PreferredBackupWindow"
    ),
    "database-class": partial(
        _matches, r"db\.[a-z0-9-]+\.[a-z0-9-]+", "instance class", f"{_RDS}.DBInstanceClass"
    ),
    "database-identifier": partial(_identifier, 63, "identifier", f"{_RDS}.DBInstanceIdentifier"),
    "database-name": partial(_matches, r"[A-Za-z][A-Za-z0-9_]{0,62}", "database name", f"{_RDS}.DBName"),
    "database-password": partial(
        _matches,
        r'(?=[ -~]{8,128}$)[^/"@ ]+',
        "password of 8 to 128 characters",
        f"{_RDS}.MasterUserPassword",
    ),
    "database-port": partial(_within, 1150, 65535, "the port", f"{_RDS}.Port"),
    "database-user": partial(
        _matches,
        r"(?!(admin|postgres_?fdw|rdsadmin)$)[A-Za-z][A-Za-z0-9_]{0,62}",
        "master user",
        f"{_RDS}.MasterUsername",
    ),
    "email": partial(_matches, r"[^\s@]+@[^\s@]+\.[^\s@]+", "address", "botocore budgets Subscriber.Address"),
    "hop-limit": partial(_within, 1, 64, "hops", f"{_EC2} LaunchTemplateInstanceMetadataOptionsRequest"),
    "https-url": partial(
        _matches, r"https://[^\s?#]+", "URL", "botocore iam.CreateOpenIDConnectProvider.Url"
    ),
    "iam-principal": partial(
        _matches, _ARN + r"(role|user)/.+", "ARN of a role or user", "botocore eks.CreateAccessEntry"
    ),
    "identity-policy": policies.identity,
    "image-id": partial(_matches, r"ami-[0-9a-f]{8,17}|resolve:ssm:\S+", "AMI", f"{_EC2} ImageId"),
    "image-lifecycle": policies.image_lifecycle,
    "insights-retention": _insights_retention,
    "instance-type": partial(_matches, r"[a-z0-9-]+\.[a-z0-9-]+", "instance type", f"{_EC2} InstanceType"),
    "job-name": partial(_matches, r".{1,500}", "job name", "botocore macie2.CreateClassificationJob.name"),
    "json": _json,
    "key-alias": _key_alias,
    "key-deletion-window": partial(
        _within, 7, 30, "days of waiting", "botocore kms.ScheduleKeyDeletion.PendingWindowInDays"
    ),
    "key-policy": policies.key,
    "kubernetes-version": partial(_listed, "kubernetes-versions"),
    "load-balancer-name": partial(
        _matches,
        r"(?!internal-)[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?",
        "load balancer name",
        "botocore elbv2.CreateLoadBalancer.Name",
    ),
    "log-retention": _log_retention,
    "node-group-name": partial(
        _matches,
        r"[0-9A-Za-z][0-9A-Za-z_-]{0,62}",
        "node group name",
        "docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html",
    ),
    "parameter-family": partial(_listed, "parameter-families"),
    "parameter-group-name": partial(
        _identifier, 255, "parameter group name", "botocore rds.CreateDBParameterGroup.DBParameterGroupName"
    ),
    "percentage": partial(_within, 1, 100, "percent", "botocore macie2.CreateClassificationJob"),
    "port": partial(_within, -1, 65535, "a port", f"{_EC2} IpPermission.FromPort"),
    "record-name": partial(
        _matches,
        r"(?=.{1,255}$)(\*\.)?([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?",
        "DNS name",
        "RFC 1035",
    ),
    "recovery-window": lambda days: (
        None
        if days == 0
        else _within(7, 30, "days of recovery", "botocore secretsmanager.DeleteSecret", days)
    ),
    "replication-group-id": partial(_identifier, 40, "replication group id", f"{_CACHE}.ReplicationGroupId"),
    "resource-policy": policies.resource,
    "secret-name": partial(
        _matches, r"[A-Za-z0-9/_+=.@-]{1,512}", "secret name", "botocore secretsmanager.CreateSecret.Name"
    ),
    "security-group-name": partial(
        _matches,
        r"(?!sg-)[A-Za-z0-9 ._:/()#,@\[\]+=&;{}!$*-]{1,255}",
        "security group name",
        f"{_EC2}.CreateSecurityGroup.GroupName",
    ),
    "security-group-text": partial(
        _matches,
        r"[A-Za-z0-9 ._:/()#,@\[\]+=&;{}!$*-]{0,255}",
        "description",
        f"{_EC2}.CreateSecurityGroup.Description",
    ),
    "service-cidr": _service_cidr,
    "snapshot-identifier": partial(
        _identifier, 255, "snapshot identifier", "botocore rds.DeleteDBInstance.FinalDBSnapshotIdentifier"
    ),
    "subnet-group-name": partial(
        _matches,
        r"(?!default$)[a-z0-9 ._-]{1,255}",
        "subnet group name",
        "botocore rds.CreateDBSubnetGroup.DBSubnetGroupName",
    ),
    "thumbprint": partial(
        _matches, r"[0-9A-Fa-f]{40}", "thumbprint", "botocore iam.CreateOpenIDConnectProvider.ThumbprintList"
    ),
    "topic-name": partial(
        _matches, r"[A-Za-z0-9_-]{1,256}(\.fifo)?", "topic name", "botocore sns.CreateTopic.Name"
    ),
    "trail-name": partial(
        _matches,
        r"(?=.{3,128}$)[A-Za-z0-9]+([._-][A-Za-z0-9]+)*",
        "trail name",
        "botocore cloudtrail.CreateTrail.Name",
    ),
    "trust-policy": policies.trust,
    "volume-size": partial(_within, 1, 65536, "GiB of a volume", f"{_EC2} EbsBlockDevice.VolumeSize"),
    "vpc-cidr": partial(_cidr_between, 16, 28, f"{_EC2}.CreateVpc.CidrBlock"),
    "weekly-window": _weekly_window,
    "zone-name": partial(
        _matches, r"(?=.{1,255}$)([A-Za-z0-9_-]{1,63}\.)+[A-Za-z0-9-]{1,63}\.?", "zone name", "RFC 1035"
    ),
}


class _Validators(Mapping[str, Validator]):
    """The named ones, and `botocore:PATH` for each input that botocore describes."""

    def __getitem__(self, name: str) -> Validator:
        if not name.startswith(_BOTOCORE):
            return _NAMED[name]
        path = name.removeprefix(_BOTOCORE)
        sources.shape(path)  # a path that leads nowhere is an error now, not at the first value
        return partial(_shaped, path)

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMED)

    def __len__(self) -> int:
        return len(_NAMED)


VALIDATORS: Mapping[str, Validator] = _Validators()
