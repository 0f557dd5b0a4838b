"""Built images on disk: one OCI layout for each content address."""

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bootstrap.paths import cache_root

KEPT = 3


@dataclass(frozen=True)
class Layout:
    """A finished image: an OCI layout with one manifest, which is never written again."""

    path: Path

    @property
    def reference(self) -> str:
        """How buildah and skopeo name it."""
        return f"oci:{self.path}:image"

    @property
    def digest(self) -> str:
        """The digest of the manifest: `sha256:...`."""
        index = json.loads((self.path / "index.json").read_text())
        return str(index["manifests"][0]["digest"])

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())


class Shelf:
    """The place of one image in the cache, `<cache>/images/<name>`.

    A layout appears there under its address all at once, when it is complete; so what is there can be used.
    """

    def __init__(self, name: str) -> None:
        self.root = cache_root() / "images" / name
        self.log = self.root / "build.log"

    def find(self, address: str) -> Layout | None:
        """Returns the finished image of that address, if there is one."""
        path = self.root / address
        return Layout(path) if (path / "index.json").is_file() else None

    @contextmanager
    def workshop(self) -> Iterator[Path]:
        """Gives an empty folder to build in, to one builder at a time.

        The lock dies with its owner, and only its owner uses the folder; what an earlier one left is removed.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            path = self.root / "building"
            if path.exists():
                shutil.rmtree(path)
            path.mkdir()
            try:
                yield path
            finally:
                shutil.rmtree(path, ignore_errors=True)

    def publish(self, made: Path, address: str) -> Layout:
        """Moves a complete layout to its address, and keeps a few of the image's earlier ones.

        Checkouts share the cache, and each may stand at another state of the image.
        """
        target = self.root / address
        made.rename(target)
        earlier = [index.parent for index in self.root.glob("*/index.json") if index.parent != target]
        for path in sorted(earlier, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
            shutil.rmtree(path)
        return Layout(target)
