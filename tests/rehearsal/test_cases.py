"""Failures that users of comparable systems reported, each on a stack that lives in rehearsal."""

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from bootstrap.lifecycle.pulumi import EngineError, Stack
from bootstrap.rehearsal.aws.controllers import BALANCER, CLUSTER, GROUP, INTERFACE, simulated
from bootstrap.rehearsal.cluster.api import Api
from bootstrap.rehearsal.phases import released
from bootstrap.rehearsal.rehearsal import Rehearsal
from bootstrap.rehearsal.standin.model import RefusedError
from bootstrap.rehearsal.standin.operations import Operations

OFF = {"enabled": False}
# The services say nothing about the cloud, and take the most time.
BARE: dict[str, Any] = {"data": {"lakefs": OFF, "feast": OFF}, "experimentation": {"mlflow": OFF}}
SECONDS = 60


def pod(name: str, gpus: int) -> dict[str, Any]:
    asked = {"nvidia.com/gpu": str(gpus)} if gpus else {"cpu": "100m"}
    tolerations = [{"key": "nvidia.com/gpu", "operator": "Exists"}] if gpus else []
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "tolerations": tolerations,
            "containers": [{"name": "it", "image": "registry.invalid/it:1", "resources": {"limits": asked}}],
        },
    }


def node_of(api: Api, name: str) -> str:
    """Returns the node that a pod lands on, once there is one that is ready for it."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        found = api.get(f"/api/v1/namespaces/default/pods/{name}") or {}
        if node := found.get("spec", {}).get("nodeName"):
            return str(node)
        time.sleep(0.2)
    raise AssertionError(f"no node takes pod {name}: {found.get('status')}")


def test_a_protected_stack_on_aws(rehearse: Callable[..., Rehearsal]) -> None:
    rehearsal = rehearse("aws-dev", protect=True, **BARE)
    account = rehearsal.account
    assert account is not None
    rehearsal.stack.up()

    # The load balancer of the edge's Service is there, and the subnets cannot go while it is (case 15).
    assert account.all(BALANCER)
    assert len(account.all(INTERFACE)) == rehearsal.settings.network.zones
    subnet = account.all(BALANCER)[0].outputs["subnets"][0]
    with pytest.raises(RefusedError, match="DependencyViolation"):
        Operations(account).delete("aws:ec2/subnet:Subnet", subnet)

    # The autoscaler moves the live size: that is no difference, and no drift of the program's (case 12).
    groups = {group.outputs["labels"]["colonnade.io/pool"]: group for group in account.all(GROUP)}
    account.drift(GROUP, groups["general"].id, "scalingConfig.desiredSize", 3)
    assert rehearsal.stack.preview().unchanged

    # An accelerator's first pod brings the first node, and nothing else lands there (case 13).
    gpu = groups["gpuspot"]
    assert gpu.outputs["scalingConfig"]["desiredSize"] == 0
    tags = {
        tag.outputs["tag"]["key"].rpartition("node-template/")[2]: tag.outputs["tag"]["value"]
        for tag in account.all("aws:autoscaling/tag:Tag")
        if "gpuspot" in str(tag.outputs["autoscalingGroupName"])
    }
    assert tags["resources/nvidia.com/gpu"] == "1"
    assert tags["taint/nvidia.com/gpu"].endswith(":NoSchedule")
    assert tags["label/colonnade.io/pool"] == "gpuspot"
    grown = account.drift(GROUP, gpu.id, "scalingConfig.desiredSize", 1)
    rehearsal.cluster.nodes([simulated(group) for group in account.all(GROUP)])
    assert simulated(grown).gpus == 1
    with closing(rehearsal.cluster.api()) as api:
        for name, gpus in (("training", 1), ("serving", 0)):
            api.create("/api/v1/namespaces/default/pods", pod(name, gpus))
        assert "gpuspot" in node_of(api, "training")
        assert "gpuspot" not in node_of(api, "serving")
        for name in ("training", "serving"):
            api.delete(f"/api/v1/namespaces/default/pods/{name}", grace_seconds=0)

    # What is protected refuses to be destroyed; after the one documented step it goes (case 16).
    with pytest.raises(EngineError, match="protect"):
        rehearsal.stack.destroy()
    assert account.all(CLUSTER)
    rehearsal.place.write("aws-dev", released(rehearsal.place.read("aws-dev")))
    rehearsal.stack.up()
    rehearsal.stack.destroy()
    assert rehearsal.leftovers() == []


def test_case_2_a_cluster_that_is_gone_is_destroyed_after_an_explicit_opt_in(
    rehearse: Callable[..., Rehearsal],
) -> None:
    rehearsal = rehearse("on-premises-prod", **BARE)
    stack = rehearsal.stack
    rehearsal.place.write(stack.name, released(rehearsal.place.read(stack.name)))
    stack.up()
    rehearsal.site.__exit__(None, None, None)
    rehearsal.cluster.halt()
    with pytest.raises(EngineError, match=r"unreachable|refused|cannot be reached"):
        stack.destroy()
    opted_in = Stack(
        stack.directory,
        stack.name,
        {**stack.environment(), "PULUMI_K8S_DELETE_UNREACHABLE": "true"},
        logs=stack.logs,
        isolated=True,
    )
    outcome = opted_in.destroy()
    assert outcome.changes.keys() == {"delete"}
    assert any("unreachable" in warning for warning in outcome.warnings)
