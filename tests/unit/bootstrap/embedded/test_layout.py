from ipaddress import IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.addresses import CLUSTERS
from bootstrap.embedded.layout import NAME, Layout, subnet
from bootstrap.errors import ColonnadeError

NAMES = st.from_regex(NAME, fullmatch=True)


@pytest.mark.parametrize("name", ["", "A", "1a", "a_b", "a-", "-a", "a" * 21, "a/b", "ä", "a\n", ".."])
def test_bad_names_are_refused_with_a_fix(name: str) -> None:
    with pytest.raises(ColonnadeError, match="is not valid; fix: use 1 to 20 characters"):
        Layout(name)


@given(NAMES)
def test_names_fit_everywhere(name: str) -> None:
    layout = Layout(name)
    assert len(layout.host_interface) <= 15
    assert len(layout.full_name) <= 63
    assert layout.subnet.subnet_of(CLUSTERS)
    assert layout.subnet.prefixlen == 30
    assert len({layout.host_address, layout.address}) == 2


def test_addresses_never_move() -> None:
    assert subnet("local") == IPv4Network("198.19.196.64/30")
    assert Layout("local").registry == "198.19.196.66:5000"
    assert Layout("local").domain == "local.colonnade.internal"


def test_clusters_share_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLONNADE_STATE", "/s")
    one, other = Layout("one"), Layout("other")
    for attribute in (
        "state",
        "full_name",
        "domain",
        "host_interface",
        "subnet",
        "netns",
        "containerd_socket",
    ):
        assert getattr(one, attribute) != getattr(other, attribute)
    assert one.state == Path("/s/clusters/one")


def test_long_state_directory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLONNADE_STATE", "/" + "x" * 80)
    with pytest.raises(ColonnadeError, match=r"too long.*set COLONNADE_STATE to a shorter path"):
        Layout("trial")
