"""The rehearsed cluster: what it takes, what it refuses, where pods go, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from bootstrap.embedded import mounts, network
from bootstrap.rehearsal.cluster import RehearsedCluster, SimulatedPool, Site
from bootstrap.toolchain import binary

POOLS = (
    SimulatedPool("general", 2, cpus=4, memory_mib=16 * 1024),
    SimulatedPool(
        "gpu", 1, taints=[{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}], gpus=1
    ),
)
GPU_TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[RehearsedCluster]:
    cluster = RehearsedCluster("rehearsal-e2e")
    cluster.down()
    started = time.monotonic()
    cluster.up()
    assert time.monotonic() - started < 30  # on a busy machine; 6 s otherwise
    try:
        cluster.nodes(POOLS)
        apply(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "trial"}})
        eventually(lambda: kubectl(cluster, "get", "serviceaccount", "default").returncode == 0)
        yield cluster
    finally:
        cluster.down()


def kubectl(
    cluster: RehearsedCluster, *words: str, stdin: str | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(binary("kubectl")), f"--kubeconfig={cluster.kubeconfig}", "--namespace=trial", *words],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def apply(cluster: RehearsedCluster, *documents: dict[str, Any]) -> None:
    done = kubectl(cluster, "apply", "--filename=-", stdin=yaml.safe_dump_all(documents))
    assert done.returncode == 0, done.stderr


def get(cluster: RehearsedCluster, *words: str) -> Any:
    done = kubectl(cluster, "get", *words, "--output=json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def eventually(true: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.2)
    return found


def pod(name: str, gpus: int = 0, tolerations: tuple[dict[str, str], ...] = ()) -> dict[str, Any]:
    limits = {"nvidia.com/gpu": gpus} if gpus else {"memory": "64Mi"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "tolerations": list(tolerations),
            "initContainers": [{"name": "before", "image": "example.com/before:1"}],
            "containers": [{"name": "main", "image": "example.com/main:1", "resources": {"limits": limits}}],
        },
    }


def place(cluster: RehearsedCluster, name: str) -> tuple[str | None, str]:
    found = get(cluster, "pod", name)
    return found["spec"].get("nodeName"), found["status"].get("phase", "")


def test_only_a_pod_that_asks_for_a_gpu_and_tolerates_lands_on_a_gpu_node(cluster: RehearsedCluster) -> None:
    apply(cluster, pod("training", gpus=1, tolerations=(GPU_TOLERATION,)), pod("web"), pod("stray", gpus=1))
    eventually(lambda: place(cluster, "training") == ("gpu-0", "Running"))
    eventually(lambda: place(cluster, "web")[1] == "Running")
    assert place(cluster, "web")[0] in ("general-0", "general-1")
    # It asks for a GPU and does not tolerate the taint: no node is left for it.
    conditions = eventually(lambda: get(cluster, "pod", "stray")["status"].get("conditions"))
    assert place(cluster, "stray") == (None, "Pending")
    assert "untolerated taint" in conditions[0]["message"]
    # One GPU is all there is.
    apply(cluster, pod("second", gpus=1, tolerations=(GPU_TOLERATION,)))
    message = eventually(lambda: get(cluster, "pod", "second")["status"].get("conditions"))[0]["message"]
    assert "Insufficient nvidia.com/gpu" in message


def test_pools_come_change_and_go(cluster: RehearsedCluster) -> None:
    def nodes() -> dict[str, str | None]:
        return {
            node["metadata"]["name"]: node["metadata"]["labels"].get("trial")
            for node in get(cluster, "nodes")["items"]
        }

    before = get(cluster, "node", "general-0")["metadata"]["uid"]
    cluster.nodes([*POOLS, SimulatedPool("spot", 1, labels={"trial": "one"})])
    assert nodes() == {"general-0": None, "general-1": None, "gpu-0": None, "spot-0": "one"}
    cluster.nodes([*POOLS, SimulatedPool("spot", 2, labels={"trial": "two"})])
    assert nodes() == {
        "general-0": None,
        "general-1": None,
        "gpu-0": None,
        "spot-0": "two",
        "spot-1": "two",
    }
    cluster.nodes(POOLS)
    assert set(nodes()) == {"general-0", "general-1", "gpu-0"}
    assert get(cluster, "node", "general-0")["metadata"]["uid"] == before


def test_jobs_complete_and_workloads_are_ready_with_their_volumes(cluster: RehearsedCluster) -> None:
    template = {
        "metadata": {"labels": {"app": "trial"}},
        "spec": {"containers": [{"name": "main", "image": "example.com/main:1"}]},
    }
    once = {**template, "spec": {**template["spec"], "restartPolicy": "Never"}}
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    with Site(cluster.api, storage_classes=["fast"]):
        apply(
            cluster,
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {"name": "once"},
                "spec": {"template": once},
            },
            {
                "apiVersion": "apps/v1",
                "kind": "StatefulSet",
                "metadata": {"name": "store"},
                "spec": {
                    "serviceName": "store",
                    "selector": {"matchLabels": {"app": "trial"}},
                    "template": template,
                    "volumeClaimTemplates": [claim],
                },
            },
        )
        eventually(lambda: get(cluster, "job", "once")["status"].get("succeeded") == 1)
        eventually(lambda: get(cluster, "statefulset", "store")["status"].get("readyReplicas") == 1)
        found = get(cluster, "pvc", "data-store-0")
        assert (found["status"]["phase"], found["spec"]["storageClassName"]) == ("Bound", "fast")
        assert kubectl(cluster, "delete", "statefulset/store", "pvc/data-store-0").returncode == 0
        eventually(lambda: not get(cluster, "pv")["items"])


class Recorded:
    """Makes load balancers by writing down which."""

    def __init__(self) -> None:
        self.made: set[str] = set()

    def ensure(self, service: dict[str, Any]) -> str:
        self.made.add(service["metadata"]["name"])
        return "balancer.example.com"

    def remove(self, service: dict[str, Any]) -> None:
        self.made.discard(service["metadata"]["name"])


def test_load_balancer_lives_as_long_as_its_service(cluster: RehearsedCluster) -> None:
    balancer = Recorded()
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "edge"},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 443}], "selector": {"app": "edge"}},
    }
    with Site(cluster.api, balancer):
        apply(cluster, service)
        ingress = eventually(
            lambda: get(cluster, "service", "edge")["status"].get("loadBalancer", {}).get("ingress")
        )
        assert ingress == [{"hostname": "balancer.example.com"}]
        assert balancer.made == {"edge"}
        # The client waits, and is back only when the load balancer has gone.
        assert kubectl(cluster, "delete", "service/edge").returncode == 0
        assert balancer.made == set()


def test_pod_security_admission_refuses(cluster: RehearsedCluster) -> None:
    wrong = pod("escape")
    wrong["spec"]["hostNetwork"] = True
    done = kubectl(cluster, "apply", "--filename=-", stdin=yaml.safe_dump(wrong))
    assert done.returncode != 0
    assert 'violates PodSecurity "baseline:latest": host namespaces' in done.stderr


def test_webhook_that_nobody_answers_refuses_nothing(cluster: RehearsedCluster) -> None:
    apply(
        cluster,
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "nobody"},
            "webhooks": [
                {
                    "name": "nobody.example.com",
                    "failurePolicy": "Fail",
                    "sideEffects": "None",
                    "admissionReviewVersions": ["v1"],
                    "clientConfig": {"service": {"namespace": "trial", "name": "nobody"}},
                    "rules": [
                        {
                            "apiGroups": [""],
                            "apiVersions": ["v1"],
                            "operations": ["CREATE"],
                            "resources": ["configmaps"],
                        }
                    ],
                }
            ],
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}},
    )
    assert get(cluster, "configmap", "kept")


def test_second_up_leaves_all_as_it_is(cluster: RehearsedCluster) -> None:
    pids = cluster.processes.members()
    cluster.up()
    assert cluster.processes.members() == pids


@pytest.mark.parametrize("point", ["after-network", "after-apiserver"])
def test_nothing_is_left_of_one_that_was_killed(point: str) -> None:
    name = f"rehearsal-{point[6:]}"[:20]
    program = f"from bootstrap.rehearsal.cluster import RehearsedCluster as C; C({name!r}).up()"
    environment = {**os.environ, "COLONNADE_CRASH_AT": point}
    died = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, timeout=60, check=False
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    cluster = RehearsedCluster(name)
    assert cluster.layout.state.exists()
    cluster.down()
    assert not cluster.layout.state.exists()
    assert not cluster.processes.members()
    assert not network.is_namespace(cluster.layout.netns)
    assert not mounts.below(cluster.layout.state)
    assert network.owner(cluster.layout) is None
