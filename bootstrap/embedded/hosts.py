"""The cluster's block in /etc/hosts, so that the names of its services work on this machine."""

import os
from collections.abc import Iterable
from pathlib import Path

from bootstrap.embedded.layout import Layout

HOSTS = Path("/etc/hosts")


def _markers(layout: Layout) -> tuple[str, str]:
    return f"# colonnade {layout.name}: begin", f"# colonnade {layout.name}: end"


def without(text: str, layout: Layout) -> str:
    """Returns the text without the cluster's block; one that lost its end stops at a foreign line."""
    begin, end = _markers(layout)
    kept, inside = [], False
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        if bare == begin:
            inside = True
        elif inside and bare == end:
            inside = False
        elif inside and bare.startswith(f"{layout.address} "):
            continue
        else:
            inside = False
            kept.append(line)
    return "".join(kept)


def block(layout: Layout, labels: Iterable[str]) -> str:
    """Returns the block that names the domain and each service in it."""
    begin, end = _markers(layout)
    names = [layout.domain, *(f"{label}.{layout.domain}" for label in labels)]
    return "".join(f"{line}\n" for line in (begin, *(f"{layout.address} {name}" for name in names), end))


def _replace(text: str, hosts: Path) -> None:
    if hosts.read_text() == text:
        return
    # In containers the file is a mount of its own, which can be written but not replaced.
    with hosts.open("r+") as file:
        file.write(text)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def ensure(layout: Layout, labels: Iterable[str], hosts: Path | None = None) -> None:
    """Writes the block, and nothing when it is there already."""
    hosts = hosts or HOSTS
    text = without(hosts.read_text(), layout)
    if text and not text.endswith("\n"):
        text += "\n"
    _replace(text + block(layout, labels), hosts)


def remove(layout: Layout, hosts: Path | None = None) -> None:
    """Removes the block."""
    hosts = hosts or HOSTS
    _replace(without(hosts.read_text(), layout), hosts)
