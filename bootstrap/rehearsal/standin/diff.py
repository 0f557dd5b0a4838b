"""What a change of inputs means: nothing, an update, or a replacement."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bootstrap.rehearsal.standin.table import TypeTable

_ABSENT = object()
_STEP = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+|\*)\]|([^.\[\]]+)')
_PLAIN = re.compile(r"[A-Za-z_$][\w$-]*")

Path = tuple[str | int, ...]


class UnknownBehaviourError(Exception):
    """A property changed of which the table does not say what happens then."""


@dataclass(frozen=True)
class Change:
    """One leaf that changed.

    Attributes:
        path: Where, in the notation of the protocol.
        kind: ADD, DELETE or UPDATE, with _REPLACE where the resource has to be made anew.
    """

    path: str
    kind: str

    @property
    def replaces(self) -> bool:
        """Whether the resource has to be made anew."""
        return self.kind.endswith("_REPLACE")

    @property
    def property(self) -> str:
        """The property of the resource that changed."""
        return str(_parse(self.path)[0])


@dataclass(frozen=True)
class Difference:
    """All that changed, and whether the old resource stands in the way of the new one."""

    changes: list[Change] = field(default_factory=list)
    delete_first: bool = False


def compare(
    token: str, table: TypeTable, old: Mapping[str, Any], new: Mapping[str, Any], ignored: Sequence[str] = ()
) -> Difference:
    """Compares inputs.

    Raises:
        UnknownBehaviourError: A changed property is in neither list of the table; the message names the row
            to add.
    """
    passed_over = [_parse(path) for path in ignored]
    changes = [
        Change(_written(path), kind + ("_REPLACE" if _behaviour(token, table, path) == "replace" else ""))
        for path, kind in _leaves(old, new, ())
        if not any(_covers(above, path) for above in passed_over)
    ]
    replaced = any(change.replaces for change in changes)
    # What two living resources cannot share, a replacement shares with what it replaces.
    groups = [*table.unique, *([[table.name.property]] if table.name else [])]
    shared = any(
        all(old.get(name) is not None and old.get(name) == new.get(name) for name in group)
        for group in groups
    )
    return Difference(changes, delete_first=replaced and shared)


def _leaves(old: Any, new: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if old is None or old is _ABSENT:
        if new is not None and new is not _ABSENT:
            yield path, "ADD"
    elif new is None or new is _ABSENT:
        yield path, "DELETE"
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            if not name.startswith("__"):
                yield from _leaves(old.get(name), new.get(name), (*path, name))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else _ABSENT
            after = new[index] if index < len(new) else _ABSENT
            yield from _leaves(before, after, (*path, index))
    elif old != new:
        yield path, "UPDATE"


def _behaviour(token: str, table: TypeTable, path: Path) -> str:
    """Returns what the most specific entry of the table says."""
    for length in range(len(path), 0, -1):
        name = ""
        for step in path[:length]:
            name += "[]" if isinstance(step, int) else f".{step}" if name else str(step)
        for candidate in (name, name.removesuffix("[]")):
            if candidate in table.replace:
                return "replace"
            if candidate in table.update:
                return "update"
    raise UnknownBehaviourError(
        f"{token}: {_written(path)} changed, and the table does not say what the real cloud does then;"
        f" add {path[0]} to its `update` or `replace`, with the source"
    )


def _parse(path: str) -> Path:
    steps: list[str | int] = []
    for match in _STEP.finditer(path):
        quoted, index, plain = match.groups()
        if quoted is not None:
            steps.append(quoted.replace('\\"', '"'))
        else:
            steps.append(int(index) if index and index != "*" else index or plain)
    return tuple(steps)


def _written(path: Path) -> str:
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN.fullmatch(step):
            text += f".{step}" if text else step
        else:
            quoted = step.replace('"', '\\"')
            text += f'["{quoted}"]'
    return text


def _covers(above: Path, path: Path) -> bool:
    return len(above) <= len(path) and all(a in ("*", p) for a, p in zip(above, path, strict=False))
