"""What stands around a cluster at a real site: volumes, load balancers, operators that report."""

import base64
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Final, Protocol, Self

from bootstrap.rehearsal.cluster.api import Api, Document
from bootstrap.rehearsal.cluster.statuses import STATUSES, change

PROVISIONER: Final = "rehearsal.colonnade.io"
# The one that cloud providers use: a Service is gone only once its load balancer is.
FINALIZER: Final = "service.kubernetes.io/load-balancer-cleanup"
PLACEHOLDER: Final = "rehearsed"

_SECONDS_BETWEEN_ROUNDS: Final = 0.5
_PATIENCE_SECONDS: Final = 20.0
_CLAIMS: Final = "/api/v1/persistentvolumeclaims"
_VOLUMES: Final = "/api/v1/persistentvolumes"
_SERVICES: Final = "/api/v1/services"
_CLASSES: Final = "/apis/storage.k8s.io/v1/storageclasses"
_EXTERNAL_SECRETS: Final = "/apis/external-secrets.io/v1/externalsecrets"
_CERTIFICATES: Final = "/apis/cert-manager.io/v1/certificates"


class Balancer(Protocol):
    """Who makes load balancers for Services: the controller of a cloud, or what a site has in its place."""

    def ensure(self, service: Document) -> str | None:
        """Makes the load balancer of a Service, if it is missing; returns its DNS name or address.

        None means that it cannot be made, and that the Service goes on waiting.
        """

    def remove(self, service: Document) -> None:
        """Removes the load balancer of a Service, if there is one."""


class Site:
    """Plays a site, as long as it is entered, in a thread of its own.

    It looks at the API server twice a second, and does what is missing; so it can start at any time.

    Args:
        connect: Returns a client of the API server.
        balancer: Who makes load balancers; None where the site has none.
        storage_classes: Names of the storage classes that the site has; the first is the default.
        failed: Called where it cannot go on, so that nobody waits for it.
    """

    def __init__(
        self,
        connect: Callable[[], Api],
        balancer: Balancer | None = None,
        storage_classes: Sequence[str] = (),
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        self._failed = failed
        self._api = connect()
        self._balancer = balancer
        self._classes = storage_classes
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="site", daemon=True)
        self._fault: BaseException | None = None

    def __enter__(self) -> Self:
        for index, name in enumerate(self._classes):
            self._api.create(_CLASSES, storage_class(name, default=index == 0))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._api.close()
        # What went wrong here would show elsewhere only as a long wait.
        if self._fault is not None and error is None:
            raise self._fault

    @property
    def fault(self) -> BaseException | None:
        """What ended the play before its time, if anything did."""
        return self._fault

    def _run(self) -> None:
        failing: float | None = None
        while not self._ended.is_set():
            try:
                self.round()
                failing = None
            except Exception as error:  # noqa: BLE001  (kept, and raised where the play ends)
                # Kinds come and go while a site works, and an object may change between two requests.
                failing = failing or time.monotonic()
                if time.monotonic() - failing > _PATIENCE_SECONDS:
                    self._fault = error
                    self._failed()
                    return
            self._ended.wait(_SECONDS_BETWEEN_ROUNDS)

    def round(self) -> None:
        """Does once all that is missing now.

        Raises:
            ColonnadeError: The API server refuses something, or does not answer.
        """
        self._bind_claims()
        self._release_volumes()
        for path, describe in STATUSES.items():
            for found in self._api.list(path):
                self._report(path, found, describe(found))
        for path, secret in ((_EXTERNAL_SECRETS, external_secret), (_CERTIFICATES, certificate_secret)):
            for found in self._living(path):
                namespace = found["metadata"]["namespace"]
                collection = f"/api/v1/namespaces/{namespace}/secrets"
                document = secret({**found, "apiVersion": path[len("/apis/") :].rpartition("/")[0]})
                if self._api.get(f"{collection}/{document['metadata']['name']}") is None:
                    self._api.create(collection, document)
        if self._balancer is not None:
            for service in self._api.list(_SERVICES):
                self._balance(service, self._balancer)

    def _living(self, path: str) -> Iterable[Document]:
        return (found for found in self._api.list(path) if "deletionTimestamp" not in found["metadata"])

    def _bind_claims(self) -> None:
        for claim in self._living(_CLAIMS):
            if claim.get("status", {}).get("phase") == "Pending":
                self._api.create(_VOLUMES, volume(claim))

    def _release_volumes(self) -> None:
        for found in self._living(_VOLUMES):
            ours = found["spec"].get("csi", {}).get("driver") == PROVISIONER
            if ours and found.get("status", {}).get("phase") == "Released":
                self._api.delete(f"{_VOLUMES}/{found['metadata']['name']}")

    def _report(self, path: str, found: Document, wanted: dict[str, Any]) -> None:
        missing = change(found, wanted)
        if missing:
            self._api.patch(f"{path_of(path, found)}/status", {"status": missing})

    def _balance(self, service: Document, balancer: Balancer) -> None:
        metadata, path = service["metadata"], path_of(_SERVICES, service)
        held = FINALIZER in metadata.get("finalizers", [])
        wanted = service["spec"].get("type") == "LoadBalancer" and "deletionTimestamp" not in metadata
        if held and not wanted:
            balancer.remove(service)
            rest = [name for name in metadata["finalizers"] if name != FINALIZER]
            self._api.patch(path, {"metadata": {"finalizers": rest}})
        elif wanted and not held:
            # First the promise to clean up, then what has to be cleaned up.
            self._api.patch(path, {"metadata": {"finalizers": [*metadata.get("finalizers", []), FINALIZER]}})
        elif wanted:
            place = balancer.ensure(service)
            if place and not service.get("status", {}).get("loadBalancer", {}).get("ingress"):
                key = "ip" if place.replace(".", "").isdigit() else "hostname"
                ingress = {"loadBalancer": {"ingress": [{key: place}]}}
                self._api.patch(f"{path}/status", {"status": ingress})


