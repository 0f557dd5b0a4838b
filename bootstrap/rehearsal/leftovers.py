"""What a cluster holds that somebody made: by it, a rehearsal tells what a destroy has left behind."""

import subprocess
import time
from pathlib import Path

from bootstrap.errors import ColonnadeError
from bootstrap.toolchain import binary

# What controllers keep, and what passes.
_EPHEMERAL = frozenset(
    {
        "componentstatuses",
        "controllerrevisions.apps",
        "csinodes.storage.k8s.io",
        "endpoints",
        "endpointslices.discovery.k8s.io",
        "events",
        "events.events.k8s.io",
        "leases.coordination.k8s.io",
        "nodes",
    }
)
# Each controller of a fresh cluster makes itself an account, in its own time.
_FIRST = "ServiceAccount default default"
_QUIET_SECONDS = 2.0
_PATIENCE_SECONDS = 60.0
_EACH = "{range .items[*]}{.kind}{' '}{.metadata.namespace}{' '}{.metadata.name}{'\\n'}{end}"


def at_rest(kubeconfig: Path) -> set[str]:
    """Returns the objects of a fresh cluster, once its controllers have made what they make for themselves.

    Raises:
        ColonnadeError: They do not come to rest.
    """
    until, before = time.monotonic() + _PATIENCE_SECONDS, objects(kubeconfig)
    while time.monotonic() < until:
        time.sleep(_QUIET_SECONDS)
        now = objects(kubeconfig)
        if now == before and _FIRST in now:
            return now
        before = now
    raise ColonnadeError("the controllers of the rehearsed cluster do not come to rest", "rehearse again")


def objects(kubeconfig: Path) -> set[str]:
    """Returns kind, namespace and name of every object in the cluster."""
    kubectl = [str(binary("kubectl")), f"--kubeconfig={kubeconfig}"]

    def ask(*arguments: str) -> list[str]:
        asked = subprocess.run([*kubectl, *arguments], check=True, capture_output=True, text=True)
        return [line.strip() for line in asked.stdout.splitlines() if line.strip()]

    kinds = set(ask("api-resources", "--verbs=list,delete", "--output=name")) - _EPHEMERAL
    listed = ("--all-namespaces", "--ignore-not-found", f"--output=jsonpath={_EACH}")
    return set(ask("get", ",".join(sorted(kinds)), *listed))
