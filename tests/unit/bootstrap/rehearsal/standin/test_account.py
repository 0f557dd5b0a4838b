from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bootstrap.rehearsal.standin.account import Store
from bootstrap.rehearsal.standin.cloud import Cloud
from bootstrap.rehearsal.standin.model import UNKNOWN, Resource

from .conftest import BUCKET, POOL, SUBNET, VPC


def vpc(id: str) -> Resource:
    return Resource(VPC, id, {"cidrBlock": "10.0.0.0/16"}, {"cidrBlock": "10.0.0.0/16", "arn": f"arn:{id}"})


def subnet(id: str, home: str) -> Resource:
    return Resource(SUBNET, id, {"vpcId": home}, {"vpcId": home})


def test_resources_come_back_in_the_order_of_their_making(account: Store) -> None:
    for id in ("b", "a", "c"):
        account.add(vpc(id))
    account.add(vpc("a"))
    assert [resource.id for resource in account.all(VPC)] == ["b", "a", "c"]
    assert account.get(VPC, "a") == vpc("a")
    assert account.get(SUBNET, "a") is None
    assert account.get(VPC, UNKNOWN) is None
    assert account.living() == account.all(VPC)


def test_the_file_outlives_who_opened_it(cloud: Cloud, tmp_path: Path) -> None:
    first = Store(cloud, "1", "r", tmp_path / "account.sqlite")
    first.add(vpc("a"))
    first.close()
    second = Store(cloud, "1", "r", tmp_path / "account.sqlite")
    assert second.all(VPC) == [vpc("a")]
    second.close()


def test_resources_are_found_by_an_output(account: Store) -> None:
    account.add(Resource(VPC, "a", {}, {"x": [{"y": "1"}, {"y": "2"}]}))
    assert [found.id for found in account.find(VPC, "x[].y", "2")] == ["a"]
    assert account.find(VPC, "x[].y", "3") == []


def test_referrers_are_found_by_id_output_and_template(account: Store) -> None:
    account.add(vpc("a"))
    account.add(subnet("s", "a"))
    account.add(subnet("t", "b"))
    bucket = Resource(BUCKET, "b", {}, {"arn": "arn:b"})
    account.add(bucket)
    account.add(Resource(SUBNET, "u", {"vpcId": "b", "outpostArn": "arn:b/outpost"}, {}))
    account.add(Resource(POOL, "p", {"subnetIds": ["t", "s"], "launchTemplate": {"name": "arn:b"}}, {}))
    assert [(found.id, path) for found, path in account.referrers(vpc("a"))] == [("s", "vpcId")]
    assert [(f.id, path) for f, path in account.referrers(subnet("s", "a"))] == [("p", "subnetIds[1]")]
    # What the pool says of its launch template is weak.
    assert [(found.id, path) for found, path in account.referrers(bucket)] == [("u", "outpostArn")]


def test_drift_shows_in_what_the_program_gave_and_in_what_it_did_not(account: Store) -> None:
    inputs = {"scalingConfig": {"desiredSize": 1, "maxSize": 3}}
    account.add(Resource(POOL, "p", inputs, inputs | {"status": "ACTIVE"}), {"status": "ACTIVE"})
    drifted = account.drift(POOL, "p", "scalingConfig.desiredSize", 2)
    assert drifted.inputs == {"scalingConfig": {"desiredSize": 2, "maxSize": 3}}
    assert drifted.outputs == {"scalingConfig": {"desiredSize": 2, "maxSize": 3}, "status": "ACTIVE"}
    assert account.drift(POOL, "p", "status", "DEGRADED").inputs == drifted.inputs
    assert account.computed(drifted) == {"status": "DEGRADED"}
    with pytest.raises(KeyError, match="q does not live"):
        account.drift(POOL, "q", "status", "x")


def test_tags_are_all_of_them(account: Store) -> None:
    tagged = Resource(VPC, "a", {}, {"tags": {"a": "b"}, "tagsAll": {"a": "b", "c": "d"}})
    assert account.tags(tagged) == {"a": "b", "c": "d"}
    assert account.tags(vpc("a")) == {}


def test_a_transaction_that_fails_leaves_nothing(account: Store) -> None:
    def fails() -> None:
        with account.transaction():
            account.add(vpc("a"))
            account.add(vpc("b"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert account.living() == []
    account.add(vpc("c"))
    assert account.living() == [vpc("c")]


def test_threads_may_share_an_account(account: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: account.add(vpc(str(number))), range(64)))
    assert {resource.id for resource in account.all(VPC)} == {str(number) for number in range(64)}
