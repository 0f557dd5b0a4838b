"""The cluster's network namespace: joined to the host by a veth pair, and to nothing else."""

import hashlib
import json
from pathlib import Path
from typing import Any

from bootstrap.embedded.command import run
from bootstrap.embedded.layout import NODE_PODS, POD_GATEWAY, SERVICES, Layout
from bootstrap.embedded.templates import render
from bootstrap.errors import ColonnadeError

NODE_INTERFACE = "eth0"
BRIDGE = "cni0"

# Policies reach traffic between pods of one bridge only where bridged packets pass the firewall.
SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
    "net/ipv6/conf/all/disable_ipv6": "1",
    "net/ipv6/conf/default/disable_ipv6": "1",
}


def _links(layout: Layout, inside: bool) -> dict[str, dict[str, Any]]:
    command = ["ip", *(["-n", layout.full_name] if inside else []), "-json", "address", "show"]
    return {link["ifname"]: link for link in json.loads(run(command) or "[]")}


def _addresses(link: dict[str, Any] | None) -> set[str]:
    return {entry["local"] for entry in (link or {}).get("addr_info", [])}


def is_namespace(file: Path) -> bool:
    """Says whether a file is a living namespace, not just the empty file that one is mounted on."""
    return any(
        fields[4] == str(file) and " - nsfs " in line
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
        if (fields := line.split(" "))
    )


def conflict(layout: Layout) -> str | None:
    """Returns who else holds an address of the cluster's subnet on this host; None when nobody does."""
    for name, link in _links(layout, inside=False).items():
        for entry in link.get("addr_info", []):
            taken = entry["local"]
            if name != layout.host_interface and entry["family"] == "inet" and _within(taken, layout):
                return f"address {taken} is in use by interface {name}"
    return None


def owner(layout: Layout) -> Path | None:
    """Returns the state directory of the cluster that holds this name now; None when none does.

    The interface carries it as its alias, which dies with it.
    """
    alias = _links(layout, inside=False).get(layout.host_interface, {}).get("ifalias")
    return Path(alias) if alias else None


def _within(address: str, layout: Layout) -> bool:
    return address in {str(member) for member in layout.subnet}


def _enter(layout: Layout) -> list[str]:
    return ["nsenter", f"--net={layout.netns}", "--"]


def _comment() -> str:
    """Returns what marks the firewall's table, so that other rules than today's are noticed."""
    rules = render("airgap.nft", uplink=NODE_INTERFACE, bridge=BRIDGE, comment="")
    return f"colonnade {hashlib.sha256(rules.encode()).hexdigest()[:16]}"


def _tables(layout: Layout) -> str:
    return run([*_enter(layout), "nft", "list", "ruleset", "inet"])


def healthy(layout: Layout) -> bool:
    """Says whether namespace, veth pair, addresses and firewall are as they should be."""
    if not is_namespace(layout.netns):
        return False
    outside, inside = _links(layout, inside=False), _links(layout, inside=True)
    return (
        _comment() in _tables(layout)
        and layout.host_address in _addresses(outside.get(layout.host_interface))
        and layout.address in _addresses(inside.get(NODE_INTERFACE))
        and str(POD_GATEWAY) in _addresses(inside.get(BRIDGE))
    )


def ensure(layout: Layout) -> None:
    """Makes the namespace and all that is in it, whatever part of it is there already.

    Raises:
        ColonnadeError: The kernel lacks bridge filtering, or refused a part.
    """
    if not Path("/proc/sys/net/bridge").exists():
        run(["modprobe", "br_netfilter"])
    if not is_namespace(layout.netns):
        layout.netns.unlink(missing_ok=True)
        run(["ip", "netns", "add", layout.full_name])
    inside = _links(layout, inside=True)
    outside = _links(layout, inside=False)
    namespace = ["ip", "-n", layout.full_name]
    run([*namespace, "link", "set", "lo", "up"])
    if NODE_INTERFACE not in inside or layout.host_interface not in outside:
        if layout.host_interface in outside:
            run(["ip", "link", "delete", layout.host_interface])
        peer = ["peer", "name", NODE_INTERFACE, "netns", layout.full_name]
        run(["ip", "link", "add", layout.host_interface, "type", "veth", *peer])
    run(["ip", "address", "replace", f"{layout.host_address}/30", "dev", layout.host_interface])
    run(["ip", "link", "set", layout.host_interface, "alias", layout.state, "up"])
    run([*namespace, "address", "replace", f"{layout.address}/30", "dev", NODE_INTERFACE])
    run([*namespace, "link", "set", NODE_INTERFACE, "up"])
    if BRIDGE not in inside:
        run([*namespace, "link", "add", BRIDGE, "type", "bridge"])
    run([*namespace, "address", "replace", f"{POD_GATEWAY}/{NODE_PODS.prefixlen}", "dev", BRIDGE])
    run([*namespace, "link", "set", BRIDGE, "up"])
    # Without a default route the node itself could not even begin a connection to a service address, which
    # kube-proxy rewrites only after the route was chosen. Nobody answers on the bridge for what it leaves.
    run([*namespace, "route", "replace", str(SERVICES), "dev", BRIDGE, "src", layout.address])
    for name, value in SYSCTLS.items():
        if name.startswith("net/ipv6") and not Path("/proc/sys/net/ipv6").exists():
            continue
        run([*_enter(layout), "tee", f"/proc/sys/{name}"], stdin=value)
    rules = render("airgap.nft", uplink=NODE_INTERFACE, bridge=BRIDGE, comment=_comment())
    run([*_enter(layout), "nft", "--file", "-"], stdin=rules)


def _tidy(directory: Path) -> None:
    """Removes the mount that `ip netns add` leaves behind, once nobody's namespace is in it."""
    if not _mounted(directory) or any(directory.iterdir()):
        return
    try:
        run(["umount", directory])
    except ColonnadeError:
        if not any(directory.iterdir()):  # else another cluster came up in between
            raise


def _mounted(point: Path) -> bool:
    return any(
        line.split(" ")[4] == str(point) for line in Path("/proc/self/mountinfo").read_text().splitlines()
    )


def remove(layout: Layout) -> None:
    """Removes the namespace and the host's interface; does nothing when they are gone."""
    if is_namespace(layout.netns):
        run(["ip", "netns", "delete", layout.full_name])
    layout.netns.unlink(missing_ok=True)
    _tidy(layout.netns.parent)
    # The kernel takes the pair away with the namespace, but only some time later.
    interface = Path("/sys/class/net", layout.host_interface)
    if interface.exists():
        try:
            run(["ip", "link", "delete", layout.host_interface])
        except ColonnadeError:
            if interface.exists():
                raise
