"""The plan of addresses: which subnet has which block, as a pure function."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final

ZONES: Final = 3
PREFIXES: Final = range(16, 21)


class PlanError(ValueError):
    """A network that has no room for the subnets."""


@dataclass(frozen=True)
class Plan:
    """The blocks of each tier, one a zone, in the order of zones.

    Attributes:
        private: Nodes and pods, which take addresses of the network; a quarter of it for each zone.
        data: Databases and caches, a 64th of the network for each zone.
        public: NAT gateways, a 64th of the network for each zone.
    """

    private: tuple[str, ...]
    data: tuple[str, ...]
    public: tuple[str, ...]


def plan(cidr: str, zones: int) -> Plan:
    """Returns the blocks for a network; those of a zone stay the same whatever number of zones there is.

    The first three quarters are the zones' private blocks. The last quarter is cut in 16: three blocks for
    data, three for NAT gateways, the rest is kept free.

    Args:
        cidr: The network, /16 to /20.
        zones: Number of zones, 1 to 3.

    Raises:
        PlanError: The network or the number of zones does not fit.
    """
    try:
        network = IPv4Network(cidr)
    except ValueError as error:
        raise PlanError(f"network {cidr}: {error}") from error
    if network.prefixlen not in PREFIXES:
        raise PlanError(f"network {cidr}: give a prefix from /{PREFIXES[0]} to /{PREFIXES[-1]}")
    if not 1 <= zones <= ZONES:
        raise PlanError(f"{zones} zones: give 1 to {ZONES}")
    *private, rest = network.subnets(prefixlen_diff=2)
    small = list(rest.subnets(prefixlen_diff=4))
    # Blocks for data end where those for NAT gateways begin, so that a zone more moves none.
    return Plan(
        private=_text(private[:zones]),
        data=_text(small[:zones]),
        public=_text(small[ZONES : ZONES + zones]),
    )


def overlapping(cidr: str, others: Sequence[str]) -> list[str]:
    """Returns those of the others that share addresses with the network or with one before them."""
    taken, shared = [IPv4Network(cidr)], []
    for other in others:
        network = IPv4Network(other)
        if any(network.overlaps(each) for each in taken):
            shared.append(other)
        taken.append(network)
    return shared


def _text(blocks: list[IPv4Network]) -> tuple[str, ...]:
    return tuple(str(block) for block in blocks)
