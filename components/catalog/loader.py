"""Reads catalog data; every fault of a file at once."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from components.catalog.part import Part

DATA = Path(__file__).with_name("catalog.yaml")


class CatalogError(LookupError):
    """The catalog does not say what was asked of it, or its data is faulty; names value and fix."""

    def __str__(self) -> str:
        # A LookupError's own str() would quote the message where it is a KeyError; this is a plain line.
        return str(self.args[0])


def load(path: Path = DATA) -> dict[str, Part]:
    """Returns the parts of a catalog by name, in the order of the file.

    Raises:
        CatalogError: The file is no such catalog; every fault is named.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise CatalogError(f"{path.name} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise CatalogError(f"{path.name} is not a mapping of parts; fix: see its first lines")
    parts: dict[str, Part] = {}
    faults: list[str] = []
    for name, entry in content.items():
        try:
            parts[name] = Part.model_validate({"name": name, **_mapping(entry)})
        except ValidationError as error:
            faults += [f"{_path(name, fault['loc'])}: {fault['msg']}" for fault in error.errors()]
    owners: dict[str, str] = {}
    for part in parts.values():
        for label in part.labels:
            if owners.setdefault(label, part.name) != part.name:
                faults.append(f"{part.name}.labels: {label!r} is a label of {owners[label]} already")
    if faults:
        raise CatalogError(f"{path.name}: " + "; ".join(faults))
    return parts


def _mapping(entry: Any) -> dict[str, Any]:
    return entry if isinstance(entry, dict) else {"": entry}


def _path(name: str, location: tuple[int | str, ...]) -> str:
    return ".".join([name, *(str(part) for part in location)])
