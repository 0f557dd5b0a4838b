import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.rehearsal.aws import sources
from bootstrap.rehearsal.aws.validators import VALIDATORS
from components import naming

RIGHT_AND_WRONG: dict[str, tuple[list[Any], list[Any]]] = {
    "access-policy": (
        ["arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"],
        ["arn:aws:eks::aws:cluster-access-policy/Admin", "AmazonEKSClusterAdminPolicy"],
    ),
    "account-id": (["123456789012"], ["12345678901", "account"]),
    "addon-name": (["vpc-cni"], ["vpc_cni"]),
    "addon-version": (["v1.20.4-eksbuild.2"], ["1.20.4", "latest"]),
    "auth-token": (["a" * 16, "a" * 128, "!&#$^<>-aaaaaaaaa"], ["a" * 15, "a" * 129, "a" * 16 + "@"]),
    "backup-retention": ([0, 35, 7.0], [-1, 36, True]),
    "base64": (["IyEvYmluL3NoCg=="], ["#!/bin/sh", "abc"]),
    "bucket-name": (
        ["colonnade-lake", "abc"],
        ["ab", "a" * 64, "Lake", "-lake", "la.ke", "sthree-a", "lake-s3alias"],
    ),
    "cache-family": (["redis7", "valkey8", "redis6.x"], ["redis", "postgres17"]),
    "cache-node-type": (["cache.t4g.small"], ["cache.t4g.tiny", "m6g.large"]),
    "cache-nodes": ([1, 6], [0, 7]),
    "cidr": (["10.0.0.0/16"], ["10.0.0.1/16", "10.0.0.0/33", "ten"]),
    "daily-window": (["02:00-03:00"], ["2:00-3:00", "24:00-25:00"]),
    "database-class": (["db.m6g.large"], ["m6g.large", "db.m6g"]),
    "database-identifier": (["colonnade-dev"], ["1st", "a--b", "a-", "a" * 64]),
    "database-name": (["lakefs"], ["1st", "lake-fs"]),
    "database-password": (["twelve-chars"], ["seven77", "with/slash", "with space"]),
    "database-port": ([5432], [80, 70000]),
    "database-user": (["colonnade"], ["rdsadmin", "1st"]),
    "email": (["ml-platform@example.com"], ["ml-platform", "a b@example.com"]),
    "hop-limit": ([1, 64], [0, 65]),
    "https-url": (["https://a.example.com/id"], ["http://a.example.com", "https://a.example.com/?q"]),
    "iam-principal": (["arn:aws:iam::123456789012:role/ops"], ["arn:aws:iam::123456789012:group/ops", "ops"]),
    "image-id": (["ami-0123456789abcdef0"], ["ami-xyz", "0123456789abcdef0"]),
    "insights-retention": ([7, 731, 93], [8, 94]),
    "instance-type": (["g6.2xlarge", "u-6tb1.metal"], ["g6", "G6.large"]),
    "job-name": (["lake"], [""]),
    "json": (['{"a": 1}'], ["{"]),
    "key-alias": (["alias/lake"], ["lake", "alias/aws/lake", "alias/a b"]),
    "key-deletion-window": ([7, 30], [6, 31]),
    "kubernetes-version": (["1.34"], ["1.19", "1.34.1"]),
    "load-balancer-name": (["edge"], ["internal-edge", "edge-", "a" * 33]),
    "log-retention": ([0, 90, 3653.0], [91, -1]),
    "node-group-name": (["gpu-spot"], ["-gpu", "a" * 64]),
    "parameter-family": (["postgres17"], ["postgresql17"]),
    "parameter-group-name": (["postgres17-tls"], ["17", "a--b"]),
    "percentage": ([1, 100], [0, 101]),
    "port": ([-1, 443, 65535], [65536]),
    "record-name": (["*.ml.example.com", "_a.example.com."], ["a..b", "a b"]),
    "recovery-window": ([0, 7, 30], [1, 31]),
    "replication-group-id": (["colonnade"], ["a" * 41, "a--b"]),
    "secret-name": (["colonnade/mlflow"], ["a b", ""]),
    "security-group-name": (["endpoints"], ["sg-endpoints", "a" * 256, "übrig"]),
    "security-group-text": (["From the VPC, to 443"], ["Naïve", "a" * 256]),
    "service-cidr": (["172.20.0.0/16"], ["172.20.0.0/11", "8.8.0.0/16"]),
    "snapshot-identifier": (["last"], ["last-", "1st"]),
    "subnet-group-name": (["colonnade"], ["default", "Colonnade"]),
    "thumbprint": (["a" * 40], ["a" * 39]),
    "topic-name": (["alerts"], ["a b"]),
    "trail-name": (["colonnade"], ["ab", "-abc", "a--b"]),
    "volume-size": ([1, 65536], [0, 65537]),
    "vpc-cidr": (["10.0.0.0/16", "10.0.0.0/28"], ["10.0.0.0/15", "10.0.0.0/29"]),
    "weekly-window": (
        ["sun:03:30-sun:04:30", "Mon:00:00-Mon:01:00"],
        ["sunday:03:30-04:30", "sun:3:30-sun:4:30"],
    ),
    "zone-name": (["ml.example.com"], ["com", "a b.com"]),
    "botocore:eks.CreateNodegroup.scalingConfig.maxSize": ([1], [0]),
    "botocore:ecr.CreateRepository.imageTagMutability": (["IMMUTABLE"], ["FIXED"]),
    "botocore:autoscaling.CreateOrUpdateTags.Tags.Key": (
        ["k8s.io/cluster-autoscaler/enabled", "🏛"],
        ["", "a\x01"],
    ),
    "botocore:budgets.CreateBudget.Budget.BudgetName": (["platform"], ["a:b", "<SCRIPT></script>"]),
    "botocore:iam.CreateRole.Description": (["Reads the lake"], ["a" * 1001]),
    "botocore:iam.CreateRole.Path": (["/", "/colonnade/"], ["colonnade", "/a b/"]),
    "botocore:route53.CreateHostedZone.HostedZoneConfig.Comment": (["x"], ["a" * 257]),
}
POLICIES = {"identity-policy", "image-lifecycle", "key-policy", "resource-policy", "trust-policy"}


