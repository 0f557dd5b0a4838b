"""Container images of Colonnade: built without a daemon, addressed by content, pushed by digest."""

from bootstrap.images.building import build, without_binaries
from bootstrap.images.sandbox import Sandbox

__all__ = ["Sandbox", "build", "without_binaries"]
