"""Where a stack takes charts and images from, and the texts of the files that it names."""

from collections.abc import Mapping
from pathlib import Path

import pulumi

from components import catalog
from stacks.settings import Settings
from stacks.settings.model import resolve


def images(settings: Settings) -> Mapping[str, str]:
    """Returns the reference of every image by part: the stack's own, else upstream's or the mirror's."""
    source = settings.sources.images
    return catalog.references(settings.images, source.location if source.kind == "mirror" else None)


def charts(settings: Settings) -> str | None:
    """Returns the mirror or the directory that charts come from; None for upstream's."""
    source = settings.sources.charts
    if source.kind == "directory" and source.location:
        return str(resolve(source.location))
    return source.location


def text(path: Path | None) -> str | None:
    """Returns what a file holds; None for no file."""
    return path.read_text() if path else None


def secret_text(path: Path | None) -> pulumi.Output[str] | None:
    """Returns what a file holds as a secret; None for no file."""
    return pulumi.Output.secret(path.read_text()) if path else None
