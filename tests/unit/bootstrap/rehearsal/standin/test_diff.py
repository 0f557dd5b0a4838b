from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.rehearsal.standin.cloud import Cloud
from bootstrap.rehearsal.standin.diff import UnknownBehaviourError, _parse, _written, compare

from .conftest import BUCKET, POOL, SUBNET, VPC


def kinds(
    cloud: Cloud, token: str, old: dict[str, Any], new: dict[str, Any], *ignored: str
) -> dict[str, str]:
    found = compare(token, cloud.types[token], old, new, ignored)
    return {change.path: change.kind for change in found.changes}


def test_equal_inputs_differ_in_nothing(cloud: Cloud) -> None:
    inputs = {"cidrBlock": "a", "tags": {"x": "y"}, "__internal": 1}
    assert kinds(cloud, VPC, inputs, inputs | {"__internal": 2, "enableDnsSupport": None}) == {}


def test_behaviour_follows_the_table_down_to_each_leaf(cloud: Cloud) -> None:
    old = {"cidrBlock": "a", "tags": {"x": "y", "z": "1"}}
    new = {"cidrBlock": "b", "tags": {"x": "n", "a/b.c": "2"}, "enableDnsSupport": False}
    assert kinds(cloud, VPC, old, new) == {
        "cidrBlock": "UPDATE_REPLACE",
        'tags["a/b.c"]': "ADD",
        "tags.x": "UPDATE",
        "tags.z": "DELETE",
        "enableDnsSupport": "ADD",
    }


def test_the_most_specific_entry_of_the_table_decides(cloud: Cloud) -> None:
    old = {"scalingConfig": {"minSize": 0, "maxSize": 1}}
    assert kinds(cloud, POOL, old, {"scalingConfig": {"minSize": 1, "maxSize": 2}}) == {
        "scalingConfig.maxSize": "UPDATE",
        "scalingConfig.minSize": "UPDATE_REPLACE",
    }


def test_a_property_of_no_list_is_an_error_that_names_the_row_to_add(cloud: Cloud) -> None:
    with pytest.raises(
        UnknownBehaviourError, match=r"NodeGroup: subnetIds\[1\] changed.* add subnetIds to its"
    ):
        kinds(cloud, POOL, {"subnetIds": ["a", "b"]}, {"subnetIds": ["a", "c"]})


@pytest.mark.parametrize(
    "ignored",
    ["scalingConfig.desiredSize", "scalingConfig", 'scalingConfig["desiredSize"]', "scalingConfig.*", "*"],
)
def test_ignored_paths_do_not_count(cloud: Cloud, ignored: str) -> None:
    old, new = {"scalingConfig": {"desiredSize": 3}}, {"scalingConfig": {"desiredSize": 1}}
    assert kinds(cloud, POOL, old, new) == {"scalingConfig.desiredSize": "UPDATE"}
    assert kinds(cloud, POOL, old, new, ignored) == {}


def test_ignoring_one_path_leaves_its_neighbours(cloud: Cloud) -> None:
    old, new = {"tags": {"a": "1", "ab": "1"}}, {"tags": {"a": "2", "ab": "2"}}
    assert kinds(cloud, VPC, old, new, "tags.a") == {"tags.ab": "UPDATE"}


def test_the_old_goes_first_where_both_cannot_live(cloud: Cloud) -> None:
    def first(token: str, old: dict[str, Any], new: dict[str, Any]) -> bool:
        return compare(token, cloud.types[token], old, new).delete_first

    assert first(BUCKET, {"bucket": "b"}, {"bucket": "b", "objectLockEnabled": True})
    assert not first(BUCKET, {"bucket": "b"}, {"bucket": "c"})
    assert not first(BUCKET, {"bucket": "b"}, {"bucket": "b", "forceDestroy": True})
    assert not first(SUBNET, {"vpcId": "a"}, {"vpcId": "b"})


_STEPS = st.one_of(
    st.integers(0, 99), st.text(st.characters(exclude_characters='\\*"[]', codec="utf-8"), min_size=1)
)


@given(st.tuples(st.from_regex(r"[a-z][A-Za-z]*", fullmatch=True)), st.lists(_STEPS))
def test_paths_survive_being_written(first: tuple[str], rest: list[str | int]) -> None:
    path = (*first, *rest)
    assert _parse(_written(path)) == path
