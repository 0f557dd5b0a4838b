"""Which processes belong to which run of the engine, and how they end.

The engine starts a language host, which starts the program, and its plugins; an engine that is killed leaves
them behind. All of them carry the run in their environment, so that what is ended is provably ours.
"""

import os
import select
import signal
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

RUN = "COLONNADE_RUN"
_PROC = Path("/proc")
_ENGINE_GRACE = 30.0
_GRACE = 5.0


@dataclass(frozen=True)
class Process:
    """A live process of a run."""

    pid: int
    started: int
    command: str
    run: str


def started(pid: int) -> int | None:
    """Returns when a process started, in clock ticks since boot, or None where there is no live one."""
    try:
        status = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may hold spaces and parentheses itself.
    fields = status.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def started_at(pid: int) -> float | None:
    """Returns when a process started, in seconds since the epoch, or None where there is no live one."""
    ticks = started(pid)
    if ticks is None:
        return None
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return boot + ticks / os.sysconf("SC_CLK_TCK")


def new_run() -> str:
    """Returns a name for a run that this process owns."""
    return f"{uuid.uuid4().hex}.{os.getpid()}.{started(os.getpid())}"


def owner_is_alive(run: str) -> bool:
    """Tells whether the process that owns a run lives."""
    _, pid, ticks = run.split(".")
    return started(int(pid)) == int(ticks)


def members(run: str) -> list[Process]:
    """Returns the live processes of a run."""
    return [process for process in _all() if process.run == run]


def orphans() -> list[Process]:
    """Returns the live processes of runs whose owner is dead."""
    return [process for process in _all() if not owner_is_alive(process.run)]


def end(processes: list[Process]) -> None:
    """Ends processes: engines first, which save their state, then the rest; by force what does not go.

    Returns when all of them are gone.
    """
    engines = [process for process in processes if process.command == "pulumi"]
    for group, grace in ((engines, _ENGINE_GRACE), (processes, _GRACE)):
        handles = [handle for process in group if (handle := _open(process)) is not None]
        try:
            for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, _GRACE)):
                handles = _signal(handles, number, patience)
        finally:
            for handle in handles:
                os.close(handle)


def _all() -> list[Process]:
    found: list[Process] = []
    for entry in _PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
            command = (entry / "comm").read_text(encoding="utf-8", errors="replace").strip()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it ended meanwhile, or is another user's
        prefix = f"{RUN}=".encode()
        runs = [variable[len(prefix) :].decode() for variable in variables if variable.startswith(prefix)]
        ticks = started(int(entry.name))
        if runs and runs[-1].count(".") == 2 and ticks is not None:
            found.append(Process(int(entry.name), ticks, command, runs[-1]))
    return found


def _open(process: Process) -> int | None:
    """Returns a handle that cannot come to mean another process, or None where the process is gone."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    if started(process.pid) != process.started:
        os.close(handle)
        return None
    return handle


def _signal(handles: list[int], number: signal.Signals, patience: float) -> list[int]:
    """Signals and waits; closes the handles of what has gone and returns those that are left."""
    left = list(handles)
    for handle in handles:
        try:
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            continue  # the wait below sees it
    deadline = time.monotonic() + patience
    while left:
        ready, _, _ = select.select(left, [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return left
        for handle in ready:
            os.close(handle)
            left.remove(handle)
    return left
