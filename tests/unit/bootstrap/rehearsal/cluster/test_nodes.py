from dataclasses import replace
from typing import Any

from bootstrap.rehearsal.cluster.nodes import SimulatedPool, node, settle
from tests.unit.bootstrap.rehearsal.cluster.conftest import Shelf

GPU = SimulatedPool(
    "gpu",
    2,
    labels={"purpose": "training"},
    taints=[{"key": "nvidia.com/gpu", "value": "", "effect": "NoSchedule"}],
    gpus=4,
    cpus=48,
    memory_mib=192 * 1024,
    zones=["eu-central-1a", "eu-central-1b"],
)


def test_node_carries_what_its_pool_says() -> None:
    found = node(GPU, 1)
    assert found["metadata"]["name"] == "gpu-1"
    labels = found["metadata"]["labels"]
    assert (labels["colonnade.io/pool"], labels["purpose"]) == ("gpu", "training")
    assert labels["topology.kubernetes.io/zone"] == "eu-central-1b"
    assert found["spec"]["taints"] == [{"key": "nvidia.com/gpu", "value": "", "effect": "NoSchedule"}]
    allocatable = found["status"]["allocatable"]
    assert (allocatable["nvidia.com/gpu"], allocatable["cpu"], allocatable["memory"]) == (
        "4",
        "48",
        "196608Mi",
    )


def test_node_without_gpus_has_no_such_resource() -> None:
    assert "nvidia.com/gpu" not in node(replace(GPU, gpus=0), 0)["status"]["allocatable"]


def names(shelf: Shelf) -> set[str]:
    return {found["metadata"]["name"] for found in shelf.list("/api/v1/nodes")}


def test_settling_twice_changes_nothing(shelf: Shelf) -> None:
    settle(shelf, [GPU])  # type: ignore[arg-type]
    assert names(shelf) == {"gpu-0", "gpu-1"}
    shelf.calls.clear()
    settle(shelf, [GPU])  # type: ignore[arg-type]
    assert shelf.calls == []


def test_node_that_goes_takes_its_pods_and_no_others(shelf: Shelf) -> None:
    settle(shelf, [GPU])  # type: ignore[arg-type]
    for name, place in (("first", "gpu-0"), ("second", "gpu-1")):
        metadata = {"name": name, "namespace": "trial"}
        shelf.put("/api/v1/pods", {"metadata": metadata, "spec": {"nodeName": place}})
    settle(shelf, [replace(GPU, count=1)])  # type: ignore[arg-type]
    assert names(shelf) == {"gpu-0"}
    assert [pod["metadata"]["name"] for pod in shelf.list("/api/v1/pods")] == ["first"]


def test_changed_pool_has_other_nodes_of_the_same_names(shelf: Shelf) -> None:
    settle(shelf, [GPU])  # type: ignore[arg-type]
    shelf.calls.clear()
    settle(shelf, [replace(GPU, labels={})])  # type: ignore[arg-type]
    assert {call for call in shelf.calls if call[1].endswith("gpu-0")} == {
        ("delete", "/api/v1/nodes/gpu-0"),
        ("create", "/api/v1/nodes/gpu-0"),
    }
    labels: Any = shelf.list("/api/v1/nodes")[0]["metadata"]["labels"]
    assert "purpose" not in labels
