"""Starts, finds and ends the cluster's processes; a pid alone is never trusted."""

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.embedded.cgroups import Cgroups, kill
from bootstrap.embedded.client import Probe
from bootstrap.embedded.layout import Layout
from bootstrap.errors import ColonnadeError

# A log that is longer at a start makes room; there is no other rotation.
LOG_LIMIT = 20 * 2**20

LAUNCHER = Path(__file__).with_name("launch.sh")


@dataclass(frozen=True)
class Daemon:
    """A process that runs as long as the cluster.

    Attributes:
        name: Names its log and its record.
        command: What runs, inside the cluster's namespaces.
        environment: Variables beside PATH.
        inputs: Files it reads at its start; another content means a restart.
        probe: Where it says that it is well.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[Path, ...] = ()
    probe: Probe = field(default_factory=Probe)

    def digest(self) -> str:
        """Returns a hash of all that decides how the process behaves."""
        sha = hashlib.sha256(json.dumps([self.command, sorted(self.environment.items())]).encode())
        for path in self.inputs:
            sha.update(path.read_bytes() if path.exists() else b"absent")
        return sha.hexdigest()


@dataclass(frozen=True)
class Record:
    """What was started: the pid is valid only together with start time and boot."""

    pid: int
    started: int
    boot: str
    digest: str


def boot_id() -> str:
    """Returns the identity of this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_time(pid: int) -> int | None:
    """Returns when the process started, in ticks since boot; None when it is gone or a zombie."""
    try:
        # The name in parentheses may hold spaces and parentheses.
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else int(fields[18])


def last_lines(log: Path, count: int = 3) -> str:
    """Returns the end of a log on one line."""
    if not log.exists():
        return "no log"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8192))
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    return " / ".join(line[:300] for line in lines[-count:]) or "its log is empty"


class Processes:
    """All processes of one cluster."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.cgroups = Cgroups(layout.full_name)

    def _record_file(self, name: str) -> Path:
        return self.layout.run / f"{name}.json"

    def log(self, name: str) -> Path:
        """Returns the log of a component."""
        return self.layout.logs / f"{name}.log"

    def record(self, name: str) -> Record | None:
        """Returns the record of a living process; None when it was never started or is dead."""
        try:
            record = Record(**json.loads(self._record_file(name).read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None  # Never started, or the machine died while the record was written.
        return record if record.boot == boot_id() and start_time(record.pid) == record.started else None

    def current(self, daemon: Daemon) -> bool:
        """Says whether the daemon runs just as it is described."""
        record = self.record(daemon.name)
        return record is not None and record.digest == daemon.digest()

    def start(self, daemon: Daemon) -> bool:
        """Makes the daemon run as described; returns whether it had to be started.

        Raises:
            ColonnadeError: It could not be launched.
        """
        if self.current(daemon):
            return False
        self.stop(daemon.name)
        kill(self._strays(daemon))
        pid_file = self.layout.run / f"{daemon.name}.pid"
        pid_file.unlink(missing_ok=True)
        inside = ("nsenter", f"--net={self.layout.netns}", f"--mount={self.layout.mntns}", "--")
        log_file = self.log(daemon.name)
        if log_file.exists() and log_file.stat().st_size > LOG_LIMIT:
            log_file.rename(log_file.with_suffix(".log.old"))
        with log_file.open("ab") as log:
            subprocess.run(
                [
                    *("setsid", "--fork", "sh", str(LAUNCHER), str(pid_file)),
                    *(str(file) for file in self.cgroups.daemon_files()),
                    *("--", *inside, *daemon.command),
                ],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"PATH": os.environ["PATH"], **daemon.environment},
            )
        deadline = time.monotonic() + 10
        while not pid_file.exists():
            if time.monotonic() > deadline:
                raise self.failure(daemon.name, "could not be launched")
            time.sleep(0.005)
        pid = int(pid_file.read_text())
        started = start_time(pid)
        if started is None:
            raise self.failure(daemon.name, "ended at once")
        written = self._record_file(daemon.name).with_suffix(".new")
        written.write_text(json.dumps(Record(pid, started, boot_id(), daemon.digest()).__dict__))
        written.rename(self._record_file(daemon.name))
        pid_file.unlink()
        return True

    def stop(self, name: str, patience: float = 15) -> None:
        """Ends a component, gently first; does nothing when it does not run."""
        record = self.record(name)
        deadline = time.monotonic() + patience
        while record and start_time(record.pid) == record.started:
            try:
                os.kill(record.pid, signal.SIGKILL if time.monotonic() > deadline else signal.SIGTERM)
            except ProcessLookupError:
                break
            time.sleep(0.05)
        self._record_file(name).unlink(missing_ok=True)

    def failure(self, name: str, what: str) -> ColonnadeError:
        """Returns the error that says what happened to a component, with the end of its log."""
        return ColonnadeError(
            f"{name} {what}; last lines of its log: {last_lines(self.log(name))}", f"read {self.log(name)}"
        )

    def members(self) -> set[int]:
        """Returns every process that belongs to the cluster, whoever started it and whatever was recorded."""
        found = self.cgroups.members()
        names = [path.stem for path in self.layout.run.glob("*.json")] if self.layout.run.exists() else []
        found.update(record.pid for record in map(self.record, names) if record)
        namespaces = {
            (kind, identity)
            for kind, file in (("net", self.layout.netns), ("mnt", self.layout.mntns))
            if (identity := _identity(file))
        }
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and any(
                _identity(process / "ns" / kind) == identity for kind, identity in namespaces
            ):
                found.add(int(process.name))
        return {pid for pid in found if pid != os.getpid() and start_time(pid) is not None}

    def _strays(self, daemon: Daemon) -> set[int]:
        """Returns processes of the daemon's program that no record knows: left by a crash of `up`."""
        program = Path(daemon.command[0]).resolve()
        return {pid for pid in self.cgroups.members() if _program(pid) == program}

    def kill_all(self, patience: float = 30) -> None:
        """Kills every process of the cluster.

        Raises:
            ColonnadeError: Some still live after `patience` seconds.
        """
        deadline = time.monotonic() + patience
        self.cgroups.thaw()
        while alive := self.members():
            if time.monotonic() > deadline:
                pids = ", ".join(map(str, sorted(alive)))
                raise ColonnadeError(f"processes {pids} of cluster {self.layout.name} do not die")
            kill(alive)
            time.sleep(0.05)


def _identity(namespace: Path) -> tuple[int, int] | None:
    try:
        status = namespace.stat()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None  # The process ended, or the namespace was never made.
    return status.st_dev, status.st_ino


def _program(pid: int) -> Path | None:
    try:
        return Path(f"/proc/{pid}/exe").readlink()
    except (FileNotFoundError, ProcessLookupError):
        return None
