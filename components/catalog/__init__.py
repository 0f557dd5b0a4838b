"""Every third-party part once: version, licence, source, images, and what replaces it if it dies.

Importing it loads data alone, so that tools around the engine can read it as well.
"""

from components.catalog.loader import CatalogError, load
from components.catalog.part import Chart, Part
from components.catalog.resolution import EDGE_LABELS, PARTS, image, manifest, part, references

__all__ = [
    "EDGE_LABELS",
    "PARTS",
    "CatalogError",
    "Chart",
    "Part",
    "image",
    "load",
    "manifest",
    "part",
    "references",
]
