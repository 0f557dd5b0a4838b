"""Archives that are equal, byte for byte, where their contents are."""

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path


def pack(directory: Path, place: Path) -> None:
    """Writes a directory, with itself as the only folder at the top, as a compressed archive."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    write({str(path.relative_to(directory.parent)): path.read_bytes() for path in files}, place)


def write(files: Mapping[str, bytes], place: Path) -> None:
    """Writes files as a compressed archive; owner, mode and time are the same for all."""
    # Neither the name nor the time may show in the compressed stream's head.
    with (
        place.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w") as tar,
    ):
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(files[name]), 0o644
            tar.addfile(entry, io.BytesIO(files[name]))


def read(place: Path) -> dict[str, bytes]:
    """Returns the files of an archive."""
    with tarfile.open(place) as tar:
        return {
            member.name: stream.read()
            for member in tar
            if member.isfile() and (stream := tar.extractfile(member)) is not None
        }
