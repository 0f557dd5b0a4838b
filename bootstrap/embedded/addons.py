"""What every cluster holds besides Kubernetes itself: names, volumes, and the rights of its daemons."""

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bootstrap.embedded.client import Client
from bootstrap.embedded.command import run
from bootstrap.embedded.layout import Layout
from bootstrap.toolchain import binary

DEPLOYMENTS = ("coredns", "local-path-provisioner")


def _stamp(layout: Layout) -> Path:
    return layout.run / "addons"


def _digest(manifests: Path) -> str:
    return hashlib.sha256(manifests.read_bytes()).hexdigest()


def applied(layout: Layout) -> bool:
    """Says whether the manifests as they are now were applied."""
    manifests, stamp = layout.config / "addons.yaml", _stamp(layout)
    return manifests.exists() and stamp.exists() and stamp.read_text() == _digest(manifests)


def apply(layout: Layout, manifests: Path) -> None:
    """Applies the manifests, also over what others changed.

    Raises:
        ColonnadeError: The API server refused one.
    """
    kubectl = [str(binary("kubectl")), f"--kubeconfig={layout.kubeconfig}"]
    mode = ["--server-side", "--force-conflicts", "--field-manager=colonnade-cluster"]
    run([*kubectl, "apply", *mode, f"--filename={manifests}"], timeout=120)
    _stamp(layout).write_text(_digest(manifests))


def fault(client: Client, deployment: str) -> str | None:
    """Returns what a deployment of ours lacks; None when it is complete."""
    found = client.object(f"/apis/apps/v1/namespaces/kube-system/deployments/{deployment}")
    if found is None:
        return "does not exist"
    status = found.get("status", {})
    if status.get("observedGeneration", 0) < found["metadata"]["generation"]:
        return "not yet seen by its controller"
    wanted = found["spec"]["replicas"]
    if status.get("updatedReplicas", 0) < wanted:
        return "is being replaced"
    # The deployment's own count of ready pods lags behind after a crash; the pods know it first.
    labels = ",".join(f"{key}={value}" for key, value in found["spec"]["selector"]["matchLabels"].items())
    pods = client.object(f"/api/v1/namespaces/kube-system/pods?labelSelector={quote(labels)}") or {
        "items": []
    }
    ready = sum(_ready(pod) for pod in pods["items"])
    return None if ready >= wanted else f"{ready} of {wanted} pods ready"


def _ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", [])
    return "deletionTimestamp" not in pod["metadata"] and any(
        condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions
    )
