"""Content addresses: the same inputs have the same address, and nothing is built twice."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

# Part of every address: raise it when the way of building changes what comes out.
RECIPE = "1"


def digest_of(path: Path) -> str:
    """Returns the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def address(files: Mapping[str, Path], base: str, programs: Mapping[str, Path]) -> str:
    """Returns the address of an image.

    It depends on the names, executable bits and contents of `files`, on the base (a digest or an official
    reference), and on where each program lies in the image and its content; not on times or on where anything
    lies on this machine.
    """
    lines = [f"recipe {RECIPE}", f"base {base}"]
    for name, path in sorted(files.items()):
        lines.append(f"file {name} {'x' if os.access(path, os.X_OK) else '-'} {digest_of(path)}")
    lines.extend(f"program {place} {digest_of(path)}" for place, path in sorted(programs.items()))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
