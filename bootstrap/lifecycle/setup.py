"""Makes all that `up` needs on this machine: packages, toolchain, images, the activated environment."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bootstrap import engine, images
from bootstrap.images.building import selection
from bootstrap.privilege import require_root
from bootstrap.report.progress import Progress
from bootstrap.toolchain import builder, debian


def setup(progress: Progress) -> None:
    """Makes all of it; what is there already is left alone.

    Raises:
        ColonnadeError: The user is not root, and nothing was made; or a package, a tool or an image cannot be
            had, and what was finished before stays.
    """
    # Asked before an hour of work, at whose end the images would need it.
    require_root("colonnade setup")
    make(progress)
    environment = Path(sys.prefix)
    engine.install(environment)
    engine.activate(environment)


def make(progress: Progress) -> None:
    """Installs packages, then fills the cache with toolchain and images, built side by side.

    Images that hold a binary of the toolchain wait for it; the others are made meanwhile.

    Raises:
        ColonnadeError: A package, a tool or an image cannot be had; what was finished before stays. Whatever
            is raised, nothing is being built any more.
    """
    if packages := debian.missing():
        names = ", ".join(package.name for package in packages)
        with progress.step(f"packages {names}", expected=60):
            debian.install(packages)
    # Asked before anything is started, so that a missing Go is told at once.
    builder.missing()
    independent, sandbox = images.without_binaries(), images.Sandbox()
    with ThreadPoolExecutor(1, thread_name_prefix="images") as pool:
        meanwhile = pool.submit(images.build, None, progress, independent, sandbox)
        try:
            builder.build(builder.wanted(), progress)
            meanwhile.result()
        except BaseException:
            # Leaving the pool waits for its work: an interrupt, too, would wait for the images.
            sandbox.stop()
            raise
    images.build(None, progress, [name for name in selection(None) if name not in independent])


def expected_seconds() -> float:
    """Returns what `setup` takes where nothing is there yet, on two cores."""
    return builder.expected_seconds(builder.wanted()) + sum(
        image.seconds for image in selection(None).values()
    )
