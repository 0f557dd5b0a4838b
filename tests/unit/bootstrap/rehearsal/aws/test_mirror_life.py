"""From the first to the last resource: moto holds what the account holds, and in the end nothing."""

import os
from pathlib import Path

import pytest

from bootstrap.rehearsal.aws import aws
from bootstrap.rehearsal.aws.copies import COPIES
from bootstrap.rehearsal.aws.mirror import Mirror
from bootstrap.rehearsal.standin.account import Store
from bootstrap.rehearsal.standin.operations import Operations
from tests.unit.bootstrap.rehearsal.aws import conftest
from tests.unit.bootstrap.rehearsal.aws.conftest import ACCOUNT, REGION, WORLD, Engine


def test_nothing_is_left_once_all_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(os.environ)
    with Mirror(ACCOUNT, REGION).serving() as mirror:
        monkeypatch.setattr(conftest, "CLOUD", aws([mirror]))
        engine = Engine(tmp_path / "account.sqlite", {}, {})
        made = [name for name, entry in WORLD.items() if entry["type"] in COPIES]
        for name in made:
            engine.create(name, WORLD[name]["type"], WORLD[name]["inputs"])
        assert len(mirror.client("ec2", REGION).describe_vpcs()["Vpcs"]) == 3
        for name in reversed(made):
            engine.delete(name)
        engine.account.close()
        ec2, iam = mirror.client("ec2", REGION), mirror.client("iam", REGION)
        # An account has a VPC of its own from the beginning.
        assert [vpc["IsDefault"] for vpc in ec2.describe_vpcs()["Vpcs"]] == [True]
        assert iam.list_roles()["Roles"] == []
        assert mirror.client("s3", REGION).list_buckets()["Buckets"] == []
        assert mirror.client("eks", REGION).list_clusters()["clusters"] == []
    assert dict(os.environ) == before


def test_account_that_outlived_its_process_is_repeated(tmp_path: Path) -> None:
    account, vpc = Store(aws(), "111122223333", REGION, tmp_path / "account.sqlite"), "aws:ec2/vpc:Vpc"
    made = Operations(account).create(vpc, {"cidrBlock": "10.64.0.0/16"}, {})
    with Mirror(account.id, REGION).serving() as mirror:
        mirror.replay(account.living(), account)
        (found,) = mirror.client("ec2", REGION).describe_vpcs(VpcIds=[made.id])["Vpcs"]
    assert found["OwnerId"] == "111122223333"
    account.close()
