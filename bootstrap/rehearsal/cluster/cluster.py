"""The rehearsed cluster: a control plane without webhooks, and kwok for its nodes."""

import hashlib
from collections.abc import Sequence

from bootstrap.embedded import configuration, control_plane, mounts, network, preflight
from bootstrap.embedded.client import Client, Probe
from bootstrap.embedded.health import of_daemon
from bootstrap.embedded.layout import Layout
from bootstrap.embedded.pki import CLUSTER_CA, Pki
from bootstrap.embedded.plane import ControlPlane
from bootstrap.embedded.processes import Daemon
from bootstrap.privilege import require_root
from bootstrap.rehearsal.cluster import nodes
from bootstrap.rehearsal.cluster.api import Api
from bootstrap.rehearsal.cluster.nodes import SimulatedPool
from bootstrap.report.progress import Progress
from bootstrap.toolchain import binary, module_file

# No operator runs here, so nobody would answer; the report of a rehearsal says so.
UNANSWERED = ("MutatingAdmissionWebhook", "ValidatingAdmissionWebhook")

_PREFIX = "rehearsal-"
_NAME_LIMIT = 20
_STAGES = ("node-initialize.yaml", "node-heartbeat.yaml", "pods.yaml")
_KWOK_PORT = 10247


def cluster_name(stack: str) -> str:
    """Returns the name of the cluster that a stack is rehearsed on; a long one ends in a hash."""
    plain = f"{_PREFIX}{stack}"
    if len(plain) <= _NAME_LIMIT:
        return plain
    return f"{_PREFIX}{hashlib.sha256(stack.encode()).hexdigest()[: _NAME_LIMIT - len(_PREFIX)]}"


def kwok(layout: Layout) -> Daemon:
    """Returns what plays kubelet for every node: nodes and pods are ready, pods of Jobs end well."""
    stages = [module_file("kwok", name) for name in _STAGES]
    return Daemon(
        "kwok",
        (
            str(binary("kwok")),
            f"--kubeconfig={layout.kubeconfig}",
            *(f"--config={stage}" for stage in stages),
            "--manage-all-nodes=true",
            f"--node-ip={layout.address}",
            "--node-lease-duration-seconds=40",
            f"--server-address={layout.address}:{_KWOK_PORT}",
        ),
        # It reads a configuration of the user's, where there is one.
        environment={"HOME": str(layout.state)},
        inputs=(layout.kubeconfig, *stages),
        probe=Probe(_KWOK_PORT, identity=None),
    )


class RehearsedCluster(ControlPlane):
    """A real API server, scheduler and controllers in a network namespace; nodes and pods are simulated.

    Pod Security admission works as on any cluster. Admission webhooks are off.
    """

    @property
    def endpoint(self) -> str:
        """The address of the API server."""
        return f"https://{self.layout.address}:6443"

    @property
    def ca(self) -> str:
        """The authority that signed the API server's certificate, as PEM; exists after `up`."""
        return Pki(self.layout).certificate(CLUSTER_CA).read_text()

    @property
    def certificate(self) -> str:
        """The administrator's certificate, as PEM; exists after `up`."""
        return Pki(self.layout).certificate("admin").read_text()

    @property
    def key(self) -> str:
        """The administrator's private key, as PEM; exists after `up`."""
        return Pki(self.layout).key("admin").read_text()

    def api(self) -> Api:
        """Returns a client of the API server, for one thread; the cluster is up."""
        return Api(self.layout.address, Client(self.layout).context("admin"))

    def nodes(self, pools: Sequence[SimulatedPool]) -> None:
        """Makes the cluster have the nodes of the pools and no others.

        Raises:
            ColonnadeError: The API server refuses or does not answer.
        """
        api = self.api()
        try:
            nodes.settle(api, pools)
        finally:
            api.close()

    def _check(self) -> None:
        require_root("colonnade rehearse")
        preflight.check_tools(preflight.SYSTEM_TOOLS, (*preflight.BUILT_TOOLS, "kwok"))
        preflight.check_place(self.layout)

    def _players(self) -> list[Daemon]:
        describe = (control_plane.controller_manager, control_plane.scheduler, kwok)
        return [daemon(self.layout) for daemon in describe]

    def _settled(self, progress: Progress) -> bool:  # noqa: ARG002
        layout = self.layout
        if not layout.complete.exists() or Pki(layout).ensure():
            return False
        self._configure()
        if not (network.healthy(layout) and mounts.healthy(layout)):
            return False
        client = Client(layout)
        api_server = control_plane.api_server(layout, UNANSWERED)
        daemons = (control_plane.etcd(layout), api_server, *self._players())
        return all(of_daemon(daemon, self.processes, client).ready for daemon in daemons)

    def _configure(self) -> None:
        configuration.ensure_control_plane(self.layout)

    def _bring_up(self, progress: Progress) -> None:
        client = Client(self.layout)
        self._lay_ground(progress)
        self._serve(progress, client, [], control_plane.api_server(self.layout, UNANSWERED))
        with progress.step("controllers and simulated nodes", 3) as step:
            self._start(self._players(), client, step)
