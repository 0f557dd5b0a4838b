import threading
from typing import Any

import pytest

from bootstrap.errors import ColonnadeError
from bootstrap.rehearsal.cluster import site as module
from bootstrap.rehearsal.cluster.site import FINALIZER, Site
from tests.unit.bootstrap.rehearsal.cluster.conftest import Shelf

CLAIM = {
    "metadata": {"name": "data", "namespace": "trial", "uid": "u-1"},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "5Gi"}},
        "storageClassName": "fast",
    },
    "status": {"phase": "Pending"},
}
SERVICE = {
    "metadata": {"name": "edge", "namespace": "trial", "uid": "u-2"},
    "spec": {"type": "LoadBalancer"},
}
PATH = "/api/v1/namespaces/trial/services/edge"


class Balancer:
    def __init__(self, place: str | None = "lb.example.com") -> None:
        self.place, self.made = place, list[str]()

    def ensure(self, service: dict[str, Any]) -> str | None:
        self.made.append(service["metadata"]["name"])
        return self.place

    def remove(self, service: dict[str, Any]) -> None:
        self.made = [name for name in self.made if name != service["metadata"]["name"]]


def test_pending_claim_gets_a_volume_of_its_own(shelf: Shelf) -> None:
    shelf.put("/api/v1/persistentvolumeclaims", CLAIM)
    site = Site(lambda: shelf)  # type: ignore[arg-type,return-value]
    site.round()
    volume = shelf.objects["/api/v1/persistentvolumes/pvc-u-1"]
    assert volume["spec"]["claimRef"]["uid"] == "u-1"
    assert volume["spec"]["capacity"] == {"storage": "5Gi"}
    assert volume["spec"]["storageClassName"] == "fast"
    # The claim is not bound yet: that is its controller's work.
    site.round()
    assert [call for call in shelf.calls if call[0] == "create"] == [
        ("create", "/api/v1/persistentvolumes/pvc-u-1")
    ]


def test_released_volume_goes_and_another_s_stays(shelf: Shelf) -> None:
    for name, driver in (("ours", "rehearsal.colonnade.io"), ("theirs", "ebs.csi.aws.com")):
        document = {
            "metadata": {"name": name},
            "spec": {"csi": {"driver": driver}},
            "status": {"phase": "Released"},
        }
        shelf.put("/api/v1/persistentvolumes", document)
    Site(lambda: shelf).round()  # type: ignore[arg-type,return-value]
    assert list(shelf.objects) == ["/api/v1/persistentvolumes/theirs"]


def test_service_is_held_before_its_load_balancer_is_made(shelf: Shelf) -> None:
    kept, balancer = shelf.put("/api/v1/services", SERVICE), Balancer()
    site = Site(lambda: shelf, balancer)  # type: ignore[arg-type,return-value]
    site.round()
    assert (kept["metadata"]["finalizers"], balancer.made) == ([FINALIZER], [])
    site.round()
    assert kept["status"]["loadBalancer"]["ingress"] == [{"hostname": "lb.example.com"}]


@pytest.mark.parametrize(("place", "ingress"), [("198.51.100.7", [{"ip": "198.51.100.7"}]), (None, None)])
def test_address_is_told_as_one_and_what_cannot_be_made_is_waited_for(
    shelf: Shelf, place: str | None, ingress: list[dict[str, str]] | None
) -> None:
    kept = shelf.put("/api/v1/services", SERVICE)
    site = Site(lambda: shelf, Balancer(place))  # type: ignore[arg-type,return-value]
    site.round()
    site.round()
    assert kept.get("status", {}).get("loadBalancer", {}).get("ingress") == ingress


def test_deleted_service_is_let_go_once_its_load_balancer_is_gone(shelf: Shelf) -> None:
    metadata = {
        **SERVICE["metadata"],
        "finalizers": ["another", FINALIZER],
        "deletionTimestamp": "2030-01-01T00:00:00Z",
    }
    kept = shelf.put("/api/v1/services", {**SERVICE, "metadata": metadata})
    balancer = Balancer()
    balancer.made = ["edge"]
    Site(lambda: shelf, balancer).round()  # type: ignore[arg-type,return-value]
    assert (kept["metadata"]["finalizers"], balancer.made) == (["another"], [])


def test_external_secret_has_its_secret_with_every_key(shelf: Shelf) -> None:
    spec = {
        "data": [{"secretKey": "password", "remoteRef": {"key": "prod/db"}}],
        "target": {"name": "database", "template": {"data": {"uri": "postgresql://..."}}},
    }
    metadata = {"name": "database-password", "namespace": "trial", "uid": "u-3", "generation": 1}
    shelf.put("/apis/external-secrets.io/v1/externalsecrets", {"metadata": metadata, "spec": spec})
    Site(lambda: shelf).round()  # type: ignore[arg-type,return-value]
    secret = shelf.objects["/api/v1/namespaces/trial/secrets/database"]
    assert set(secret["data"]) == {"password", "uri"}
    # So that the cluster's own collector takes it along.
    assert secret["metadata"]["ownerReferences"][0] == {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "name": "database-password",
        "uid": "u-3",
        "controller": True,
    }


def test_secret_that_is_there_is_left_alone(shelf: Shelf) -> None:
    metadata = {"name": "tls", "namespace": "trial", "uid": "u-4", "generation": 1}
    shelf.put("/apis/cert-manager.io/v1/certificates", {"metadata": metadata, "spec": {"secretName": "tls"}})
    own = {"metadata": {"name": "tls", "namespace": "trial"}, "data": {"tls.crt": "mine"}}
    kept = shelf.put("/api/v1/secrets", own)
    Site(lambda: shelf).round()  # type: ignore[arg-type,return-value]
    assert kept == own


def test_classes_are_there_from_the_beginning_and_the_first_is_the_default(shelf: Shelf) -> None:
    with Site(lambda: shelf, storage_classes=["fast", "slow"]):  # type: ignore[arg-type,return-value]
        pass
    marks = [
        shelf.objects[f"/apis/storage.k8s.io/v1/storageclasses/{name}"]["metadata"]["annotations"]
        for name in ("fast", "slow")
    ]
    assert marks == [{"storageclass.kubernetes.io/is-default-class": "true"}, {}]
    assert shelf.closed


def test_site_that_cannot_go_on_says_so(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_ROUNDS", 0.01)
    told = threading.Event()

    def fail(_: str) -> list[dict[str, Any]]:
        raise ColonnadeError("the API server is gone")

    monkeypatch.setattr(shelf, "list", fail)
    site = Site(lambda: shelf, failed=told.set)  # type: ignore[arg-type,return-value]
    with pytest.raises(ColonnadeError, match="is gone"), site:
        assert told.wait(5)
