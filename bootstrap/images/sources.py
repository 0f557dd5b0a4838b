"""Where packages come from on this machine; where decides nothing about what an image holds."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

# Mounted beside the shared scripts while they run, so that no image keeps this machine's authorities.
AUTHORITY = Path("/run/common/ca.crt")
APT = Path("/etc/apt")


def apt_mirror() -> str | None:
    """Returns the Debian mirror: COLONNADE_APT_MIRROR, else the one this machine itself uses, else None.

    A mirror holds every suite, so this machine may run another one; it is known by its path `/debian`.
    """
    named = os.environ.get("COLONNADE_APT_MIRROR")
    if named:
        return named.rstrip("/")
    pattern = re.compile(r"^(?:deb\s+(?:\[[^]]*]\s+)?|URIs:.*?)(https?://\S+/debian)/?(?:\s|$)", re.MULTILINE)
    found = (pattern.search(text) for text in _source_files())
    return next((match[1] for match in found if match), None)


def _source_files() -> Iterable[str]:
    folder = APT / "sources.list.d"
    for path in [APT / "sources.list", *sorted(folder.glob("*.list")), *sorted(folder.glob("*.sources"))]:
        if path.is_file():
            yield path.read_text()


def authorities() -> Path | None:
    """Returns this machine's bundle of certificate authorities, which its package mirrors may need."""
    named = [os.environ.get(name) for name in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")]
    usual = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"]
    return next((Path(path) for path in [*named, *usual] if path and Path(path).is_file()), None)


def build_arguments() -> dict[str, str]:
    """Returns the package indexes and proxies of this machine as arguments of a build.

    They may hold credentials: hand them over in the environment, never on a command line.
    """
    arguments = {
        name: value
        for name in (
            *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST"),
            *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
        )
        if (value := os.environ.get(name))
    }
    for name in ("APT_MIRROR", "APT_SECURITY_MIRROR"):
        if value := os.environ.get(f"COLONNADE_{name}"):
            arguments[name] = value.rstrip("/")
    if authorities():
        arguments["PIP_CERT"] = str(AUTHORITY)
    return arguments
