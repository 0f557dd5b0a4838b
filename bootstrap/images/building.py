"""Builds all images, bases first and the rest side by side, and fills a registry with them."""

import os
from collections.abc import Collection
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

from bootstrap.errors import ColonnadeError
from bootstrap.images.builder import Builder
from bootstrap.images.definition import Image, images
from bootstrap.images.registry import push, reference
from bootstrap.images.sandbox import Sandbox
from bootstrap.images.store import Layout, Shelf
from bootstrap.report.progress import Progress
from bootstrap.toolchain import binary

# Downloads of one image overlap with the compression of another; more would only contend for the cores.
SIDE_BY_SIDE = 2


def build(
    registry: str | None,
    progress: Progress,
    only: Collection[str] | None = None,
    sandbox: Sandbox | None = None,
) -> dict[str, str]:
    """Builds what changed, pushes what `registry` lacks, and returns each image's reference by digest.

    `without_binaries()` as `only` builds what can be built while there is no toolchain yet.
    `COLONNADE_BASE_IMAGE` names an official base to use instead of the one that debootstrap makes.

    Args:
        registry: `host:port` to fill, or None to build only; then references name no registry.
        progress: Where each image shows as a step.
        only: Names of the images wanted; their bases are added. None means all.
        sandbox: What runs the commands; whoever builds in a thread stops it to end the build.

    Returns:
        Image name to reference: `<registry>/colonnade/<name>@sha256:...` for images of our own and
        `<registry>/<upstream's repository>@sha256:...` for those that take upstream's place; no bases.

    Raises:
        ColonnadeError: A name is unknown, a tool is missing or failed, or the registry refused. Images that
            were finished before stay in the cache.
    """
    chosen = selection(only)
    for image in chosen.values():
        if image.program:
            binary(image.program.binary)  # before minutes of work, not after them
    sandbox = sandbox or Sandbox()
    builder = Builder(sandbox)
    made: dict[str, Future[Layout]] = {}
    pool = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="image")
    try:
        for image in chosen.values():
            # Bases come first in the list and the pool starts in order, so who waits, waits for running work.
            made[image.name] = pool.submit(_one, image, made, builder, registry, progress)
        for future in wait(made.values(), return_when=FIRST_EXCEPTION).done:
            future.result()
        return {
            name: reference(image, made[name].result(), registry)
            for name, image in chosen.items()
            if not image.internal
        }
    except BaseException:
        for future in made.values():
            future.cancel()
        sandbox.stop()
        raise
    finally:
        pool.shutdown()


def selection(only: Collection[str] | None) -> dict[str, Image]:
    """Returns the images of these names with the bases they stand on, bases first.

    Raises:
        ColonnadeError: A name is unknown.
    """
    known = images()
    if os.environ.get("COLONNADE_BASE_IMAGE"):
        known = {name: image for name, image in known.items() if not image.suite}
    if only is None:
        return known
    if unknown := sorted(set(only) - set(known)):
        raise ColonnadeError(
            f"there is no image {', '.join(unknown)}", fix=f"choose among {', '.join(known)}"
        )
    wanted = set(only)
    for image in reversed(known.values()):
        if image.name in wanted and image.base:
            wanted.add(image.base)
    return {name: image for name, image in known.items() if name in wanted}


def without_binaries() -> list[str]:
    """Returns the names of images that need nothing of the toolchain, so can be built beside it."""
    return [image.name for image in images().values() if not image.program]


def _one(
    image: Image, made: dict[str, Future[Layout]], builder: Builder, registry: str | None, progress: Progress
) -> Layout:
    base: Layout | str
    if image.suite:
        base = f"debootstrap:{image.suite}"
    elif image.base in made:
        base = made[image.base].result()
    else:
        base = os.environ["COLONNADE_BASE_IMAGE"]
    address = builder.address(image, base if isinstance(base, str) else base.digest)
    layout = Shelf(image.name).find(address)
    if layout is None:
        with progress.step(f"image {image.name}", image.seconds):
            layout = builder.build(image, base, address)
    else:
        progress.skip(f"image {image.name}", "unchanged", image.seconds)
    if registry and not image.internal:
        push(image, layout, registry)
    return layout
