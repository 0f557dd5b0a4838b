"""Whether this machine can put something on a cluster that is private, asked before the first `up`."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, ip_address
from typing import Final

WAYS: Final = (
    "run it from a runner inside the network, or through a VPN whose networks are in "
    "network.connected_cidrs, or put this machine's public address on the allow-list network.allowed_cidrs"
)


def outside(
    addresses: Iterable[str], cidr: str, connected_cidrs: Sequence[str], allowed_cidrs: Sequence[str]
) -> str | None:
    """Returns why a machine will not reach the API server of a network, None where it may.

    A cluster with an allow-list has a public endpoint, and which address the world sees of this machine is
    not known here; that, the program finds out once there is an API server.

    Args:
        addresses: Addresses of this machine.
        cidr: The network of the cluster.
        connected_cidrs: Networks joined to it.
        allowed_cidrs: Networks on the allow-list.
    """
    networks = [IPv4Network(each) for each in (cidr, *connected_cidrs)]
    if allowed_cidrs or any(ip_address(it) in network for it in addresses for network in networks):
        return None
    inside = ", ".join((cidr, *connected_cidrs))
    return (
        f"the API server will be private, and no address of this machine is in {inside}: "
        "nothing could be put on the cluster from here"
    )
