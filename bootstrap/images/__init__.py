"""Container images of Colonnade: built without a daemon, addressed by content, pushed by digest."""

from bootstrap.images.building import build, without_binaries

__all__ = ["build", "without_binaries"]
