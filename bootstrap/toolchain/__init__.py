"""The tools that Colonnade runs: declared in data, built from their modules, found by name."""

from bootstrap.toolchain.links import link
from bootstrap.toolchain.store import binary, module_file

__all__ = ["binary", "link", "module_file"]
