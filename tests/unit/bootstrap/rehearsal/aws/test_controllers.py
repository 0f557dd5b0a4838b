"""What AWS's controllers do by themselves, in the account of world.yaml."""

import base64
import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bootstrap.rehearsal.aws.controllers import (
    BALANCER,
    GROUP,
    INTERFACE,
    LoadBalancers,
    NodeGroups,
    at,
    command,
)
from bootstrap.rehearsal.aws.controllers import simulated as simulate
from bootstrap.rehearsal.cluster import SimulatedPool
from bootstrap.rehearsal.standin.model import Resource
from tests.unit.bootstrap.rehearsal.aws.conftest import Engine, RefusedByEngineError

SERVICE = {
    "metadata": {
        "name": "edge",
        "uid": "0a1b2c3d-0000-4000-8000-0123456789ab",
        "annotations": {"service.beta.kubernetes.io/aws-load-balancer-internal": "true"},
    },
    "spec": {"type": "LoadBalancer"},
}


@dataclass
class Cluster:
    endpoint: str = "https://198.19.0.2:6443"
    ca: str = "-----BEGIN CERTIFICATE-----\n"
    certificate: str = "-----BEGIN CERTIFICATE-----\nit's\n"
    key: str = "-----BEGIN PRIVATE KEY-----\n"
    pools: list[SimulatedPool] = field(default_factory=list)

    def nodes(self, pools: list[SimulatedPool]) -> None:
        self.pools = pools


def group(kind: str, **outputs: Any) -> Resource:
    given = {
        "nodeGroupName": "gpu",
        "instanceTypes": [kind],
        "scalingConfig": {"desiredSize": 2.0},
        "labels": {"colonnade.io/pool": "gpu"},
        "taints": [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}],
    }
    return Resource(GROUP, "c:gpu", given, {**given, **outputs})


@pytest.mark.parametrize(
    ("kind", "cpus", "gpus"),
    [("m6i.xlarge", 4, 0), ("g6.2xlarge", 8, 1), ("g6.12xlarge", 48, 4)],
)
def test_nodes_are_what_their_instance_type_is(kind: str, cpus: int, gpus: int) -> None:
    pool = simulate(group(kind))
    assert (pool.name, pool.count, pool.cpus, pool.gpus) == ("gpu", 2, cpus, gpus)
    assert list(pool.taints) == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]


def test_nodes_follow_node_groups(world: Engine) -> None:
    cluster = Cluster()
    controller = NodeGroups(cluster)  # type: ignore[arg-type]
    living = world.account.get(GROUP, world.named["nodes"]["id"])
    assert living is not None
    controller.created(living, world.account)
    assert [(pool.name, pool.count) for pool in cluster.pools] == [("general", 1)]
    world.update("nodes", {"scalingConfig": {"minSize": 1, "desiredSize": 3, "maxSize": 4}})
    controller.updated(living, world.account)
    assert [pool.count for pool in cluster.pools] == [3]
    world.delete("nodes")
    controller.deleted(living, world.account)
    assert cluster.pools == []


def test_load_balancer_keeps_its_network(world: Engine) -> None:
    mark = {"kubernetes.io/role/internal-elb": "1"}
    vpc = world.create("own", "aws:ec2/vpc:Vpc", {"cidrBlock": "10.70.0.0/16"})["id"]
    place = {"cidrBlock": "10.70.0.0/20", "availabilityZone": "eu-central-1a", "tags": mark}
    world.create("marked", "aws:ec2/subnet:Subnet", {"vpcId": vpc, **place})
    controller = LoadBalancers(world.account)
    name = controller.ensure(SERVICE)
    assert name is not None
    assert name.endswith(".elb.eu-central-1.amazonaws.com")
    assert controller.ensure(SERVICE) == name
    (balancer,) = world.account.all(BALANCER)
    assert balancer.outputs["internal"]
    assert balancer.outputs["subnets"] == [world.named["marked"]["id"]]
    assert len(world.account.all(INTERFACE)) == 1
    with pytest.raises(RefusedByEngineError, match=r"is in use by aws:(lb|ec2)"):
        world.delete("marked")
    controller.remove(SERVICE)
    controller.remove(SERVICE)
    assert world.account.all(BALANCER) == world.account.all(INTERFACE) == []
    world.delete("marked")
    world.delete("own")


def test_cluster_is_where_the_rehearsed_one_is(world: Engine) -> None:
    cluster = Cluster()
    (compute,) = at(cluster).values()  # type: ignore[arg-type]
    found = compute(Resource("aws:eks/cluster:Cluster", "c", {"name": "c"}, {"name": "c"}), world.account)
    assert found["endpoint"] == cluster.endpoint
    assert base64.b64decode(found["certificateAuthority"]["data"]).decode() == cluster.ca
    issuer = found["identities"][0]["oidcs"][0]["issuer"]
    assert issuer.startswith("https://oidc.eks.eu-central-1.amazonaws.com/id/")


@pytest.fixture
def aws_command(tmp_path: Path) -> Path:
    path = tmp_path / "aws"
    path.write_text(command(Cluster()))  # type: ignore[arg-type]
    path.chmod(0o755)
    return path


def test_command_lets_the_administrator_in(aws_command: Path) -> None:
    words = ["eks", "get-token", "--cluster-name", "c", "--region", "eu-central-1"]
    said = subprocess.run([aws_command, *words], capture_output=True, text=True, check=True).stdout
    credential = json.loads(said)
    assert credential["kind"] == "ExecCredential"
    assert credential["status"]["clientCertificateData"] == Cluster.certificate
    assert credential["status"]["clientKeyData"] == Cluster.key


def test_command_knows_nothing_else(aws_command: Path) -> None:
    done = subprocess.run([aws_command, "s3", "ls"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "stand-in" in done.stderr
    assert "s3 ls" in done.stderr
