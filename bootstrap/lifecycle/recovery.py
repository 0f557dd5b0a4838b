"""Settles what a crash left behind: processes, locks, and operations that were under way.

The engine's file backend does not notice that the owner of a lock died, and an interrupted operation stays
pending in the state: whether its object exists, only a look at the cluster tells.
"""

import glob
import json
import os
import socket
import time
from collections.abc import Callable, Collection, Mapping
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
# The file backend keeps attributes of a file beside it.
_SIDECAR = ".attrs"
_TEMPORARY = ".tmp"
# The provider draws the name of a field manager for each object, with this prefix.
_MANAGER = "pulumi-kubernetes-"
# Providers whose resources are found by `bootstrap.lifecycle.cloud`.
_CLOUDS = ("aws:",)


class Objects(Protocol):
    """The objects of a cluster."""

    def find(self, api_version: str, kind: str, namespace: str | None, name: str) -> Mapping[str, Any] | None:
        """Returns an object, or None where there is no such object."""


@dataclass(frozen=True)
class Lock:
    """A lock of the file backend."""

    path: Path
    pid: int
    host: str
    since: float


# Returns the id of a resource of a cloud that was being created, None where there is none; given the resource
# and the ids of its type that the state has.
Find = Callable[[Mapping[str, Any], Collection[str]], str | None]


def no_cloud(resource: Mapping[str, Any], held: Collection[str]) -> str | None:  # noqa: ARG001
    """Refuses to look up a resource of a cloud: for stacks that stand on none.

    Raises:
        ColonnadeError: Always.
    """
    raise ColonnadeError(
        f"{label(resource['urn'])} is of a cloud, and the stack stands on none",
        "name the stack that it belongs to",
    )


def recover(
    stack: Stack,
    connect: Callable[[], Objects],
    say: Callable[[str], None],
    find: Find = no_cloud,
) -> None:
    """Makes a stack ready for the next operation, whatever became of the last one, and selects it.

    Processes of dead runs end, locks of dead owners go, pending operations are settled. Where there was no
    crash nothing else happens; a stack that does not exist is created.

    Args:
        stack: The stack.
        connect: Gives access to the cluster that the stack's objects are on; called where one was pending.
        say: Told each thing that was done, in one line.
        find: Looks up resources of a cloud.

    Raises:
        ColonnadeError: A live process holds the lock, or cluster or cloud cannot be asked.
    """
    unlock(stack, say)
    stack.select()
    settle(stack, connect, say, find)


def unlock(stack: Stack, say: Callable[[str], None]) -> None:
    """Ends the processes of dead runs and removes the locks of dead owners.

    An engine whose `colonnade` was killed is given time to finish what it has begun.

    Raises:
        ColonnadeError: A live process holds the lock.
    """
    left = processes.orphans()
    if left:
        processes.end(left)
        say(f"ended {len(left)} processes of a run that died: {', '.join(sorted({p.command for p in left}))}")
    for lock in release_locks(stack.directory, stack.name, stack.environment()):
        owner = f"of process {lock.pid}, which is dead" if lock.pid else "that a crash left half written"
        say(f"released the lock {owner} ({lock.path.name})")
    for path in remove_torn_files(stack.directory, stack.name, stack.environment()):
        say(f"removed {path.name}, which a crash left half written")


def remove_torn_files(project: Path, stack: str, environment: Mapping[str, str]) -> list[Path]:
    """Removes what an engine that was killed while it saved the stack's state left, and returns it.

    The engine replaces a file at once by writing a temporary one first, but writes the attributes beside
    it in place; with torn attributes it reads nothing of the whole backend. Missing ones do no harm.
    Nobody may be working on the stack.
    """
    locks = _lock_directory(project, stack, environment)
    if locks is None:
        return []
    root, name = locks.parents[3], locks.parent.name
    states = [*(root / "stacks" / name).glob(f"{glob.escape(stack)}.json*")]
    kept = [path for kind in ("backups", "history") for path in (root / kind / name / stack).glob("*")]
    torn = [
        path
        for path in (*states, *kept)
        if path.suffix == _TEMPORARY or (path.suffix == _SIDECAR and not _is_json(path))
    ]
    for path in torn:
        path.unlink()
    return torn


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return True


def release_locks(project: Path, stack: str, environment: Mapping[str, str]) -> list[Lock]:
    """Removes the locks whose owner is dead and returns them; other backends than file:// have none here.

    Raises:
        ColonnadeError: The owner of a lock is alive, or on another machine.
    """
    folder = _lock_directory(project, stack, environment)
    released: list[Lock] = []
    for path in sorted(folder.glob("**/*")) if folder else []:
        if not path.is_file() or path.suffix == _SIDECAR:
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
        path.with_name(path.name + _SIDECAR).unlink(missing_ok=True)
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


