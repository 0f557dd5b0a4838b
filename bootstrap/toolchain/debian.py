"""Packages of the distribution that Colonnade runs on the machine."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bootstrap.errors import ColonnadeError
from bootstrap.toolchain.manifest import DebianPackage, manifest

# Where an ordinary user's PATH lacks the directories of administration, their tools are there all the same.
_ADMINISTRATION = "/usr/local/sbin:/usr/sbin:/sbin"

_POLICY = Path("/usr/sbin/policy-rc.d")
_MARK = "# Made by Colonnade: packages that it installs start no service.\n"


def lacks(package: DebianPackage) -> list[str]:
    """Returns what a package should provide and what is not there."""
    path = f"{os.environ.get('PATH', '')}:{_ADMINISTRATION}"
    return [
        item
        for item in package.provides
        if not (Path(item).is_file() if item.startswith("/") else shutil.which(item, path=path))
    ]


def missing() -> list[DebianPackage]:
    """Returns the declared packages that are not installed."""
    return [package for package in manifest().debian if lacks(package)]


def installed_version(name: str) -> str:
    """Returns the version of an installed package, or an empty string where dpkg does not know it."""
    if not shutil.which("dpkg-query"):
        return ""
    asked = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Version}", name], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() if asked.returncode == 0 else ""


def install_command(packages: Sequence[DebianPackage]) -> list[str]:
    """Returns the command that installs packages."""
    return ["apt-get", "install", "--yes", "--no-install-recommends", *(package.name for package in packages)]


def install(packages: Sequence[DebianPackage]) -> None:
    """Installs packages; none of them starts a service on this machine.

    Raises:
        ColonnadeError: Not root, no apt-get, or the installation failed.
    """
    if not packages:
        return
    names = ", ".join(package.name for package in packages)
    by_hand = f"sudo {' '.join(install_command(packages))}"
    if not shutil.which("apt-get"):
        raise ColonnadeError(
            f"packages are missing: {names}", "install them with this machine's package manager"
        )
    if os.geteuid() != 0:
        raise ColonnadeError(f"packages are missing and only root can install them: {names}", by_hand)
    with _no_services():
        _run(["apt-get", "update", "--quiet"], by_hand)
        _run(install_command(packages), by_hand)


def _run(command: Sequence[str], by_hand: str) -> None:
    done = subprocess.run(
        command,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = " | ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise ColonnadeError(f"`{' '.join(command[:2])}` failed: {last}", by_hand)


@contextmanager
def _no_services() -> Iterator[None]:
    """Keeps maintainer scripts from starting services, as Debian lets a machine's owner decide."""
    # One of ours that is there already was left by an installation that was killed.
    theirs = _POLICY.exists() and _MARK not in _POLICY.read_text(encoding="utf-8", errors="replace")
    if theirs:
        yield
        return
    _POLICY.write_text(f"#!/bin/sh\n{_MARK}exit 101\n", encoding="utf-8")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)
