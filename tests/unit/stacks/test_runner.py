"""A private cluster is refused from a machine that would never reach it."""

from hypothesis import given
from hypothesis import strategies as st

from stacks.runner import WAYS, outside


def test_a_machine_inside_or_joined_reaches_a_private_cluster() -> None:
    assert outside(["10.64.3.4"], "10.64.0.0/16", [], []) is None
    assert outside(["fe80::1", "192.168.1.2"], "10.64.0.0/16", ["192.168.0.0/16"], []) is None


def test_a_machine_outside_is_told_before_the_first_up() -> None:
    fault = outside(["fe80::1", "192.168.1.2"], "10.64.0.0/16", ["10.0.0.0/20"], [])
    assert fault is not None
    assert "10.64.0.0/16, 10.0.0.0/20" in fault
    for way in ("runner", "VPN", "allow-list"):
        assert way in WAYS


@given(st.lists(st.ip_addresses(v=4).map(str)))
def test_with_an_allow_list_only_the_api_server_knows(addresses: list[str]) -> None:
    assert outside(addresses, "10.64.0.0/16", [], ["198.51.100.0/24"]) is None
