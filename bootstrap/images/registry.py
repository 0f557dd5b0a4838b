"""Fills a registry with built images."""

import ipaddress
import subprocess
from shutil import which

from bootstrap.errors import ColonnadeError
from bootstrap.images.definition import Image
from bootstrap.images.store import Layout


def reference(image: Image, layout: Layout, registry: str | None) -> str:
    """Returns how an image is named by digest, within `registry` or, without one, by its repository alone."""
    name = f"{image.repository}@{layout.digest}"
    return f"{registry}/{name}" if registry else name


def may_be_plain(registry: str) -> bool:
    """Tells whether a registry may be spoken to without TLS: only a loopback or private IP address."""
    host = registry.split("/")[0].rpartition(":")[0] or registry.split("/")[0]
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_private
    except ValueError:
        return False


def push(image: Image, layout: Layout, registry: str) -> None:
    """Puts an image into a registry under its digest and a tag; what is there already is not sent again.

    Raises:
        ColonnadeError: skopeo is missing, or the registry does not take the image.
    """
    if which("skopeo") is None:
        raise ColonnadeError("images cannot be pushed without skopeo", fix="apt-get install -y skopeo")
    # Images of our own are used by digest; the tag keeps a registry's garbage collection away.
    tag = image.tag or layout.digest.removeprefix("sha256:")[:16]
    target = f"{registry}/{image.repository}:{tag}"
    command = ["skopeo", "--insecure-policy", "copy", "--quiet", "--preserve-digests"]
    if may_be_plain(registry):
        command.append("--dest-tls-verify=false")
    finished = subprocess.run(
        [*command, layout.reference, f"docker://{target}"], capture_output=True, text=True, check=False
    )
    if finished.returncode:
        raise ColonnadeError(
            f"image {image.name} could not be pushed to {target}: {finished.stderr.strip()[-400:]}",
            fix="check that a registry listens there and takes pushes",
        )
