"""The plan of addresses: every network gets blocks that fit, and none ever moves."""

from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.foundation.aws.plan import PREFIXES, ZONES, Plan, PlanError, overlapping, plan

NETWORKS = st.builds(
    lambda prefix, bits: str(IPv4Network((bits << (32 - prefix), prefix))),
    prefix := st.shared(st.sampled_from(PREFIXES), key="prefix"),
    prefix.flatmap(lambda length: st.integers(0, (1 << length) - 1)),
)
NUMBERS = st.integers(1, ZONES)


def blocks(found: Plan) -> list[IPv4Network]:
    return [IPv4Network(block) for block in (*found.private, *found.data, *found.public)]


@given(NETWORKS, NUMBERS)
def test_each_zone_has_a_block_of_each_tier_inside_the_network(cidr: str, zones: int) -> None:
    found = plan(cidr, zones)
    assert [len(tier) for tier in (found.private, found.data, found.public)] == [zones] * 3
    assert all(block.subnet_of(IPv4Network(cidr)) for block in blocks(found))


@given(NETWORKS, NUMBERS)
def test_no_two_blocks_share_an_address(cidr: str, zones: int) -> None:
    assert not any(one.overlaps(other) for one, other in combinations(blocks(plan(cidr, zones)), 2))


@given(NETWORKS, NUMBERS)
def test_blocks_are_of_sizes_that_aws_admits_and_pods_get_most(cidr: str, zones: int) -> None:
    found = plan(cidr, zones)
    assert all(16 <= block.prefixlen <= 28 for block in blocks(found))
    for private, data, public in zip(found.private, found.data, found.public, strict=True):
        assert IPv4Network(private).num_addresses * 4 == IPv4Network(cidr).num_addresses
        assert IPv4Network(data).num_addresses == IPv4Network(public).num_addresses >= 64


@given(NETWORKS, NUMBERS, NUMBERS)
def test_a_zone_keeps_its_blocks_whatever_number_of_zones_there_is(cidr: str, some: int, other: int) -> None:
    few, many = plan(cidr, min(some, other)), plan(cidr, max(some, other))
    for tier in ("private", "data", "public"):
        assert getattr(many, tier)[: min(some, other)] == getattr(few, tier)


@given(NETWORKS, NUMBERS)
def test_the_same_network_gives_the_same_plan(cidr: str, zones: int) -> None:
    assert plan(cidr, zones) == plan(cidr, zones)


def test_the_blocks_stay_as_they_are_from_release_to_release() -> None:
    assert plan("10.0.0.0/16", 3) == Plan(
        private=("10.0.0.0/18", "10.0.64.0/18", "10.0.128.0/18"),
        data=("10.0.192.0/22", "10.0.196.0/22", "10.0.200.0/22"),
        public=("10.0.204.0/22", "10.0.208.0/22", "10.0.212.0/22"),
    )
    assert plan("10.1.16.0/20", 1) == Plan(("10.1.16.0/22",), ("10.1.28.0/26",), ("10.1.28.192/26",))


@pytest.mark.parametrize(
    ("cidr", "zones", "reason"),
    [
        ("10.0.0.0/15", 3, "/16 to /20"),
        ("10.0.0.0/21", 3, "/16 to /20"),
        ("10.0.0.0/16", 0, "0 zones"),
        ("10.0.0.0/16", 4, "4 zones"),
        ("10.0.0.1/16", 3, "host bits"),
        ("10.0.0/16", 3, "network 10.0.0/16"),
    ],
)
def test_a_network_without_room_is_refused(cidr: str, zones: int, reason: str) -> None:
    with pytest.raises(PlanError, match=reason):
        plan(cidr, zones)


@pytest.mark.parametrize(
    ("others", "shared"),
    [
        ([], []),
        (["10.1.0.0/16", "192.168.0.0/24"], []),
        (["10.0.128.0/24"], ["10.0.128.0/24"]),
        (["10.0.0.0/8", "192.168.0.0/24"], ["10.0.0.0/8"]),
        (["192.168.0.0/16", "192.168.7.0/24"], ["192.168.7.0/24"]),
    ],
)
def test_networks_that_share_addresses_are_found(others: list[str], shared: list[str]) -> None:
    assert overlapping("10.0.0.0/16", others) == shared