def path_of(collection: str, found: Document) -> str:
    """Returns the path of an object of a collection over all namespaces."""
    head, _, plural = collection.rpartition("/")
    metadata = found["metadata"]
    within = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{head}{within}/{plural}/{metadata['name']}"


def storage_class(name: str, default: bool = False) -> Document:
    """Returns a storage class whose volumes the site makes."""
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "annotations": annotations},
        "provisioner": PROVISIONER,
    }


def volume(claim: Document) -> Document:
    """Returns a volume for a claim and no other; the claim's controller binds the two."""
    metadata, spec = claim["metadata"], claim["spec"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"pvc-{metadata['uid']}"},
        "spec": {
            "accessModes": spec["accessModes"],
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "csi": {"driver": PROVISIONER, "volumeHandle": metadata["uid"]},
            # Nobody else knows how to delete it.
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": spec.get("storageClassName", ""),
            "volumeMode": spec.get("volumeMode", "Filesystem"),
        },
    }


def external_secret(found: Document) -> Document:
    """Returns the Secret that an ExternalSecret asks for; its values are placeholders."""
    spec = found["spec"]
    target = spec.get("target", {})
    keys = [entry["secretKey"] for entry in spec.get("data", [])]
    keys += list(target.get("template", {}).get("data", {}))
    return _secret(found, "ExternalSecret", target.get("name") or found["metadata"]["name"], "Opaque", keys)


def certificate_secret(found: Document) -> Document:
    """Returns the Secret that a Certificate asks for; its values are placeholders."""
    return _secret(
        found, "Certificate", found["spec"]["secretName"], "kubernetes.io/tls", ["tls.crt", "tls.key"]
    )


def _secret(owner: Document, kind: str, name: str, type: str, keys: Iterable[str]) -> Document:
    metadata = owner["metadata"]
    value = base64.b64encode(PLACEHOLDER.encode()).decode()
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": kind,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "ownerReferences": [reference],
        },
        "type": type,
        "data": dict.fromkeys(keys, value),
    }
