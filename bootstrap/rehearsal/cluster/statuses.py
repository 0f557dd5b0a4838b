"""What operators, controllers of a cloud and the edge would say of the objects that they look after.

No operator runs in a rehearsal: its images are simulated. Each entry is what the real one reports once all is
well, as far as somebody waits for it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from bootstrap.rehearsal.cluster.api import Document

Status = dict[str, Any]

_REASON: Final = "Rehearsed"


def condition(kind: str, generation: int) -> Status:
    """Returns a condition that holds."""
    return {
        "type": kind,
        "status": "True",
        "reason": _REASON,
        "message": "played by the rehearsal",
        "lastTransitionTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "observedGeneration": generation,
    }


def _conditions(*kinds: str, observed: bool = True) -> Callable[[Document], Status]:
    """Returns what makes a status of conditions that hold; not all definitions admit what they observed."""

    def status(found: Document) -> Status:
        made = [condition(kind, _generation(found)) for kind in kinds]
        for entry in [] if observed else made:
            del entry["observedGeneration"]
        return {"conditions": made}

    return status


def _gateway(found: Document) -> Status:
    generation = _generation(found)
    kinds = ("Accepted", "Programmed", "ResolvedRefs")
    listeners = [
        {
            "name": listener["name"],
            "attachedRoutes": 0,
            "supportedKinds": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"}],
            "conditions": [condition(kind, generation) for kind in kinds],
        }
        for listener in found["spec"]["listeners"]
    ]
    return {"conditions": [condition(kind, generation) for kind in kinds[:2]], "listeners": listeners}


def _route(found: Document) -> Status:
    generation = _generation(found)
    parents = [
        {
            "parentRef": reference,
            "controllerName": "rehearsal.colonnade.io/edge",
            "conditions": [condition(kind, generation) for kind in ("Accepted", "ResolvedRefs")],
        }
        for reference in found["spec"].get("parentRefs", [])
    ]
    return {"parents": parents}


def _postgresql(found: Document) -> Status:
    instances = found["spec"]["instances"]
    return {
        "conditions": [condition("Ready", _generation(found))],
        "phase": "Cluster in healthy state",
        "instances": instances,
        "readyInstances": instances,
    }


def _applied(found: Document) -> Status:
    return {"applied": True, "observedGeneration": _generation(found)}


def _generation(found: Document) -> int:
    return int(found["metadata"].get("generation", 1))


# Path of the collection over all namespaces -> the status of an object in it.
STATUSES: Final[Mapping[str, Callable[[Document], Status]]] = {
    "/apis/gateway.networking.k8s.io/v1/gatewayclasses": _conditions("Accepted"),
    "/apis/gateway.networking.k8s.io/v1/gateways": _gateway,
    "/apis/gateway.networking.k8s.io/v1/httproutes": _route,
    "/apis/external-secrets.io/v1/clustersecretstores": _conditions("Ready", observed=False),
    "/apis/external-secrets.io/v1/secretstores": _conditions("Ready", observed=False),
    "/apis/external-secrets.io/v1/externalsecrets": _conditions("Ready", observed=False),
    "/apis/cert-manager.io/v1/clusterissuers": _conditions("Ready"),
    "/apis/cert-manager.io/v1/issuers": _conditions("Ready"),
    "/apis/cert-manager.io/v1/certificates": _conditions("Ready"),
    "/apis/postgresql.cnpg.io/v1/clusters": _postgresql,
    "/apis/postgresql.cnpg.io/v1/databases": _applied,
}


def change(found: Document, wanted: Status) -> Status:
    """Returns what of a status an object does not say yet; empty where it says all.

    Times are no difference: a condition keeps the one at which it came to hold.
    """
    present = found.get("status") or {}
    return {name: value for name, value in wanted.items() if not _covers(present.get(name), value)}


def _covers(present: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(present, Mapping) and all(
            _covers(present.get(name), value)
            for name, value in wanted.items()
            if name != "lastTransitionTime"
        )
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        return (
            isinstance(present, list)
            and len(present) == len(wanted)
            and all(_covers(one, other) for one, other in zip(present, wanted, strict=True))
        )
    return bool(present == wanted)
