"""Where Colonnade keeps what it makes on this machine."""

import os
from pathlib import Path


def repository() -> Path:
    """Returns the checkout that this code runs from."""
    return Path(__file__).resolve().parents[1]


def cache_root() -> Path:
    """Returns the cache of built tools and images: safe to delete, shared by all checkouts.

    `COLONNADE_CACHE` names another place; the default follows the XDG base directory specification.
    """
    named = os.environ.get("COLONNADE_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "colonnade"


def state_root() -> Path:
    """Returns the directory that holds the state of embedded clusters: losing it loses their data.

    `COLONNADE_STATE` names another place.
    """
    return Path(os.environ.get("COLONNADE_STATE") or "/var/lib/colonnade")
