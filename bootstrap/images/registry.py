"""Fills a registry with built images."""

import http.client
import ipaddress
import re
import subprocess
from shutil import which

from bootstrap.addresses import CLUSTERS
from bootstrap.errors import ColonnadeError
from bootstrap.images.definition import Image
from bootstrap.images.store import Layout


def reference(image: Image, layout: Layout, registry: str | None) -> str:
    """Returns how an image is named by digest, within `registry` or, without one, by its repository alone."""
    name = f"{image.repository}@{layout.digest}"
    return f"{registry}/{name}" if registry else name


def may_be_plain(registry: str) -> bool:
    """Tells whether a registry may be spoken to without TLS: on this machine alone, clusters on it included.

    A site's own network is not trusted: whoever sits between could put other images in place.
    """
    host = registry.split("/")[0].rpartition(":")[0] or registry.split("/")[0]
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return address.is_loopback or address in CLUSTERS


def holds(registry: str, image: Image, layout: Layout, tag: str) -> bool:
    """Tells whether a plain registry has exactly this image under this tag; any doubt is a no."""
    host, _, path = registry.partition("/")
    repository = f"{path}/{image.repository}".lstrip("/")
    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    connection = http.client.HTTPConnection(host, timeout=10)
    try:
        connection.request("HEAD", f"/v2/{repository}/manifests/{tag}", headers=accept)
        answer = connection.getresponse()
        return answer.status == 200 and answer.headers.get("Docker-Content-Digest") == layout.digest
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def push(image: Image, layout: Layout, registry: str) -> None:
    """Puts an image into a registry under its digest and a tag; what is there already is not sent again.

    Raises:
        ColonnadeError: skopeo is missing, or the registry does not take the image.
    """
    # Images of our own are used by digest; the tag keeps a registry's garbage collection away.
    tag = image.tag or layout.digest.removeprefix("sha256:")[:16]
    target = f"{registry}/{image.repository}:{tag}"
    command = ["skopeo", "--insecure-policy", "copy", "--quiet", "--preserve-digests"]
    if may_be_plain(registry):
        if holds(registry, image, layout, tag):
            return
        command.append("--dest-tls-verify=false")
    if which("skopeo") is None:
        raise ColonnadeError("images cannot be pushed without skopeo", fix="apt-get install -y skopeo")
    finished = subprocess.run(
        [*command, layout.reference, f"docker://{target}"], capture_output=True, text=True, check=False
    )
    if finished.returncode:
        said = re.search(r'level=fatal msg="(.*)"', finished.stderr)
        reason = said[1] if said else finished.stderr.strip()
        raise ColonnadeError(
            f"image {image.name} could not be pushed to {target}: {reason[-400:]}",
            fix="check that a registry listens there and takes pushes",
        )
