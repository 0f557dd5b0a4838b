"""Every name, address and path of a cluster, derived from the cluster's name alone."""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from bootstrap.addresses import CLUSTERS
from bootstrap.errors import ColonnadeError
from bootstrap.paths import state_root

NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?")

# Inside their own network namespaces clusters may share these.
SERVICES = IPv4Network("10.96.0.0/16")
API_SERVICE = IPv4Address("10.96.0.1")
DNS_SERVICE = IPv4Address("10.96.0.10")
PODS = IPv4Network("10.244.0.0/16")
NODE_PODS = IPv4Network("10.244.0.0/24")
POD_GATEWAY = IPv4Address("10.244.0.1")

# The kernel refuses longer paths of unix sockets.
SOCKET_PATH_LIMIT = 107


def check_name(name: str) -> str:
    """Returns the name unchanged.

    Raises:
        ColonnadeError: The name cannot serve as DNS label, interface, cgroup and file name at once.
    """
    if not NAME.fullmatch(name):
        raise ColonnadeError(
            f"cluster name {name!r} is not valid",
            "use 1 to 20 characters a-z, 0-9 and -, beginning with a letter and not ending with -",
        )
    return name


def subnet(name: str) -> IPv4Network:
    """Returns the four addresses between host and cluster; always the same for the same name."""
    blocks = CLUSTERS.num_addresses // 4
    index = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % blocks
    return IPv4Network((int(CLUSTERS.network_address) + 4 * index, 30))


@dataclass(frozen=True)
class Layout:
    """Where one cluster lives. Holds no state: two of the same name are the same.

    Raises:
        ColonnadeError: The name is not valid, or the state directory's path is too long for sockets.
    """

    name: str

    def __post_init__(self) -> None:
        check_name(self.name)
        longest = len(str(self.containerd_socket))
        if longest > SOCKET_PATH_LIMIT:
            raise ColonnadeError(
                f"state directory {self.state} is too long: a socket in it takes {longest} bytes of "
                f"{SOCKET_PATH_LIMIT}",
                "set COLONNADE_STATE to a shorter path",
            )

    @cached_property
    def state(self) -> Path:
        """Everything the cluster keeps; removing it forgets the cluster."""
        return state_root() / "clusters" / self.name

    @property
    def full_name(self) -> str:
        """The name of the network namespace, the node, the cgroup and the kubeconfig context."""
        return f"colonnade-{self.name}"

    @property
    def domain(self) -> str:
        """The DNS domain of the services that people reach from the host."""
        return f"{self.name}.colonnade.internal"

    @property
    def host_interface(self) -> str:
        """The host's end of the veth pair; interface names end at 15 bytes, hence the hash."""
        return f"col{hashlib.sha256(self.name.encode()).hexdigest()[:10]}"

    @cached_property
    def subnet(self) -> IPv4Network:
        """The network between host and node."""
        return subnet(self.name)

    @property
    def host_address(self) -> str:
        """The host's address on the way to the node."""
        return str(self.subnet[1])

    @property
    def address(self) -> str:
        """The node's address: API server, registry and edge answer there, to the host and to pods."""
        return str(self.subnet[2])

    @property
    def registry(self) -> str:
        """The registry's host and port; plain HTTP."""
        return f"{self.address}:5000"

    @property
    def netns(self) -> Path:
        """The file that names the network namespace, as `ip netns` keeps it."""
        return Path("/run/netns") / self.full_name

    @property
    def namespaces(self) -> Path:
        """A private mount that holds the file of the mount namespace."""
        return self.state / "namespaces"

    @property
    def mntns(self) -> Path:
        """The file that names the mount namespace."""
        return self.namespaces / "mnt"

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.state / "pki"

    @property
    def config(self) -> Path:
        """Rendered configuration files."""
        return self.state / "config"

    @property
    def logs(self) -> Path:
        """One log file for each component."""
        return self.state / "logs"

    @property
    def run(self) -> Path:
        """Records of the started processes."""
        return self.state / "run"

    @property
    def volumes(self) -> Path:
        """Dynamic volumes."""
        return self.state / "volumes"

    @property
    def containerd_socket(self) -> Path:
        """Where containerd answers."""
        return self.state / "containerd" / "containerd.sock"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig; it carries its certificate and may be copied."""
        return self.state / "kubeconfig"

    @property
    def complete(self) -> Path:
        """Exists once an `up` of this cluster has succeeded."""
        return self.state / "complete"
