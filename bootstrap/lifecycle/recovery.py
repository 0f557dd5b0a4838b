"""Settles what a crash left behind: processes, locks, and operations that were under way.

The engine's file backend does not notice that the owner of a lock died, and an interrupted operation stays
pending in the state: whether its object exists, only a look at the cluster tells.
"""

import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import yaml

from bootstrap.errors import ColonnadeError
from bootstrap.lifecycle import processes
from bootstrap.lifecycle.events import label
from bootstrap.lifecycle.pulumi import Stack

# A lock is written in one go: what is still not readable after this long is what a crash left of it.
_TORN_SECONDS = 10.0
# Clocks of a process table and of a file differ by ticks.
_SLACK_SECONDS = 2.0


class Objects(Protocol):
    """The objects of a cluster."""

    def managers(self, api_version: str, kind: str, namespace: str | None, name: str) -> list[str] | None:
        """Returns who manages fields of an object, or None where there is no such object."""

    def disown(
        self, api_version: str, kind: str, namespace: str | None, name: str, managers: list[str]
    ) -> None:
        """Takes managers off an object's fields and leaves the fields as they are."""


@dataclass(frozen=True)
class Lock:
    """A lock of the file backend."""

    path: Path
    pid: int
    host: str
    since: float


def recover(stack: Stack, connect: Callable[[], Objects], say: Callable[[str], None]) -> None:
    """Makes a stack ready for the next operation, whatever became of the last one.

    Processes of dead runs end, locks of dead owners go, pending operations are settled. Where there was no
    crash nothing happens.

    Args:
        stack: The stack, selected.
        connect: Gives access to the cluster that the stack's objects are on; called where one was pending.
        say: Told each thing that was done, in one line.

    Raises:
        ColonnadeError: A live process holds the lock, or the cluster cannot be asked.
    """
    left = processes.orphans()
    if left:
        processes.end(left)
        say(f"ended {len(left)} processes of a run that died: {', '.join(sorted({p.command for p in left}))}")
    for lock in release_locks(stack.directory, stack.name, stack.environment()):
        say(f"released the lock of process {lock.pid}, which is dead ({lock.path.name})")
    settle(stack, connect, say)


def release_locks(project: Path, stack: str, environment: Mapping[str, str]) -> list[Lock]:
    """Removes the locks whose owner is dead and returns them; other backends than file:// have none here.

    Raises:
        ColonnadeError: The owner of a lock is alive, or on another machine.
    """
    folder = _lock_directory(project, stack, environment)
    released: list[Lock] = []
    for path in sorted(folder.glob("**/*")) if folder else []:
        if not path.is_file():
            continue
        lock = _read(path)
        if lock is None:
            continue
        if lock.pid and lock.host != socket.gethostname():
            raise ColonnadeError(
                f"stack {stack} is locked by process {lock.pid} on machine {lock.host}",
                f"wait for it, or, if that machine is gone, run `pulumi cancel --stack {stack}`",
            )
        if lock.pid and _holds(lock):
            raise ColonnadeError(
                f"stack {stack} is locked by process {lock.pid}, which is alive",
                f"wait until it ends, or end it: kill -INT {lock.pid}",
            )
        path.unlink(missing_ok=True)
        released.append(lock)
    return released


def _read(path: Path) -> Lock | None:
    """Reads a lock; None where it is gone or still being written, process 0 where it is torn."""
    try:
        text, written = path.read_text(encoding="utf-8"), path.stat().st_mtime
    except FileNotFoundError:
        return None
    try:
        content = json.loads(text)
        since = datetime.fromisoformat(content["timestamp"]).timestamp()
        return Lock(path, int(content["pid"]), content["hostname"], since)
    except (ValueError, KeyError, TypeError):
        return Lock(path, 0, "", written) if time.time() - written > _TORN_SECONDS else None


def _holds(lock: Lock) -> bool:
    """Tells whether the lock's owner lives: a process of that number which is older than the lock."""
    started = processes.started_at(lock.pid)
    return started is not None and started <= lock.since + _SLACK_SECONDS


def _lock_directory(project: Path, stack: str, environment: Mapping[str, str]) -> Path | None:
    try:
        described = yaml.safe_load((project / "Pulumi.yaml").read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ColonnadeError(
            f"{project / 'Pulumi.yaml'} cannot be read: {error}", "restore the file"
        ) from error
    home = Path(environment.get("PULUMI_HOME") or Path.home() / ".pulumi")
    url = environment.get("PULUMI_BACKEND_URL") or (described.get("backend") or {}).get("url")
    credentials = home / "credentials.json"
    if not url and credentials.is_file():
        url = json.loads(credentials.read_text(encoding="utf-8")).get("current")
    if not url or not url.startswith("file://"):
        return None
    place = os.path.expanduser(url.removeprefix("file://").partition("?")[0])  # noqa: PTH111 - as the engine does
    return Path(project, place, ".pulumi", "locks", "organization", described["name"], stack)


def settle(stack: Stack, connect: Callable[[], Objects], say: Callable[[str], None]) -> None:
    """Settles the operations that were under way when the engine died, and says what became of each.

    A creation whose object is not there is forgotten; the next update does it again. One whose object is
    there is adopted by the next update: a creation applies onto what exists, and takes the fields over once
    they are taken off the manager that the dead run drew by lot. Interrupted updates and deletions are
    repeated by the next update; what they touched is refreshed first.

    Raises:
        ColonnadeError: The cluster cannot be asked, or the state cannot be read or written.
    """
    state = stack.export()
    deployment = state.get("deployment") or {}
    pending = deployment.get("pending_operations") or []
    if not pending:
        return
    ours = {
        manager
        for resource in deployment.get("resources") or []
        if isinstance(manager := (resource.get("outputs") or {}).get("__fieldManager"), str)
    }
    objects: Objects | None = None
    again: list[str] = []
    known = {resource["urn"] for resource in deployment.get("resources") or []}
    for operation in pending:
        resource, what = operation["resource"], operation["type"]
        urn = resource["urn"]
        became = "it is done again"
        if what == "creating" and resource["type"].startswith("kubernetes:"):
            objects = objects or connect()
            became = _settle_object(resource, objects, ours)
        elif what != "creating" and urn in known:
            again.append(urn)
        say(f"{label(urn)} was interrupted while {what}: {became}")
    deployment["pending_operations"] = []
    stack.replace_state(state)
    if again:
        stack.refresh(arguments=[part for urn in again for part in ("--target", urn)])


def _settle_object(resource: Mapping[str, Any], objects: Objects, ours: set[str]) -> str:
    inputs = resource.get("inputs") or {}
    metadata = inputs.get("metadata") or {}
    identity = (inputs.get("apiVersion"), inputs.get("kind"), metadata.get("namespace"), metadata.get("name"))
    api_version, kind, namespace, name = identity
    if not (api_version and kind and name) or resource["type"].endswith("Patch"):
        return "it is done again"
    managers = objects.managers(api_version, kind, namespace, name)
    if managers is None:
        return "its object is not there, it is created again"
    lost = [m for m in managers if m.startswith("pulumi-kubernetes-") and m not in ours]
    if lost:
        objects.disown(api_version, kind, namespace, name, lost)
    return "its object is there and is adopted"