def test_every_validator_has_a_case() -> None:
    assert set(VALIDATORS) == {name for name in RIGHT_AND_WRONG if ":" not in name} | POLICIES


@pytest.mark.parametrize("name", RIGHT_AND_WRONG)
def test_what_is_right_passes_and_what_is_wrong_is_refused_with_a_reason(name: str) -> None:
    right, wrong = RIGHT_AND_WRONG[name]
    for value in right:
        assert VALIDATORS[name](value) is None
    for value in wrong:
        assert VALIDATORS[name](value)


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_a_block_is_what_the_standard_library_takes_for_one(
    address: ipaddress.IPv4Address, length: int
) -> None:
    block = ipaddress.ip_network((address, length), strict=False)
    assert VALIDATORS["cidr"](str(block)) is None
    assert (VALIDATORS["vpc-cidr"](str(block)) is None) is (16 <= length <= 28)
    if block.network_address != address:
        assert VALIDATORS["cidr"](f"{address}/{length}")


@pytest.mark.parametrize(
    ("kind", "validator"),
    [
        ("aws-iam-role", "botocore:iam.CreateRole.RoleName"),
        ("aws-rds", "database-identifier"),
        ("s3-bucket", "bucket-name"),
    ],
)
@given(words=st.lists(st.text("abcXYZ019-_ é", min_size=1, max_size=30), min_size=1, max_size=4))
def test_our_names_are_names_that_aws_takes(kind: str, validator: str, words: list[str]) -> None:
    try:
        name = naming.physical(kind, *words)
    except naming.NamingError:
        return
    assert VALIDATORS[validator](name) is None


def test_sources_that_lack_something_say_so() -> None:
    for path, reason in (
        ("ian.CreateRole.RoleName", "no service 'ian'"),
        ("iam.MakeRole.RoleName", "no operation 'MakeRole'"),
        ("iam.CreateRole.Rolename", "no 'Rolename'"),
    ):
        with pytest.raises(LookupError, match=reason):
            sources.shape(path)
    with pytest.raises(LookupError, match="holds nothing like"):
        sources.documented("iam.CreateRole.RoleName", "zebra")
    with pytest.raises(LookupError, match="moon-1"):
        sources.instance_types("moon-1")
