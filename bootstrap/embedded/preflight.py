"""Checks before anything is made, so that a machine that cannot carry a cluster stays as it was."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from bootstrap.embedded import network, node
from bootstrap.embedded.command import missing
from bootstrap.embedded.layout import Layout, subnet
from bootstrap.errors import ColonnadeError
from bootstrap.paths import state_root
from bootstrap.privilege import require_root
from bootstrap.toolchain import binary

# What a control plane takes, and what a node takes beside it.
SYSTEM_TOOLS = ("ip", "nsenter", "unshare", "setsid", "mount", "umount", "nft")
BUILT_TOOLS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
NODE_SYSTEM_TOOLS = ("containerd", "containerd-shim-runc-v2", "ctr", "runc", "iptables", "ipset")
NODE_BUILT_TOOLS = ("kubelet", "kube-proxy", "kube-router", "kubectl", "registry")
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


def check_tools(system: Sequence[str], built: Sequence[str]) -> None:
    """Refuses a machine that lacks tools.

    Raises:
        ColonnadeError: One is not installed or not built.
    """
    if absent := missing(system):
        raise ColonnadeError(f"not installed: {', '.join(absent)}", "make setup")
    for tool in built:
        binary(tool)


def check_place(layout: Layout) -> None:
    """Refuses a place that is full or taken.

    Raises:
        ColonnadeError: Space is short, or another cluster holds the name or the addresses.
    """
    if not layout.complete.exists():
        check_space(layout.state)
    check_owner(layout)
    check_addresses(layout)


def check(layout: Layout) -> None:
    """Runs all checks for a cluster with a node; makes nothing.

    Raises:
        ColonnadeError: The first thing that stands in the way.
    """
    require_root(f"colonnade cluster up --name {layout.name}")
    check_tools((*SYSTEM_TOOLS, *NODE_SYSTEM_TOOLS), (*BUILT_TOOLS, *NODE_BUILT_TOOLS))
    node.cni_binaries()
    check_place(layout)
