"""Whether the API server can be reached from here, asked before anything of it is touched."""

import socket
import time
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Final
from urllib.parse import urlsplit

import pulumi

_ATTEMPTS: Final = 3
_SECONDS: Final = 10.0
FIX: Final = (
    "run it from a runner inside the network, or through a VPN whose networks are in "
    "network.connected_cidrs, or put this machine's public address on the allow-list network.allowed_cidrs"
)


class UnreachableError(pulumi.RunError):
    """The API server does not answer from here. The engine prints the text of a `RunError`, no traceback."""


def reachable(endpoint: str) -> str:
    """Returns the endpoint once it takes a connection.

    Raises:
        UnreachableError: It does not, also after several attempts.
    """
    parts = urlsplit(endpoint)
    host, port = str(parts.hostname), parts.port or 443
    problem: OSError | None = None
    for attempt in range(_ATTEMPTS):
        try:
            socket.create_connection((host, port), timeout=_SECONDS).close()
        except OSError as error:
            problem = error
            if attempt < _ATTEMPTS - 1:
                time.sleep(1)
        else:
            return endpoint
    raise UnreachableError(f"the API server {endpoint} cannot be reached from here ({problem}); fix: {FIX}")


def outside(
    addresses: Iterable[str], cidr: str, connected_cidrs: Sequence[str], allowed_cidrs: Sequence[str]
) -> str | None:
    """Returns why a machine will not reach the API server of a network, None where it may.

    A cluster with an allow-list has a public endpoint, and which address the world sees of this machine is
    not known here; that is for `reachable` to find out.

    Args:
        addresses: Addresses of this machine.
        cidr: The network of the cluster.
        connected_cidrs: Networks joined to it.
        allowed_cidrs: Networks on the allow-list.
    """
    networks = [IPv4Network(each) for each in (cidr, *connected_cidrs)]
    if allowed_cidrs or any(IPv4Address(it) in network for it in addresses for network in networks):
        return None
    inside = ", ".join((cidr, *connected_cidrs))
    return (
        f"the API server will be private, and no address of this machine is in {inside}: "
        "nothing could be put on the cluster from here"
    )
