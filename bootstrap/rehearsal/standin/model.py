"""What a rehearsed cloud is made of: resources, refusals, and the account that holds the resources."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

# The protocol fixes how a value that is not known yet is marked.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


@dataclass(frozen=True)
class Resource:
    """A resource as the cloud holds it; names are those of the wire, and the outputs include the inputs."""

    type: str
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]


@dataclass(frozen=True)
class Refusal:
    """Why the cloud says no: the property at fault, the reason, and where that rule is stated."""

    property: str
    reason: str
    source: str
    code: str = ""

    def __str__(self) -> str:
        code = f" [{self.code}]" if self.code else ""
        return f"{self.property}: {self.reason}{code} ({self.source})"


class RefusedError(Exception):
    """An operation that the cloud refused, with every reason."""

    def __init__(self, refusals: list[Refusal]) -> None:
        super().__init__("; ".join(str(refusal) for refusal in refusals))
        self.refusals = refusals


class Account(Protocol):
    """The living resources of one account in one region."""

    @property
    def region(self) -> str:
        """The region that resources are made in where they name none."""

    @property
    def id(self) -> str:
        """The number or name of the account."""

    def get(self, type: str, id: str) -> Resource | None:
        """Returns the resource of that type and id, or None where it does not live."""

    def all(self, type: str) -> list[Resource]:
        """Returns the resources of a type in the order in which they were made."""

    def find(self, type: str, output: str, value: Any) -> list[Resource]:
        """Returns the resources of a type whose output (a dotted path) has that value."""

    def referrers(self, resource: Resource) -> list[tuple[Resource, str]]:
        """Returns who names a resource and keeps it from being deleted, each with the path that names it."""

    def tags(self, resource: Resource) -> dict[str, str]:
        """Returns all tags of a resource, those of the provider included."""

    def drift(self, type: str, id: str, path: str, value: Any) -> Resource:
        """Changes a resource behind the program's back.

        Raises:
            KeyError: No such resource lives.
        """


# Yields why the resource cannot become, change to, or cease to be what is given.
Rule = Callable[[Resource, Account], Iterator[Refusal]]


def select(document: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yields the values that a path names, each with its own path; `[]` stands for each element.

    What is absent, null or not known yet on the way yields nothing; an element of a mapping counts as one of
    a list. The value itself may be UNKNOWN.
    """
    first, _, rest = path.partition(".")
    name = first.removesuffix("[]")
    value = document.get(name) if isinstance(document, Mapping) else None
    if value is None or (value == UNKNOWN and (rest or first != name)):
        return
    found: list[tuple[str, Any]] = [(name, value)]
    if first != name:
        entries = value.items() if isinstance(value, Mapping) else enumerate(value)
        found = [(f"{name}[{key}]", entry) for key, entry in entries if entry is not None]
    for place, entry in found:
        if not rest:
            yield place, entry
        else:
            yield from ((f"{place}.{below}", leaf) for below, leaf in select(entry, rest))


def merge(below: Any, above: Any) -> Any:
    """Returns both mappings as one, nested ones alike; where both have a value, `above` wins."""
    if not (isinstance(below, Mapping) and isinstance(above, Mapping)):
        return below if above is None else above
    return {
        name: merge(below.get(name), above.get(name))
        for name in [*below, *(n for n in above if n not in below)]
    }
