"""The cluster's own cgroup below every controller, so that nothing of it can hide or survive.

Both layouts are handled: one hierarchy for each controller (v1) and the single unified one (v2).
"""

import errno
import os
import signal
import time
from pathlib import Path

from bootstrap.errors import ColonnadeError

DAEMONS = "daemons"


def _mounts(mountinfo: str) -> list[tuple[Path, str]]:
    """Returns mount point and file system type of each cgroup mount."""
    found = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind = after.split(" ", 1)[0]
        if kind in ("cgroup", "cgroup2"):
            found.append((Path(before.split(" ")[4]), kind))
    return found


class Cgroups:
    """The cgroups of one cluster.

    Args:
        name: The directory below each hierarchy.
        mountinfo: What the kernel says about mounts; a test may give another.
    """

    def __init__(self, name: str, mountinfo: str | None = None) -> None:
        self.name = name
        mounts = _mounts(Path("/proc/self/mountinfo").read_text() if mountinfo is None else mountinfo)
        self.hierarchies = [point for point, _ in mounts]
        self.v1 = [point for point, kind in mounts if kind == "cgroup"]

    @property
    def _managed(self) -> list[Path]:
        # Beside v1 controllers the unified hierarchy has none, and kubelet does not look at it.
        return self.v1 or self.hierarchies

    def create(self) -> None:
        """Makes the cgroup of the daemons; the kubelet makes those of the pods beside it.

        Raises:
            ColonnadeError: No cgroup file system is mounted.
        """
        if not self.hierarchies:
            raise ColonnadeError("no cgroup file system is mounted", "mount one at /sys/fs/cgroup")
        for hierarchy in self._managed:
            root = hierarchy / self.name
            if hierarchy not in self.v1:
                self._delegate(hierarchy)
            root.mkdir(exist_ok=True)
            if hierarchy not in self.v1:
                self._delegate(root)
            for directory in (root, root / DAEMONS):
                directory.mkdir(exist_ok=True)
                # A v1 cpuset is born empty and refuses processes.
                for setting in ("cpuset.cpus", "cpuset.mems"):
                    file = directory / setting
                    if hierarchy in self.v1 and file.exists() and not file.read_text().strip():
                        file.write_text((directory.parent / setting).read_text())

    @staticmethod
    def _delegate(directory: Path) -> None:
        controllers = (directory / "cgroup.controllers").read_text().split()
        (directory / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in controllers))

    def daemon_files(self) -> list[Path]:
        """Returns the files that take in the pid of a process that becomes a daemon of the cluster."""
        return [hierarchy / self.name / DAEMONS / "cgroup.procs" for hierarchy in self._managed]

    def _directories(self) -> list[Path]:
        """Returns all cgroups of the cluster, children first."""
        found: list[Path] = []
        for hierarchy in self.hierarchies:
            for directory, _, _ in os.walk(hierarchy / self.name, topdown=False):
                found.append(Path(directory))
        return found

    def members(self) -> set[int]:
        """Returns the pids of all processes in any cgroup of the cluster."""
        pids: set[int] = set()
        for directory in self._directories():
            try:
                pids.update(int(pid) for pid in (directory / "cgroup.procs").read_text().split())
            except OSError as error:
                # The cgroup went away while we looked: it holds nobody.
                if error.errno not in (errno.ENOENT, errno.ENODEV):
                    raise
        return pids

    def thaw(self) -> None:
        """Wakes frozen members, since a frozen process does not die."""
        for directory in self._directories():
            state = directory / "freezer.state"
            if state.exists() and state.read_text().strip() != "THAWED":
                state.write_text("THAWED")

    def remove(self, patience: float = 10) -> None:
        """Removes all cgroups of the cluster; their processes must be dead.

        Raises:
            ColonnadeError: A cgroup is still in use after `patience` seconds.
        """
        deadline = time.monotonic() + patience
        while left := self._directories():
            for directory in left:
                try:
                    directory.rmdir()
                except FileNotFoundError:
                    continue
                except OSError as error:
                    if time.monotonic() > deadline:
                        stuck = f"cgroup {directory} cannot be removed: {error.strerror}"
                        raise ColonnadeError(stuck) from error
            if self._directories():
                time.sleep(0.05)


def kill(pids: set[int]) -> None:
    """Sends SIGKILL to all of them; those that are gone already are passed over."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
