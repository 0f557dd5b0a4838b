"""A Debian root file system from packages: the base of every image where no registry is within reach."""

import tarfile
from pathlib import Path

from bootstrap.images.sandbox import Sandbox
from bootstrap.images.sources import apt_mirror, build_arguments

# Nobody reads manuals or other languages inside a container; copyright files stay, as licences ask.
SHARE = ("usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian")
NOT_AT_ALL = ("dev", "proc", "sys", *SHARE)
FOLDERS_ONLY = ("run", "var/cache", "var/log", "var/lib/apt/lists")
EXCLUDE = (
    "path-exclude=/usr/share/man/*\npath-exclude=/usr/share/locale/*\npath-exclude=/usr/share/info/*\n"
    "path-exclude=/usr/share/lintian/*\npath-exclude=/usr/share/doc/*\npath-include=/usr/share/doc/*/copyright\n"
)


def lay_down(suite: str, folder: Path, archive: Path, sandbox: Sandbox, log: Path) -> None:
    """Writes a minimal system of `suite` to `archive`, with main, updates and security as package sources.

    `folder` must not exist; it is used to work in.

    Raises:
        ColonnadeError: debootstrap failed.
    """
    mirror = apt_mirror()
    command = ["debootstrap", "--variant=minbase", "--include=ca-certificates", suite, str(folder)]
    if mirror:
        command.append(mirror)
    arguments = build_arguments()
    sandbox.run(f"debootstrap of {suite}", command, folder.parent, log, arguments)
    sources = folder / "etc/apt/sources.list"
    mirror = mirror or sources.read_text().split()[1]
    security = arguments.get("APT_SECURITY_MIRROR", f"{mirror}-security")
    places = ((mirror, suite), (mirror, f"{suite}-updates"), (security, f"{suite}-security"))
    sources.write_text("".join(f"deb {server} {name} main\n" for server, name in places))
    (folder / "etc/dpkg/dpkg.cfg.d/colonnade").write_text(EXCLUDE)
    with tarfile.open(archive, "w") as tar:
        tar.add(folder, arcname=".", filter=_wanted)


def _wanted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    path = entry.name.removeprefix("./")
    if any(path.startswith(f"{folder}/") for folder in NOT_AT_ALL):
        return None
    if not entry.isdir() and any(path.startswith(f"{folder}/") for folder in FOLDERS_ONLY):
        return None
    if path.startswith("usr/share/doc/") and not entry.isdir() and not path.endswith("/copyright"):
        return None
    return entry
