"""What a cluster's parts say about themselves."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from bootstrap.embedded import addons, mounts, network
from bootstrap.embedded.client import Client
from bootstrap.embedded.command import run
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


def node_fault(layout: Layout, client: Client, since: datetime | None = None) -> str | None:
    """Returns why the node takes no pods; None when it does, and said so after `since`."""
    node = client.object(f"/api/v1/nodes/{layout.full_name}")
    if node is None:
        return "not registered"
    for condition in node.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready" and condition["status"] != "True":
            return str(condition.get("message") or "not ready")
        if condition["type"] == "Ready":
            reported = datetime.fromisoformat(condition["lastHeartbeatTime"])
            # The API keeps whole seconds.
            stale = since is not None and reported < since.replace(microsecond=0)
            return "has not reported since it started" if stale else None
    return "has not reported yet"


def pods_fault(layout: Layout, client: Client) -> str | None:
    """Returns which pods count as ready although their containers are dead, as all do right after a crash.

    Nothing but the runtime knows better than the API server, until kubelet has looked after every pod.
    """
    pods = client.object(f"/api/v1/pods?fieldSelector=spec.nodeName%3D{layout.full_name}")
    if pods is None:
        return "cannot be listed"
    listed = run(["ctr", f"--address={layout.containerd_socket}", "--namespace=k8s.io", "tasks", "list"])
    running = {words[0] for line in listed.splitlines() if (words := line.split())[-1:] == ["RUNNING"]}
    stale = [
        pod["metadata"]["name"]
        for pod in pods["items"]
        if any(
            status["ready"] and status.get("containerID", "").rpartition("/")[2] not in running
            for status in pod["status"].get("containerStatuses", [])
        )
    ]
    return f"not looked after yet: {', '.join(stale)}" if stale else None


def _plain(name: str, fault: str | None) -> Component:
    return Component(name, "ready" if fault is None else "not ready", None, fault is None, fault or "")


def _pods(layout: Layout, client: Client, daemons: Sequence[Component]) -> str | None:
    if not all(daemon.pid for daemon in daemons if daemon.name == "containerd"):
        return "containerd is stopped"
    return pods_fault(layout, client)


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
    above.append(_plain("pods", _pods(layout, client, found) if client else unknown))
    above += [_plain(name, addons.fault(client, name) if client else unknown) for name in addons.DEPLOYMENTS]
    return ClusterStatus(layout.name, (*ground, *found, *above))
