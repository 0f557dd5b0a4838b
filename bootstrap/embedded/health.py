"""What a cluster's parts say about themselves."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bootstrap.embedded import addons, mounts, network
from bootstrap.embedded.client import Client
from bootstrap.embedded.layout import Layout
from bootstrap.embedded.processes import Daemon, Processes


@dataclass(frozen=True)
class Component:
    """One part of the cluster: a process, a deployment, or what carries them."""

    name: str
    state: str
    pid: int | None
    ready: bool
    note: str = ""


@dataclass(frozen=True)
class ClusterStatus:
    """All parts of a cluster at one moment."""

    name: str
    components: tuple[Component, ...]

    @property
    def healthy(self) -> bool:
        """Whether every part is ready; a cluster without parts is not there, hence not healthy."""
        return bool(self.components) and all(component.ready for component in self.components)


def of_daemon(daemon: Daemon, processes: Processes, client: Client | None) -> Component:
    """Returns how a daemon is: whether it runs as described, and what it answers."""
    record = processes.record(daemon.name)
    if record is None:
        return Component(daemon.name, "stopped", None, False)
    fault = client.fault(daemon.probe) if client else "cannot be reached"
    if record.digest != daemon.digest():
        fault = fault or "runs with an older configuration"
    return Component(daemon.name, "running", record.pid, fault is None, fault or "")


def node_fault(layout: Layout, client: Client) -> str | None:
    """Returns why the node takes no pods; None when it does."""
    node = client.object(f"/api/v1/nodes/{layout.full_name}")
    if node is None:
        return "not registered"
    for condition in node.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready":
            return None if condition["status"] == "True" else str(condition.get("message") or "not ready")
    return "has not reported yet"


def _plain(name: str, fault: str | None) -> Component:
    return Component(name, "ready" if fault is None else "not ready", None, fault is None, fault or "")


def of_cluster(layout: Layout, daemons: Sequence[Daemon], processes: Processes) -> ClusterStatus:
    """Returns the state of all parts; none when the cluster was never made."""
    if not layout.pki.exists():
        return ClusterStatus(layout.name, ())
    connected = network.healthy(layout)
    # Without the cluster's network its addresses are somebody else's: ask nobody there.
    client = Client(layout) if connected else None
    ground = [
        _plain("network", None if connected else "incomplete"),
        _plain("mounts", None if mounts.healthy(layout) else "incomplete"),
    ]
    with ThreadPoolExecutor(max_workers=len(daemons)) as pool:
        found = list(pool.map(lambda daemon: of_daemon(daemon, processes, client), daemons))
    unknown = None if client else "cannot be reached"
    above = [_plain("node", node_fault(layout, client) if client else unknown)]
    above += [_plain(name, addons.fault(client, name) if client else unknown) for name in addons.DEPLOYMENTS]
    return ClusterStatus(layout.name, (*ground, *found, *above))
