from datetime import UTC, datetime
from typing import Any

import pytest

from bootstrap.embedded import addons, health
from bootstrap.embedded.client import Client, Probe
from bootstrap.embedded.health import ClusterStatus, Component
from bootstrap.embedded.layout import Layout


class Answers(Client):
    """Answers from a table in place of a cluster."""

    def __init__(self, layout: Layout, answers: dict[str, Any]) -> None:
        super().__init__(layout)
        self.answers = answers

    def object(self, path: str) -> dict[str, Any] | None:
        return self.answers.get(path)

    def get(self, port: int, path: str, identity: object) -> tuple[int, bytes]:
        assert identity == "admin"
        answer: tuple[int, bytes] | Exception = self.answers[f"{port}{path}"]
        if isinstance(answer, Exception):
            raise answer
        return answer


def node(status: str, heartbeat: str = "2026-01-01T10:00:05Z") -> dict[str, Any]:
    ready = {"type": "Ready", "status": status, "message": "no network", "lastHeartbeatTime": heartbeat}
    return {"/api/v1/nodes/colonnade-trial": {"status": {"conditions": [{"type": "DiskPressure"}, ready]}}}


def test_node_must_say_that_it_is_ready(layout: Layout) -> None:
    assert health.node_fault(layout, Answers(layout, {})) == "not registered"
    assert health.node_fault(layout, Answers(layout, node("False"))) == "no network"
    assert health.node_fault(layout, Answers(layout, node("True"))) is None


def test_what_a_node_said_before_its_restart_does_not_count(layout: Layout) -> None:
    client = Answers(layout, node("True"))
    assert health.node_fault(layout, client, datetime(2026, 1, 1, 10, 0, 6, tzinfo=UTC))
    assert health.node_fault(layout, client, datetime(2026, 1, 1, 10, 0, 5, 900, tzinfo=UTC)) is None


@pytest.mark.parametrize(("container", "fault"), [("containerd://aaa", False), ("containerd://dead", True)])
def test_ready_pods_must_have_living_containers(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, container: str, fault: bool
) -> None:
    tasks = "TASK    PID     STATUS\naaa     12      RUNNING\ndead    13      STOPPED\n"
    monkeypatch.setattr(health, "run", lambda _: tasks)
    status = {"containerStatuses": [{"ready": True, "containerID": container}]}
    waiting = {"containerStatuses": [{"ready": False}]}
    pods = {
        "items": [
            {"metadata": {"name": "one"}, "status": status},
            {"metadata": {"name": "two"}, "status": waiting},
            {"metadata": {"name": "three"}, "status": {}},
        ]
    }
    client = Answers(layout, {"/api/v1/pods?fieldSelector=spec.nodeName%3Dcolonnade-trial": pods})
    assert health.pods_fault(layout, client) == ("not looked after yet: one" if fault else None)


def deployment(status: dict[str, int], *pods: dict[str, Any]) -> dict[str, Any]:
    spec = {"replicas": 1, "selector": {"matchLabels": {"k8s-app": "kube-dns"}}}
    return {
        "/apis/apps/v1/namespaces/kube-system/deployments/coredns": {
            "metadata": {"generation": 2},
            "spec": spec,
            "status": status,
        },
        "/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app%3Dkube-dns": {"items": pods},
    }


def pod(ready: str, **metadata: str) -> dict[str, Any]:
    return {"metadata": metadata, "status": {"conditions": [{"type": "Ready", "status": ready}]}}


NEWEST = {"observedGeneration": 2, "updatedReplicas": 1, "availableReplicas": 1}


@pytest.mark.parametrize(
    ("status", "pods", "fault"),
    [
        (NEWEST, [pod("True")], None),
        (NEWEST, [pod("False"), pod("True")], None),
        ({**NEWEST, "observedGeneration": 1}, [pod("True")], "not yet seen"),
        ({**NEWEST, "updatedReplicas": 0}, [pod("True")], "is being replaced"),
        (NEWEST, [pod("False")], "0 of 1 pods ready"),
        (NEWEST, [], "0 of 1 pods ready"),
        (NEWEST, [pod("True", deletionTimestamp="2026-01-01T00:00:00Z")], "0 of 1 pods ready"),
    ],
)
def test_deployment_is_ready_only_in_its_newest_form_and_by_its_pods(
    layout: Layout, status: dict[str, int], pods: list[dict[str, Any]], fault: str | None
) -> None:
    found = addons.fault(Answers(layout, deployment(status, *pods)), "coredns")
    assert found is None if fault is None else found and fault in found
    assert addons.fault(Answers(layout, {}), "coredns") == "does not exist"


def test_failing_checks_of_a_component_are_named(layout: Layout) -> None:
    many = b"".join(b"[-]check-%d failed\n" % number for number in range(5))
    crowded = Answers(layout, {"1/many": (500, many)})
    assert crowded.fault(Probe(1, "/many")) == "not ready: check-0, check-1 and 3 more"
    body = b"[+]ping ok\n[-]etcd failed: reason withheld\n[-]informer-sync failed\nreadyz check failed"
    client = Answers(
        layout, {"1/ok": (200, b"ok"), "1/bad": (500, body), "1/no": (401, b""), "1/x": OSError()}
    )
    assert client.fault(Probe(1, "/ok")) is None
    assert client.fault(Probe(1, "/bad")) == "not ready: etcd, informer-sync"
    assert client.fault(Probe(1, "/no")) == "answers 401"
    assert client.fault(Probe(1, "/x")) == "does not answer (OSError)"
    assert client.fault(Probe(socket=layout.containerd_socket)) == "does not answer (FileNotFoundError)"


def test_health_means_every_part() -> None:
    good, bad = Component("a", "running", 1, True), Component("b", "stopped", None, False)
    assert ClusterStatus("trial", (good,)).healthy
    assert not ClusterStatus("trial", (good, bad)).healthy
    assert not ClusterStatus("trial", ()).healthy
