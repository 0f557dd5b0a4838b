"""What AWS's own controllers do around a cluster: nodes for node groups, load balancers for Services."""

import hashlib
from collections.abc import Mapping
from typing import Any

from bootstrap.rehearsal.aws import sources
from bootstrap.rehearsal.cluster.api import Api
from bootstrap.rehearsal.cluster.nodes import SimulatedPool, ensure
from bootstrap.rehearsal.standin.account import Store
from bootstrap.rehearsal.standin.model import Account, Resource
from bootstrap.rehearsal.standin.operations import Operations

GROUP = "aws:eks/nodeGroup:NodeGroup"
CLUSTER = "aws:eks/cluster:Cluster"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
_SUBNET = "aws:ec2/subnet:Subnet"
_INTERNAL = "kubernetes.io/role/internal-elb"
_EFFECTS = {
    "NO_SCHEDULE": "NoSchedule",
    "PREFER_NO_SCHEDULE": "PreferNoSchedule",
    "NO_EXECUTE": "NoExecute",
}


class NodeGroups:
    """Has nodes appear and vanish with node groups: as many as wanted, of the size of their type."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def created(self, resource: Resource, account: Account) -> None:  # noqa: ARG002 - see Observer
        """See `Observer`."""
        if resource.type == GROUP:
            ensure(self._api, simulated(resource))

    def updated(self, resource: Resource, account: Account) -> None:
        """See `Observer`."""
        self.created(resource, account)

    def deleted(self, resource: Resource, account: Account) -> None:  # noqa: ARG002 - see Observer
        """See `Observer`."""
        if resource.type == GROUP:
            ensure(self._api, SimulatedPool(resource.outputs["nodeGroupName"], 0))


def simulated(group: Resource) -> SimulatedPool:
    """Returns the nodes of a node group as they would be."""
    outputs = group.outputs
    hardware = sources.hardware()[outputs["instanceTypes"][0]]
    accelerators = hardware.get("GpuInfo", {}).get("Gpus", [])
    return SimulatedPool(
        name=outputs["nodeGroupName"],
        count=int(outputs["scalingConfig"]["desiredSize"]),
        labels=outputs.get("labels") or {},
        taints=[
            {"key": it["key"], "value": it.get("value") or "", "effect": _EFFECTS[it["effect"]]}
            for it in outputs.get("taints") or []
        ],
        cpu=hardware["VCpuInfo"]["DefaultVCpus"],
        memory_mib=hardware["MemoryInfo"]["SizeInMiB"],
        gpus=sum(it["Count"] for it in accelerators),
    )


class LoadBalancers:
    """Makes a network load balancer with an interface in each subnet that is marked for it."""

    def __init__(self, account: Store) -> None:
        self._account, self._operations = account, Operations(account)

    def ensure(self, name: str, annotations: Mapping[str, str]) -> str:
        """See `Balancers`."""
        living = self._account.find(BALANCER, "name", name)
        if not living:
            marked = [it for it in self._account.all(_SUBNET) if _INTERNAL in self._account.tags(it)]
            inputs: dict[str, Any] = {
                "name": name,
                "internal": annotations.get("service.beta.kubernetes.io/aws-load-balancer-internal")
                == "true",
                "loadBalancerType": "network",
                "subnets": [subnet.id for subnet in marked],
            }
            living = [self._operations.create(BALANCER, inputs, {})]
            for subnet in marked:
                described = {"subnetId": subnet.id, "description": f"ELB net/{name}"}
                self._operations.create(INTERFACE, described, {})
        return str(living[0].outputs["dnsName"])

    def remove(self, name: str) -> None:
        """See `Balancers`."""
        for interface in self._account.find(INTERFACE, "description", f"ELB net/{name}"):
            self._operations.delete(INTERFACE, interface.id)
        for balancer in self._account.find(BALANCER, "name", name):
            self._operations.delete(BALANCER, balancer.id)


def at(endpoint: str, authority: str) -> Mapping[str, Any]:
    """Returns the outputs by which an EKS cluster is the rehearsed one; see `Cloud.computing`."""

    def outputs(resource: Resource, account: Account) -> Mapping[str, Any]:
        issuer = hashlib.sha256(f"{account.id}{resource.inputs['name']}".encode()).hexdigest()[:32].upper()
        host = f"https://oidc.eks.{account.region}.amazonaws.com/id/{issuer}"
        return {
            "endpoint": endpoint,
            "certificateAuthority": {"data": authority},
            "identities": [{"oidcs": [{"issuer": host}]}],
        }

    return {CLUSTER: outputs}
