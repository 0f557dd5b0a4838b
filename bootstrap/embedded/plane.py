"""What every cluster has, whoever plays its nodes: a namespace, a control plane, up and down."""

import errno
import shutil
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bootstrap.embedded import control_plane, crash, hosts, mounts, network, preflight
from bootstrap.embedded.client import Client
from bootstrap.embedded.layout import Layout
from bootstrap.embedded.pki import Pki
from bootstrap.embedded.processes import Daemon, Processes
from bootstrap.errors import ColonnadeError
from bootstrap.privilege import require_root
from bootstrap.report.progress import Progress, Step

# Seconds that a part may take on a slow and busy machine before it counts as failed.
PATIENCE = 300


class ControlPlane(ABC):
    """A Kubernetes control plane in a network namespace of its own, known by its name alone.

    Nothing is made before `up`. Names, addresses and paths are valid at any time.

    Args:
        name: 1 to 20 characters a-z, 0-9 and -.

    Raises:
        ColonnadeError: The name is not valid.
    """

    def __init__(self, name: str) -> None:
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
        """The address on which the API server answers, on 6443."""
        return self.layout.address

    def up(self, progress: Progress | None = None) -> None:
        """Brings the cluster up, or heals it; afterwards all parts are ready.

        A healthy cluster is left as it is.

        Raises:
            ColonnadeError: The machine cannot carry it, and nothing was made; or a part failed: then a
                cluster that had never been up is stopped again, and its logs are kept.
        """
        progress = progress or Progress(f"Cluster {self.name}")
        self._check()
        with self._alone():
            if self._settled(progress):
                progress.skip("cluster", "healthy already")
                return
            fresh = not self.layout.complete.exists()
            try:
                self._bring_up(progress)
                self.layout.complete.touch()
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

    @abstractmethod
    def _check(self) -> None:
        """Refuses a machine that cannot carry the cluster; makes nothing."""

    @abstractmethod
    def _settled(self, progress: Progress) -> bool:
        """Says whether an `up` has nothing to do: all as described, all ready."""

    @abstractmethod
    def _bring_up(self, progress: Progress) -> None:
        """Makes what is missing and starts what does not run as described."""

    @abstractmethod
    def _configure(self) -> None:
        """Writes the configuration files; certificates are there."""

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

    def _lay_ground(self, progress: Progress) -> None:
        """Makes directories, namespaces, certificates and configuration."""
        layout = self.layout
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
            self._configure()

    def _serve(
        self, progress: Progress, client: Client, stores: Sequence[Daemon], api_server: Daemon
    ) -> None:
        """Starts etcd, what else keeps data, and on them the API server."""
        etcd = control_plane.etcd(self.layout)
        names = " and ".join(daemon.name for daemon in (etcd, *stores))
        with progress.step(names, 1) as step:
            self._start([etcd, *stores], client, step)
        crash.point("after-etcd")
        with progress.step("API server", 4) as step:
            self._start([api_server], client, step)
        crash.point("after-apiserver")

    def _start(self, daemons: Sequence[Daemon], client: Client, step: Step) -> None:
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
