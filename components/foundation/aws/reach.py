"""Whether the API server can be reached from here, asked before anything of it is touched."""

import time
from collections.abc import Sequence
from http.client import HTTPConnection
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import pulumi

_ATTEMPTS: Final = 3
_SECONDS: Final = 10.0
_PORT: Final = 443


class UnreachableError(pulumi.RunError):
    """The API server does not answer from here. The engine prints the text of a `RunError`, no traceback."""


def reachable(
    endpoint: str,
    cluster: str,
    region: str,
    allowed_cidrs: Sequence[str] = (),
    attempts: int = _ATTEMPTS,
    seconds: float = _SECONDS,
) -> str:
    """Returns the endpoint once it takes a connection, through a proxy where this machine uses one.

    Everything on the cluster goes by the endpoint that this returns, so that a program in which it fails has
    touched nothing there and says so once.

    Args:
        endpoint: URL of the API server.
        cluster: Name of the cluster.
        region: Its region.
        allowed_cidrs: Networks on the allow-list.
        attempts: How often to try; a cluster just made may not be in DNS yet.
        seconds: How long to wait for each answer.

    Raises:
        UnreachableError: It takes none.
    """
    problem: OSError | None = None
    for attempt in range(attempts):
        time.sleep(min(attempt, 1))
        try:
            _connect(endpoint, seconds)
        except OSError as error:
            problem = error
        else:
            return endpoint
    raise UnreachableError(
        f"the API server of cluster {cluster}, {endpoint}, cannot be reached from here ({problem}), so "
        f"nothing on it was touched; fix: {_fix(cluster, region, allowed_cidrs)}"
    )


def _connect(endpoint: str, seconds: float) -> None:
    """Opens a connection as clients of Kubernetes would, and closes it."""
    parts = urlsplit(endpoint)
    host, port = str(parts.hostname), parts.port or _PORT
    if proxy := _proxy(host):
        through = urlsplit(proxy if "//" in proxy else f"//{proxy}")
        connection = HTTPConnection(str(through.hostname), through.port or 80, timeout=seconds)
        connection.set_tunnel(host, port)
    else:
        connection = HTTPConnection(host, port, timeout=seconds)
    try:
        connection.connect()
    finally:
        connection.close()


def _proxy(host: str) -> str | None:
    """Returns the proxy through which clients of Kubernetes reach a host; one given by address is near."""
    try:
        ip_address(host)
    except ValueError:
        return None if proxy_bypass(host) else getproxies().get("https")
    return None


_WAYS: Final = (
    "run it from a runner inside the network, or through a VPN whose networks are in "
    "network.connected_cidrs, or put this machine's public address on the allow-list network.allowed_cidrs"
)


def _fix(cluster: str, region: str, allowed_cidrs: Sequence[str]) -> str:
    if not allowed_cidrs:
        return _WAYS
    # Nobody who is shut out can let himself in by `up`, which needs the API server for all the rest. AWS
    # changes the list without it, and `up` then finds it as it is wanted.
    return (
        f"{_WAYS}; a list that changed since the last `up` takes effect by: aws eks update-cluster-config "
        f"--region {region} --name {cluster} --resources-vpc-config "
        f"endpointPublicAccess=true,publicAccessCidrs={','.join(allowed_cidrs)}"
    )
