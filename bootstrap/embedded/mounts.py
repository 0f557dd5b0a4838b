"""The cluster's mount namespace.

Pods' mounts, containerd's sockets and what kubelet and CNI keep at fixed places all live in it. So two
clusters never meet in `/run` or `/var/lib`, and when its last process ends every mount is gone, also after a
crash.
"""

from pathlib import Path

from bootstrap.embedded.command import run
from bootstrap.embedded.layout import Layout
from bootstrap.embedded.network import is_namespace

SETUP = Path(__file__).with_name("mounts.sh")

# Places that cannot be configured; each gets a directory of the cluster's own there.
FIXED = ("/var/lib/kubelet", "/var/lib/cni", "/var/log/containers")


def healthy(layout: Layout) -> bool:
    """Says whether the mount namespace is there."""
    return is_namespace(layout.mntns)


def ensure(layout: Layout) -> None:
    """Makes the mount namespace when it is missing; its processes must be stopped then."""
    if healthy(layout):
        return
    remove(layout)
    layout.namespaces.mkdir(parents=True, exist_ok=True)
    # The kernel keeps a mount namespace only on a mount that spreads to no other.
    run(["mount", "--bind", layout.namespaces, layout.namespaces])
    run(["mount", "--make-private", layout.namespaces])
    layout.mntns.touch()
    places = []
    for place in FIXED:
        Path(place).mkdir(parents=True, exist_ok=True)
        own = layout.state / "fixed" / place.strip("/").replace("/", "-")
        own.mkdir(parents=True, exist_ok=True)
        places += [str(own), place]
    run(["unshare", f"--mount={layout.mntns}", "--propagation", "private", "sh", SETUP, *places])


def below(directory: Path, mountinfo: str | None = None) -> list[Path]:
    """Returns the mount points at or below a directory, deepest first."""
    text = Path("/proc/self/mountinfo").read_text() if mountinfo is None else mountinfo
    points = [Path(line.split(" ")[4].replace("\\040", " ")) for line in text.splitlines()]
    return sorted((point for point in points if point.is_relative_to(directory)), reverse=True)


def remove(layout: Layout) -> None:
    """Unmounts everything at or below the state directory."""
    for point in below(layout.state):
        run(["umount", "--lazy", point])
