"""What a cluster holds that somebody made: by it, a rehearsal tells what a destroy has left behind."""

import subprocess
from pathlib import Path

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
_EACH = "{range .items[*]}{.kind}{' '}{.metadata.namespace}{' '}{.metadata.name}{'\\n'}{end}"


def objects(kubeconfig: Path) -> set[str]:
    """Returns kind, namespace and name of every object in the cluster."""
    kubectl = [str(binary("kubectl")), f"--kubeconfig={kubeconfig}"]

    def ask(*arguments: str) -> list[str]:
        asked = subprocess.run([*kubectl, *arguments], check=True, capture_output=True, text=True)
        return [line.strip() for line in asked.stdout.splitlines() if line.strip()]

    kinds = set(ask("api-resources", "--verbs=list,delete", "--output=name")) - _EPHEMERAL
    listed = ("--all-namespaces", "--ignore-not-found", f"--output=jsonpath={_EACH}")
    return set(ask("get", ",".join(sorted(kinds)), *listed))
