"""Checks before anything is made, so that a machine that cannot carry a cluster stays as it was."""

import shutil
from pathlib import Path

from bootstrap.embedded import network, node
from bootstrap.embedded.command import missing
from bootstrap.embedded.layout import Layout, subnet
from bootstrap.errors import ColonnadeError
from bootstrap.paths import state_root
from bootstrap.privilege import require_root
from bootstrap.toolchain import binary

SYSTEM_TOOLS = (
    *("ip", "nsenter", "unshare", "setsid", "mount", "umount"),
    *("containerd", "containerd-shim-runc-v2", "ctr", "runc", "nft", "iptables", "ipset"),
)
BUILT_TOOLS = (
    *("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"),
    *("kubelet", "kube-proxy", "kube-router", "kubectl", "registry"),
)
# An empty cluster with its own images takes less than one; pods need some too.
FREE_BYTES = 2 * 2**30


def check_space(place: Path, wanted: int = FREE_BYTES) -> None:
    """Refuses a file system that is nearly full.

    Raises:
        ColonnadeError: Fewer bytes are free than wanted.
    """
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < wanted:
        raise ColonnadeError(
            f"the disk of {place} is full: {free // 2**20} MiB are free, {wanted // 2**20} MiB are needed",
            "free some space, or set COLONNADE_STATE to a directory on a larger disk",
        )


def check_addresses(layout: Layout) -> None:
    """Refuses a name whose addresses another has.

    Raises:
        ColonnadeError: An interface of this host or another cluster holds them.
    """
    others = sorted(path.name for path in (state_root() / "clusters").glob("*") if path.name != layout.name)
    for other in others:
        if subnet(other) == layout.subnet:
            raise ColonnadeError(
                f"clusters {layout.name} and {other} would have the same address {layout.address}",
                "choose another --name",
            )
    if taken := network.conflict(layout):
        raise ColonnadeError(f"cluster {layout.name}: {taken}", "choose another --name, or free the address")


def check_owner(layout: Layout) -> None:
    """Refuses a name that a cluster with another state directory holds.

    Raises:
        ColonnadeError: Such a cluster is there.
    """
    owner = network.owner(layout)
    if owner and owner != layout.state and owner.exists():
        raise ColonnadeError(
            f"cluster {layout.name} is there already, with its state in {owner} and not in {layout.state}",
            f"set COLONNADE_STATE={owner.parents[1]}, or choose another --name",
        )


def check(layout: Layout) -> None:
    """Runs all checks; makes nothing.

    Raises:
        ColonnadeError: The first thing that stands in the way.
    """
    require_root(f"colonnade cluster up --name {layout.name}")
    if absent := missing(SYSTEM_TOOLS):
        raise ColonnadeError(f"not installed: {', '.join(absent)}", "make setup")
    for tool in BUILT_TOOLS:
        binary(tool)
    node.cni_binaries()
    if not layout.complete.exists():
        check_space(layout.state)
    check_owner(layout)
    check_addresses(layout)
