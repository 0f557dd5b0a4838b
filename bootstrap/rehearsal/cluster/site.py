"""Plays what a real site has around its control plane: volumes, load balancers, and busy operators."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from bootstrap.rehearsal.cluster.api import Api

_SECONDS = 0.3
_PATIENCE_SECONDS = 20.0
_FINALIZER = "service.kubernetes.io/load-balancer-cleanup"


class Balancers(Protocol):
    """What makes load balancers for Services."""

    def ensure(self, name: str, annotations: Mapping[str, str]) -> str:
        """Makes the load balancer of a Service, once, and returns its host name."""

    def remove(self, name: str) -> None:
        """Removes it with all that belongs to it."""


@dataclass(frozen=True)
class Played:
    """Objects that somebody else would report on.

    Attributes:
        path: Path of the list.
        conditions: Conditions that it comes to meet.
        status: Further status.
    """

    path: str
    conditions: Sequence[str] = ()
    status: Mapping[str, Any] = field(default_factory=dict)


PLAYED = (
    Played("/apis/gateway.networking.k8s.io/v1/gatewayclasses", ["Accepted"]),
    Played("/apis/gateway.networking.k8s.io/v1/gateways", ["Accepted", "Programmed"]),
    Played("/apis/external-secrets.io/v1/clustersecretstores", ["Ready"]),
    Played("/apis/external-secrets.io/v1/externalsecrets", ["Ready"]),
    Played("/apis/cert-manager.io/v1/clusterissuers", ["Ready"]),
    Played("/apis/cert-manager.io/v1/issuers", ["Ready"]),
    Played("/apis/cert-manager.io/v1/certificates", ["Ready"]),
    Played("/apis/postgresql.cnpg.io/v1/clusters", ["Ready"]),
    Played("/apis/postgresql.cnpg.io/v1/databases", [], {"applied": True}),
)


class Site:
    """Plays along until it is closed, in a thread of its own.

    Args:
        api: The cluster.
        balancers: What makes load balancers; without it Services of that type wait for ever.
        failed: Called where it cannot go on, so that nobody waits for it.

    Attributes:
        failure: What stopped it, None while it plays.
    """

    def __init__(
        self, api: Api, balancers: Balancers | None = None, failed: Callable[[], None] = lambda: None
    ) -> None:
        self._api, self._balancers, self._failed = api, balancers, failed
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._play, name="site", daemon=True)
        self.failure: Exception | None = None
        self._thread.start()

    def close(self) -> None:
        """Ends it; a failure of it is raised."""
        self._ended.set()
        self._thread.join()
        if self.failure is not None:
            raise self.failure

    def _play(self) -> None:
        parts: tuple[Callable[[], None], ...] = (self._volumes, self._balance, self._secrets, self._report)
        failing: dict[str, float] = {}
        while not self._ended.wait(_SECONDS):
            for part in parts:
                try:
                    part()
                    failing.pop(part.__name__, None)
                except Exception as error:  # noqa: BLE001 - told by `close`, in the thread that asked for it
                    # Kinds come and go while a site works, and an object may change between two requests.
                    since = failing.setdefault(part.__name__, time.monotonic())
                    if time.monotonic() - since > _PATIENCE_SECONDS:
                        self.failure = error
                        self._failed()
                        return

    def _volumes(self) -> None:
        """Gives each claim a volume of its own, and takes it away with the claim."""
        claims = self._api.list("/api/v1/persistentvolumeclaims")
        living = {claim["metadata"]["uid"] for claim in claims}
        for volume in self._api.list("/api/v1/persistentvolumes"):
            if volume["spec"]["claimRef"]["uid"] not in living:
                self._api.delete(f"/api/v1/persistentvolumes/{volume['metadata']['name']}")
        for claim in claims:
            if claim["status"].get("phase") != "Pending" or claim["spec"].get("volumeName"):
                continue
            metadata, spec = claim["metadata"], claim["spec"]
            self._api.create(
                "/api/v1/persistentvolumes",
                {
                    "apiVersion": "v1",
                    "kind": "PersistentVolume",
                    "metadata": {"name": f"rehearsed-{metadata['uid']}"},
                    "spec": {
                        "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                        "accessModes": spec["accessModes"],
                        "storageClassName": spec.get("storageClassName", ""),
                        "persistentVolumeReclaimPolicy": "Retain",
                        "hostPath": {"path": "/rehearsed"},
                        "claimRef": {
                            "apiVersion": "v1",
                            "kind": "PersistentVolumeClaim",
                            **{key: metadata[key] for key in ("namespace", "name", "uid")},
                        },
                    },
                },
            )

    def _balance(self) -> None:
        """Has load balancers made for Services that ask for one, and removed before these go."""
        if self._balancers is None:
            return
        for service in self._api.list("/api/v1/services"):
            metadata = service["metadata"]
            path = f"/api/v1/namespaces/{metadata['namespace']}/services/{metadata['name']}"
            # As AWS does: the first letters of the object's own number.
            name = f"a{metadata['uid'].replace('-', '')}"[:32]
            kept = metadata.get("finalizers") or []
            if "deletionTimestamp" in metadata:
                if _FINALIZER in kept:
                    self._balancers.remove(name)
                    left = [each for each in kept if each != _FINALIZER]
                    self._api.patch(path, {"metadata": {"finalizers": left}})
            elif service["spec"]["type"] == "LoadBalancer" and not service["status"].get(
                "loadBalancer", {}
            ).get("ingress"):
                self._api.patch(path, {"metadata": {"finalizers": [*kept, _FINALIZER]}})
                host = self._balancers.ensure(name, metadata.get("annotations") or {})
                status = {"loadBalancer": {"ingress": [{"hostname": host}]}}
                self._api.patch(f"{path}/status", {"status": status})

    def _secrets(self) -> None:
        """Makes the Secret of each ExternalSecret, with the keys that it names."""
        for external in self._api.list("/apis/external-secrets.io/v1/externalsecrets"):
            metadata, spec = external["metadata"], external["spec"]
            if "deletionTimestamp" in metadata or external.get("status", {}).get("conditions"):
                continue
            name = spec.get("target", {}).get("name", metadata["name"])
            owner = {key: external[key] for key in ("apiVersion", "kind")}
            self._api.create(
                f"/api/v1/namespaces/{metadata['namespace']}/secrets",
                {
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "metadata": {
                        "name": name,
                        "ownerReferences": [{**owner, "name": metadata["name"], "uid": metadata["uid"]}],
                    },
                    "stringData": {entry["secretKey"]: "rehearsed" for entry in spec.get("data", [])},
                },
            )

    def _report(self) -> None:
        """Reports on what operators would report on, once."""
        for played in PLAYED:
            for found in self._api.list(played.path):
                met = {it["type"] for it in found.get("status", {}).get("conditions", [])}
                told = all(found.get("status", {}).get(key) == it for key, it in played.status.items())
                if set(played.conditions) <= _true(found) and told and met >= set(played.conditions):
                    continue
                metadata = found["metadata"]
                below = f"/namespaces/{metadata['namespace']}" if metadata.get("namespace") else ""
                base, _, plural = played.path.rpartition("/")
                path = f"{base}{below}/{plural}/{metadata['name']}"
                conditions = [_condition(kind, metadata["generation"]) for kind in played.conditions]
                status = {**played.status, **({"conditions": conditions} if conditions else {})}
                self._api.patch(f"{path}/status", {"status": status})


def _true(found: Mapping[str, Any]) -> set[str]:
    conditions = found.get("status", {}).get("conditions", [])
    return {it["type"] for it in conditions if it["status"] == "True"}


def _condition(kind: str, generation: int) -> dict[str, Any]:
    return {
        "type": kind,
        "status": "True",
        "reason": "Rehearsed",
        "message": "played by the rehearsal",
        "observedGeneration": generation,
        "lastTransitionTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
