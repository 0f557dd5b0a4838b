"""Builds one image without a daemon."""

import shutil
import subprocess
from pathlib import Path

from bootstrap.errors import ColonnadeError
from bootstrap.images.address import address
from bootstrap.images.definition import COMMON, Image
from bootstrap.images.rootfs import lay_down
from bootstrap.images.sandbox import Sandbox, require
from bootstrap.images.sources import AUTHORITY, authorities, build_arguments
from bootstrap.images.store import Layout, Shelf
from bootstrap.toolchain import binary

# One archive of the largest image, its unpacked files and its layout fit beside each other.
ROOM = 8 * 1024**3
NAME = "localhost/image"


class Builder:
    """Builds images into the cache, each from its base's layout or from an official reference."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def address(self, image: Image, base: str) -> str:
        """Returns the content address of an image that stands on `base` (a digest or a reference).

        Raises:
            ColonnadeError: A binary that it holds is not built yet.
        """
        program = image.program
        # With its reference, since name and version become labels.
        programs = {f"{image.upstream} {program.path}": binary(program.binary)} if program else {}
        return address(image.files(), base, programs)

    def build(self, image: Image, base: Layout | str, wanted: str) -> Layout:
        """Builds an image under its address `wanted`, unless another process just did.

        Args:
            image: What to build.
            base: What becomes the build argument BASE_IMAGE: a built image or an official reference. An image
                that debootstrap makes has no use for it.
            wanted: The content address.

        Raises:
            ColonnadeError: A tool is missing, failed, or found no room.
        """
        require("buildah", "debootstrap")
        shelf = Shelf(image.name)
        try:
            with shelf.workshop() as workshop:
                if done := shelf.find(wanted):
                    return done
                if shutil.disk_usage(workshop).free < ROOM:
                    raise ColonnadeError(
                        f"image {image.name} needs {ROOM // 1024**3} GiB free below {workshop}",
                        fix="free disk space there, or name another place in COLONNADE_CACHE",
                    )
                shelf.log.unlink(missing_ok=True)
                self._bud(image, base, workshop, shelf.log)
                return shelf.publish(workshop / "layout", wanted)
        except OSError as error:
            raise ColonnadeError(
                f"image {image.name} cannot be built below {shelf.root}: {error.strerror or error}",
                fix="free disk space or mend permissions there",
            ) from error

    def _bud(self, image: Image, base: Layout | str, workshop: Path, log: Path) -> None:
        context = workshop / "context"
        shutil.copytree(image.folder, context)
        if image.suite:
            lay_down(image.suite, workshop / "rootfs", context / "rootfs.tar", self._sandbox, log)
        if image.program:
            stage_program(binary(image.program.binary), Path(image.program.path), context / "root")

        if isinstance(base, Layout):
            # Relative, since buildah makes a name of it, and not every absolute path is one.
            (workshop / "base").symlink_to(base.path)
            base = "oci:base:image"
        arguments = build_arguments() | {"BASE_IMAGE": base}
        if image.program:
            arguments |= {"TITLE": image.name, "VERSION": image.tag or ""}
        common = shutil.copytree(COMMON, workshop / "common")
        if authority := authorities():
            shutil.copyfile(authority, common / AUTHORITY.name)
        storage = ["buildah", "--root", str(workshop / "storage"), "--runroot", str(workshop / "run")]
        storage += ["--storage-driver", "overlay" if overlay_works(workshop) else "vfs"]
        (workshop / "tmp").mkdir()
        environment = {**arguments, "TMPDIR": str(workshop / "tmp"), "BUILDAH_ISOLATION": "chroot"}
        bud = [*storage, "bud", "--network", "host", "--tag", NAME, "--build-context", f"common={common}"]
        for name in arguments:
            # Without a value buildah takes it from the environment, where no process list shows it.
            bud += ["--build-arg", name]
        what = f"building image {image.name}"
        self._sandbox.run(what, [*bud, str(context)], workshop, log, environment)
        layout = f"oci:{workshop / 'layout'}:image"
        push = [*storage, "push", "--quiet", "--compression-format", "zstd", "--compression-level", "3"]
        self._sandbox.run(what, [*push, NAME, layout], workshop, log, environment)


def overlay_works(folder: Path) -> bool:
    """Tells whether the kernel lays an overlay over `folder`; where that is one itself, it may not."""
    names = ("lower", "upper", "work", "merged")
    parts = {name: folder / "overlay" / name for name in names}
    for part in parts.values():
        part.mkdir(parents=True)
    options = f"lowerdir={parts['lower']},upperdir={parts['upper']},workdir={parts['work']}"
    mount = ["mount", "-t", "overlay", "overlay", "-o", options, str(parts["merged"])]
    return subprocess.run(["unshare", "--mount", *mount], capture_output=True, check=False).returncode == 0


def stage_program(program: Path, place: Path, root: Path) -> None:
    """Lays out `root` as the whole file system of an image that holds one program.

    Raises:
        ColonnadeError: The program needs a dynamic linker, which such an image does not have.
    """
    with program.open("rb") as file:
        if b"/ld-linux" in file.read(4096):
            raise ColonnadeError(f"{program} is not linked statically", fix="build it with CGO_ENABLED=0")
    inside = root / place.relative_to("/")
    inside.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(program, inside)
    inside.chmod(0o755)
    (root / "entrypoint").symlink_to(place)
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text("root:x:0:0::/:/\nnonroot:x:65532:65532::/tmp:/\n")
