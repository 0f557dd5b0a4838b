"""Room on disk: checked before long work, and told plainly when it runs out."""

import errno
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from bootstrap.errors import ColonnadeError

_MEGABYTE = 1024 * 1024


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def full(path: Path) -> ColonnadeError:
    """Returns the error that says that the file system of a path is full."""
    return ColonnadeError(
        f"no space left on the disk of {path}", "free space there and run the command again"
    )


def is_full(error: OSError | str) -> bool:
    """Tells whether an error, or what a command said, means that the disk is full."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return os.strerror(errno.ENOSPC).lower() in error.lower()


def require(
    paths: Iterable[Path],
    megabytes: int,
    what: str = "the build",
    variables: str = "COLONNADE_CACHE, GOCACHE and GOMODCACHE",
) -> None:
    """Makes sure that each file system below the paths has so much room.

    Args:
        paths: Files or directories, which need not exist yet.
        megabytes: The room that is wanted.
        what: What needs it.
        variables: The variables that move the paths.

    Raises:
        ColonnadeError: One has less.
    """
    for path in paths:
        free = shutil.disk_usage(_existing(path)).free // _MEGABYTE
        if free < megabytes:
            raise ColonnadeError(
                f"{path} has {free} MB free, {what} needs about {megabytes} MB",
                f"free space there, or set {variables} to a larger disk",
            )
