"""The account of a rehearsed cloud, kept in SQLite: it outlives engines that are killed."""

import json
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bootstrap.rehearsal.standin.cloud import Cloud
from bootstrap.rehearsal.standin.model import UNKNOWN, Resource, merge, select
from bootstrap.rehearsal.standin.templates import fill

_SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (
    number INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT, id TEXT, inputs TEXT, computed TEXT, outputs TEXT,
    UNIQUE (type, id)
)
"""


class Store:
    """An account; implements `model.Account`. Threads may share it.

    Args:
        cloud: The cloud that the account is of.
        id: The number or name of the account.
        region: The region that resources are made in where they name none.
        file: Where the resources are kept; by default in memory.
    """

    def __init__(self, cloud: Cloud, id: str, region: str, file: Path | None = None) -> None:
        self.cloud, self.id, self.region = cloud, id, region
        self._lock = threading.RLock()
        self._database = sqlite3.connect(file or ":memory:", check_same_thread=False, isolation_level=None)
        # The file has to survive the death of an engine, not that of the machine.
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(_SCHEMA)
        self._referring: dict[str, set[str]] = defaultdict(set)
        for token, table in cloud.types.items():
            for targets in table.refers.values():
                for target in targets:
                    self._referring[target.partition("#")[0]].add(token)

    def close(self) -> None:
        """Closes the file; nothing may be asked afterwards."""
        with self._lock:
            self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Makes all changes within one: all of them, or none where it fails; it may be within another."""
        with self._lock, ExitStack() as whole:
            # Leaving an inner one would commit what the outer one has not decided yet.
            if not self._database.in_transaction:
                self._database.execute("BEGIN")
                whole.enter_context(self._database)
            yield

    def get(self, type: str, id: str) -> Resource | None:
        """See `model.Account`."""
        return next(iter(self._select("WHERE type = ? AND id = ?", type, id)), None)

    def all(self, type: str) -> list[Resource]:
        """See `model.Account`."""
        return self._select("WHERE type = ?", type)

    def living(self) -> list[Resource]:
        """Returns every resource, in the order in which they were made."""
        return self._select("")

    def find(self, type: str, output: str, value: Any) -> list[Resource]:
        """See `model.Account`."""
        return self.names(f"{type}#{output}", value)

    def names(self, target: str, value: Any) -> list[Resource]:
        """Returns what a value names, given an entry of a table's `refers` that is no expression."""
        return [found for found in self.all(target.partition("#")[0]) if _is(found, target, value)]

    def referrers(self, resource: Resource) -> list[tuple[Resource, str]]:
        """See `model.Account`."""
        found = []
        for token in sorted(self._referring[resource.type]):
            table = self.cloud.types[token]
            strong = {
                path: [target for target in targets if target.partition("#")[0] == resource.type]
                for path, targets in table.refers.items()
                if path not in table.weak
            }
            for other in self.all(token):
                found += [
                    (other, place)
                    for path, targets in strong.items()
                    for place, value in select(other.inputs, path)
                    if (other.type, other.id) != (resource.type, resource.id)
                    and any(_is(resource, target, value) for target in targets)
                ]
        return found

    def tags(self, resource: Resource) -> dict[str, str]:
        """See `model.Account`."""
        tagging = self.cloud.tagging
        return dict(resource.outputs.get(tagging.all) or {}) if tagging else {}

    def add(self, resource: Resource, computed: dict[str, Any] | None = None) -> None:
        """Adds a resource, or puts it in the place of what it was before.

        Args:
            resource: As it lives.
            computed: Its outputs without what comes from inputs and defaults; by default all of them.
        """
        texts = [
            json.dumps(part)
            for part in (
                resource.inputs,
                resource.outputs if computed is None else computed,
                resource.outputs,
            )
        ]
        with self.transaction():
            self._database.execute(
                "INSERT INTO resources (type, id, inputs, computed, outputs) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (type, id) DO UPDATE"
                " SET inputs = excluded.inputs, computed = excluded.computed, outputs = excluded.outputs",
                (resource.type, resource.id, *texts),
            )

    def computed(self, resource: Resource) -> dict[str, Any]:
        """Returns the outputs of a living resource that come from neither inputs nor defaults."""
        with self._lock:
            row = self._database.execute(
                "SELECT computed FROM resources WHERE type = ? AND id = ?", (resource.type, resource.id)
            ).fetchone()
        return dict(json.loads(row[0]))

    def remove(self, resource: Resource) -> None:
        """Removes a resource without asking; what is gone already stays gone."""
        with self.transaction():
            self._database.execute(
                "DELETE FROM resources WHERE type = ? AND id = ?", (resource.type, resource.id)
            )

    def drift(self, type: str, id: str, path: str, value: Any) -> Resource:
        """See `model.Account`."""
        with self.transaction():
            resource = self.get(type, id)
            if resource is None:
                raise KeyError(f"{type} {id} does not live")
            change = value
            for name in reversed(path.split(".")):
                change = {name: change}
            given = path.partition(".")[0] in {*resource.inputs, *self.cloud.types[type].defaults}
            drifted = Resource(
                type,
                id,
                merge(resource.inputs, change) if given else resource.inputs,
                merge(resource.outputs, change),
            )
            computed = self.computed(resource)
            self.add(drifted, computed if given else merge(computed, change))
        return drifted

    def _select(self, condition: str, *values: str) -> list[Resource]:
        if UNKNOWN in values:
            return []
        with self._lock:
            rows = self._database.execute(
                f"SELECT type, id, inputs, outputs FROM resources {condition} ORDER BY number",  # noqa: S608 - constants
                values,
            ).fetchall()
        return [Resource(type, id, json.loads(i), json.loads(o)) for type, id, i, o in rows]


def _is(resource: Resource, target: str, value: Any) -> bool:
    output = target.partition("#")[2]
    if not output:
        return bool(resource.id == value)
    if "{" in output:
        return bool(fill(output, resource.outputs) == value)
    return value in [entry for _, entry in select(resource.outputs, output)]
