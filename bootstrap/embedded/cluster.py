"""One cluster: up, down, status."""

import errno
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bootstrap import images
from bootstrap.embedded import (
    addons,
    configuration,
    control_plane,
    crash,
    health,
    hosts,
    mounts,
    network,
    node,
    preflight,
)
from bootstrap.embedded.client import Client
from bootstrap.embedded.health import ClusterStatus
from bootstrap.embedded.layout import Layout
from bootstrap.embedded.pki import EDGE_CA, Pki
from bootstrap.embedded.processes import Daemon, Processes
from bootstrap.errors import ColonnadeError
from bootstrap.privilege import require_root
from bootstrap.report.progress import Progress, Step
from components.catalog import EDGE_LABELS

# What the node itself runs; everything else comes with the platform.
IMAGES = ("pause", "coredns", "local-path-provisioner", "busybox")

# Seconds that a part may take on a slow and busy machine before it counts as failed.
PATIENCE = 300


class Cluster:
    """An embedded cluster, known by its name alone.

    Nothing is made before `up`. Names, addresses and paths are valid at any time.

    Args:
        name: 1 to 20 characters a-z, 0-9 and -.

    Raises:
        ColonnadeError: The name is not valid.
    """

    def __init__(self, name: str = "local") -> None:
        self.layout = Layout(name)
        self.name = name
        self.processes = Processes(self.layout)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig; exists after `up`."""
        return self.layout.kubeconfig

    @property
    def context(self) -> str:
        """The only context in the kubeconfig."""
        return self.layout.full_name

    @property
    def address(self) -> str:
        """The node's address: the API server answers on 6443, the edge on 80 and 443."""
        return self.layout.address

    @property
    def registry(self) -> str:
        """Host and port of the registry, for pushing from the host; plain HTTP."""
        return self.layout.registry

    @property
    def domain(self) -> str:
        """The domain below which services have their names."""
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

    def up(self, progress: Progress | None = None) -> None:
        """Brings the cluster up, or heals it; afterwards all parts are ready.

        A healthy cluster is left as it is. Running pods survive the healing of anything but the namespaces.

        Raises:
            ColonnadeError: The machine cannot carry it, and nothing was made; or a part failed: then a
                cluster that had never been up is stopped again, and its logs are kept.
        """
        progress = progress or Progress(f"Cluster {self.name}")
        preflight.check(self.layout)
        with self._alone():
            if self._settled(progress):
                hosts.ensure(self.layout, EDGE_LABELS)
                progress.skip("cluster", "healthy already")
                return
            fresh = not self.layout.complete.exists()
            try:
                self._bring_up(progress)
            except (ColonnadeError, OSError) as error:
                if fresh:
                    self.halt()
                if not isinstance(error, OSError):
                    raise
                fix = "free some space" if error.errno == errno.ENOSPC else None
                raise ColonnadeError(f"cluster {self.name} cannot come up: {error}", fix) from error

    def down(self, progress: Progress | None = None) -> None:
        """Removes every process, mount, namespace, cgroup and file of the cluster, whatever state it is in.

        Raises:
            ColonnadeError: Something could not be removed.
        """
        progress = progress or Progress(f"Cluster {self.name}")
        require_root(f"colonnade cluster down --name {self.name}")
        preflight.check_owner(self.layout)
        with self._alone():
            with progress.step("processes and namespaces"):
                self.halt()
            with progress.step("files"):
                hosts.remove(self.layout)
                self._forget()

    def halt(self) -> None:
        """Ends all that runs or is mounted and keeps the files: the cluster is as after a reboot.

        Raises:
            ColonnadeError: Something could not be ended or removed.
        """
        self.processes.kill_all()
        mounts.remove(self.layout)
        network.remove(self.layout)
        self.processes.cgroups.remove()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Holds the cluster for this process; the kernel lets go when the process dies, however it dies."""
        with socket.socket(socket.AF_UNIX) as lock:
            try:
                lock.bind(f"\0{self.layout.full_name}")
            except OSError as error:
                raise ColonnadeError(
                    f"another command works on cluster {self.name}", "wait until it has ended"
                ) from error
            yield

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
        """Says whether an `up` has nothing to do: all as described, all ready."""
        layout = self.layout
        if not layout.complete.exists() or Pki(layout).ensure():
            return False
        configuration.ensure(layout)
        return self.status().healthy and self._images_settled(progress)

    def _images_settled(self, progress: Progress) -> bool:
        configuration.ensure_images(self.layout, images.build(self.registry, progress, only=IMAGES))
        return addons.applied(self.layout) and self.processes.current(node.containerd(self.layout))

    def _bring_up(self, progress: Progress) -> None:
        layout, client = self.layout, Client(self.layout)
        for directory in (layout.state, layout.logs, layout.run, layout.config, layout.volumes):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with progress.step("network", 1):
            if not (network.is_namespace(layout.netns) and mounts.healthy(layout)):
                # What runs in lost namespaces can be reached no more.
                self.processes.kill_all()
                mounts.remove(layout)
            self.processes.cgroups.create()
            network.ensure(layout)
            mounts.ensure(layout)
        crash.point("after-network")
        with progress.step("certificates", 1):
            Pki(layout).ensure()
            configuration.ensure(layout)
        with progress.step("etcd and registry", 1) as step:
            self._start([control_plane.etcd(layout), node.registry(layout)], client, step)
        crash.point("after-etcd")
        with progress.step("API server", 4) as step:
            api, *controllers = self._control_plane()
            self._start([api], client, step)
        crash.point("after-apiserver")
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
        layout.complete.touch()

    def _start(self, daemons: list[Daemon], client: Client, step: Step) -> None:
        """Starts all of them at once, then waits for each."""
        for daemon in daemons:
            self.processes.start(daemon)
        for daemon in daemons:
            self._wait(daemon.name, partial(self._fault, daemon, client), step)

    def _fault(self, daemon: Daemon, client: Client) -> str | None:
        if self.processes.record(daemon.name) is None:
            raise self.processes.failure(daemon.name, "ended")
        return client.fault(daemon.probe)

    def _wait(self, name: str, fault: Callable[[], str | None], step: Step, log: str | None = None) -> None:
        """Waits until a part has no fault; says what it waits for whenever that changes."""
        deadline, said = time.monotonic() + PATIENCE, None
        while found := fault():
            if time.monotonic() > deadline:
                raise self.processes.failure(log or name, f"is not ready after {PATIENCE} s ({name} {found})")
            if found != said:
                step.waiting_for(f"{name} {found}")
                said = found
            time.sleep(0.1)

    def _forget(self) -> None:
        """Removes the files."""
        if left := mounts.below(self.layout.state):
            raise ColonnadeError(f"{left[0]} is still mounted", f"umount {left[0]}")
        if self.layout.state.exists():
            shutil.rmtree(self.layout.state)