def settle(
    stack: Stack,
    connect: Callable[[], Objects],
    say: Callable[[str], None],
    find: Find = no_cloud,
) -> None:
    """Settles the operations that were under way when the engine died, and says what became of each.

    A creation whose object is not there is forgotten; the next update does it again. One whose object is
    there is adopted into the state, under the field manager that the dead run drew by lot, so that neither a
    later change conflicts nor an object is left that nobody deletes. What was made on a cloud is adopted by
    the id that it is found under. Interrupted updates and deletions are repeated by the next update. What the
    operations touched is refreshed, and what then does not live is forgotten.

    Raises:
        ColonnadeError: Cluster or cloud cannot be asked, or the state cannot be read or written.
    """
    state = stack.export()
    deployment = state.get("deployment") or {}
    pending = deployment.get("pending_operations") or []
    if not pending:
        return
    resources: list[dict[str, Any]] = deployment.setdefault("resources", [])
    objects: Objects | None = None
    touched: list[str] = []
    for operation in pending:
        resource, what = operation["resource"], operation["type"]
        urn = resource["urn"]
        became = "it is done again"
        if what == "creating" and _is_object(resource):
            objects = objects or connect()
            adopted = _adopted(resource, objects)
            if adopted is None:
                became = "its object is not there, it is created again"
            elif _insert(resources, adopted):
                became = "its object is there and is adopted"
                touched.append(urn)
        elif what == "creating" and resource["type"].startswith(_CLOUDS):
            held = {known["id"] for known in resources if known["type"] == resource["type"]}
            found = find(resource, held)
            if found is None:
                became = "it is not there, it is created again"
            else:
                became = f"{found} is looked up and adopted"
                _replace(resources, {**resource, "id": found, "outputs": dict(resource["inputs"])})
                touched.append(urn)
        elif what != "creating" and any(known["urn"] == urn for known in resources):
            touched.append(urn)
        say(f"{label(urn)} was interrupted while {what}: {became}")
    deployment["pending_operations"] = []
    stack.replace_state(state)
    if touched:
        stack.refresh(arguments=[part for urn in touched for part in ("--target", urn)])


def _is_object(resource: Mapping[str, Any]) -> bool:
    """Tells whether a resource is one object of a cluster; a patch changes an object of others."""
    inputs = resource.get("inputs") or {}
    named = inputs.get("apiVersion") and inputs.get("kind") and (inputs.get("metadata") or {}).get("name")
    return (
        bool(named) and resource["type"].startswith("kubernetes:") and not resource["type"].endswith("Patch")
    )


def _adopted(resource: Mapping[str, Any], objects: Objects) -> dict[str, Any] | None:
    """Returns the state of a resource whose creation happened, as the provider would have left it, or None.

    An object that no engine applied is somebody else's: the creation did not happen.
    """
    inputs = resource["inputs"]
    metadata = inputs["metadata"]
    found = objects.find(inputs["apiVersion"], inputs["kind"], metadata.get("namespace"), metadata["name"])
    if found is None:
        return None
    fields = found["metadata"].get("managedFields") or []
    managers = [entry["manager"] for entry in fields if entry["manager"].startswith(_MANAGER)]
    if not managers:
        return None
    namespace = found["metadata"].get("namespace")
    outputs = {
        **inputs,
        "__inputs": inputs,
        "__initialApiVersion": inputs["apiVersion"],
        "__fieldManager": managers[-1],
    }
    return {
        **resource,
        "id": f"{namespace}/{metadata['name']}" if namespace else metadata["name"],
        "outputs": outputs,
        # The next update waits until the object is ready, unless the refresh finds that it is.
        "initErrors": ["the engine died before the object was ready"],
    }


def _replace(resources: list[dict[str, Any]], adopted: dict[str, Any]) -> None:
    """Puts a resource of a cloud into the state; what it replaces lives, and the next update deletes it."""
    if not _insert(resources, adopted):
        for known in resources:
            if known["urn"] == adopted["urn"]:
                known["delete"] = True
        resources.append(adopted)


def _insert(resources: list[dict[str, Any]], adopted: dict[str, Any]) -> bool:
    """Puts a resource into the state; False where the state holds it already."""
    for index, known in enumerate(resources):
        if known["urn"] == adopted["urn"]:
            # A replacement that had deleted the old object keeps the resource until the new one is there.
            if known.get("pendingReplacement"):
                resources[index] = adopted
                return True
            return False
    # At the end, where everything that it depends on comes before it.
    resources.append(adopted)
    return True
