"""One cluster: up, down, status."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bootstrap import images
from bootstrap.embedded import addons, configuration, control_plane, crash, health, hosts, node, preflight
from bootstrap.embedded.client import Client
from bootstrap.embedded.health import ClusterStatus
from bootstrap.embedded.pki import EDGE_CA, Pki
from bootstrap.embedded.plane import ControlPlane
from bootstrap.embedded.processes import Daemon
from bootstrap.report.progress import Progress
from components.catalog import EDGE_LABELS

# What the node itself runs; everything else comes with the platform.
IMAGES = ("pause", "coredns", "local-path-provisioner", "busybox")


class Cluster(ControlPlane):
    """An embedded cluster: a control plane and a real node in one network namespace.

    Running pods survive the healing of anything but the namespaces.

    Args:
        name: 1 to 20 characters a-z, 0-9 and -.

    Raises:
        ColonnadeError: The name is not valid.
    """

    def __init__(self, name: str = "local") -> None:
        super().__init__(name)

    @property
    def registry(self) -> str:
        """Host and port of the registry, for pushing from the host; plain HTTP."""
        return self.layout.registry

    @property
    def domain(self) -> str:
        """The domain below which services have their names; the edge answers on 80 and 443."""
        return self.layout.domain

    @property
    def edge_certificate(self) -> Path:
        """The certificate for the domain and all names in it; renewed by `up`."""
        return Pki(self.layout).certificate("edge")

    @property
    def edge_key(self) -> Path:
        """The private key of the edge's certificate."""
        return Pki(self.layout).key("edge")

    @property
    def edge_ca(self) -> Path:
        """The private authority that clients must trust; stays the same as long as the cluster exists."""
        return Pki(self.layout).certificate(EDGE_CA)

    def status(self) -> ClusterStatus:
        """Returns the state of every part, without changing anything."""
        daemons = self._daemons() if self.layout.pki.exists() else []
        return health.of_cluster(self.layout, daemons, self.processes)

    def _check(self) -> None:
        preflight.check(self.layout)

    def _control_plane(self) -> list[Daemon]:
        describe = (control_plane.api_server, control_plane.controller_manager, control_plane.scheduler)
        return [daemon(self.layout) for daemon in describe]

    def _node(self) -> list[Daemon]:
        describe = (node.containerd, node.kubelet, node.kube_proxy, node.kube_router)
        return [daemon(self.layout) for daemon in describe]

    def _daemons(self) -> list[Daemon]:
        stores = [control_plane.etcd(self.layout), node.registry(self.layout)]
        return [*stores, *self._control_plane(), *self._node()]

    def _settled(self, progress: Progress) -> bool:
        layout = self.layout
        if not layout.complete.exists() or Pki(layout).ensure():
            return False
        configuration.ensure(layout)
        if not (self.status().healthy and self._images_settled(progress)):
            return False
        hosts.ensure(layout, EDGE_LABELS)
        return True

    def _images_settled(self, progress: Progress) -> bool:
        configuration.ensure_images(self.layout, images.build(self.registry, progress, only=IMAGES))
        return addons.applied(self.layout) and self.processes.current(node.containerd(self.layout))

    def _configure(self) -> None:
        configuration.ensure(self.layout)

    def _bring_up(self, progress: Progress) -> None:
        layout, client = self.layout, Client(self.layout)
        self._lay_ground(progress)
        api, *controllers = self._control_plane()
        self._serve(progress, client, [node.registry(layout)], api)
        manifests = configuration.ensure_images(layout, images.build(self.registry, progress, only=IMAGES))
        with progress.step("controllers and node", 4) as step:
            # The rights of kube-router and of the API server towards kubelet come with the addons.
            containers, kubelet, services, policies = self._node()
            self.processes.start(containers)
            addons.apply(layout, manifests)
            # kubelet gives up when containerd does not answer at once.
            self._start([containers], client, step)
            since = None if self.processes.current(kubelet) else datetime.now(UTC)
            self._start([*controllers, kubelet, services], client, step)
            self._wait("node", partial(health.node_fault, layout, client, since), step, "kubelet")
            # It gives up when it does not find its node.
            self._start([policies], client, step)
        crash.point("after-kubelet")
        with progress.step("names and volumes", 6) as step:
            self._wait("pods", partial(health.pods_fault, layout, client), step, "kubelet")
            for name in addons.DEPLOYMENTS:
                self._wait(name, partial(addons.fault, client, name), step, "kubelet")
        crash.point("after-addons")
        hosts.ensure(layout, EDGE_LABELS)
