"""What the parts of the catalog mean for one stack: references of images, addresses of manifests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from components.catalog.loader import CatalogError, load
from components.catalog.part import Part

PARTS: Final[Mapping[str, Part]] = load()
EDGE_LABELS: Final[tuple[str, ...]] = tuple(label for entry in PARTS.values() for label in entry.labels)


def part(name: str) -> Part:
    """Returns the part of that name.

    Raises:
        CatalogError: The catalog has no such part.
    """
    if name not in PARTS:
        raise CatalogError(f"the catalog has no part {name!r}; fix: use one of {', '.join(sorted(PARTS))}")
    return PARTS[name]


def image(name: str, images: Mapping[str, str]) -> str:
    """Returns the reference of a part's image: the one that the stack names, else the upstream one.

    Args:
        name: Name of the part.
        images: The stack's `images`: name of a part to a reference by digest.

    Raises:
        CatalogError: The part has no image, or Colonnade builds it and the stack names none.
    """
    entry = part(name)
    if name in images:
        return images[name]
    if entry.built == "own":
        raise CatalogError(
            f"the stack names no image for {name}, which Colonnade builds itself; "
            "fix: run `colonnade images build` and set "
            f"colonnade:images.{name} to the reference that it prints"
        )
    if entry.image is None:
        raise CatalogError(f"{name} runs as no image; fix: see `colonnade catalog list`")
    return entry.image


def references(images: Mapping[str, str], mirror: str | None = None) -> dict[str, str]:
    """Returns the references of all images of the platform by part, for a stack that may use a mirror.

    Args:
        images: The stack's `images`, which come first.
        mirror: Registry and path that hold what upstream registries hold, under the same repositories and
            tags.
    """
    upstream = {
        name: mirrored(entry.image, mirror) for name, entry in PARTS.items() if entry.image is not None
    }
    return {**upstream, **images}


def mirrored(reference: str, mirror: str | None) -> str:
    """Returns the reference in the mirror: the registry's host gives way, repository and tag stay."""
    return f"{mirror.rstrip('/')}/{reference.partition('/')[2]}" if mirror else reference


def manifest(name: str, source: str = "upstream", location: str | Path | None = None) -> str:
    """Returns the address or path of a part's definitions.

    In a directory they are `<name>-<version>.yaml`.

    Raises:
        CatalogError: The part has none, the source cannot hold manifests, or the directory lacks them.
    """
    entry = part(name)
    if entry.manifest is None:
        raise CatalogError(f"{name} has no manifest; fix: see `colonnade catalog list`")
    if source == "upstream":
        return entry.manifest
    if source != "directory" or location is None:
        # A mirror is an OCI registry, which holds charts and images.
        raise CatalogError(
            f"the manifest of {name} cannot come from source {source!r}; fix: take upstream or a directory"
        )
    path = Path(location) / f"{name}-{entry.version}.yaml"
    if not path.is_file():
        raise CatalogError(f"{path} is missing; fix: put the file behind {entry.manifest} there")
    return str(path)
