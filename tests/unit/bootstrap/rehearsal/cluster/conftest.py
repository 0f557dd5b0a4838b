"""An API server that keeps objects by path, and knows no more than that."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest

Document = dict[str, Any]


class Shelf:
    """Answers as `Api` does."""

    def __init__(self) -> None:
        self.objects: dict[str, Document] = {}
        self.calls: list[tuple[str, str]] = []
        self.closed = False

    def put(self, collection: str, document: Document) -> Document:
        """Puts an object below a collection over all namespaces; returns what is kept."""
        head, _, plural = collection.rpartition("/")
        metadata = document["metadata"]
        within = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
        kept = copy.deepcopy(document)
        self.objects[f"{head}{within}/{plural}/{metadata['name']}"] = kept
        return kept

    def list(self, path: str) -> list[Document]:
        collection, _, selector = path.partition("?")
        head, _, plural = collection.rpartition("/")
        node = selector.rpartition("spec.nodeName%3D")[2]
        return [
            copy.deepcopy(found)
            for place, found in self.objects.items()
            if place.startswith(head)
            and place.split("/")[-2] == plural
            and (not node or found["spec"].get("nodeName") == node)
        ]

    def get(self, path: str) -> Document | None:
        return copy.deepcopy(self.objects.get(path))

    def create(self, path: str, document: Mapping[str, Any]) -> Document | None:
        place = f"{path}/{document['metadata']['name']}"
        if place in self.objects:
            return None
        self.calls.append(("create", place))
        self.objects[place] = copy.deepcopy(dict(document))
        return dict(document)

    def patch(self, path: str, change: Mapping[str, Any]) -> Document | None:
        self.calls.append(("patch", path))
        found = self.objects.get(path.removesuffix("/status"))
        if found is None:
            return None
        merge(found, change)
        return found

    def delete(self, path: str, grace_seconds: int | None = None) -> None:  # noqa: ARG002
        self.calls.append(("delete", path))
        self.objects.pop(path, None)

    def close(self) -> None:
        self.closed = True


def merge(below: Document, above: Mapping[str, Any]) -> None:
    for name, value in above.items():
        if isinstance(value, Mapping) and isinstance(below.get(name), dict):
            merge(below[name], value)
        else:
            below[name] = value


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()
