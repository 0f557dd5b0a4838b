"""What AWS's own controllers do around a cluster: nodes for node groups, load balancers for Services."""

import base64
import hashlib
import json
import shlex
import threading
from collections.abc import Mapping
from typing import Any

from bootstrap.rehearsal.aws import sources
from bootstrap.rehearsal.cluster import RehearsedCluster, SimulatedPool
from bootstrap.rehearsal.cluster.api import Document
from bootstrap.rehearsal.standin.account import Store
from bootstrap.rehearsal.standin.cloud import Computation
from bootstrap.rehearsal.standin.model import Account, Resource
from bootstrap.rehearsal.standin.operations import Operations

GROUP = "aws:eks/nodeGroup:NodeGroup"
CLUSTER = "aws:eks/cluster:Cluster"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
# What controllers make by themselves, and no program holds.
PLAYED = (BALANCER, INTERFACE)
_SUBNET = "aws:ec2/subnet:Subnet"
_INTERNAL_MARK = "kubernetes.io/role/internal-elb"
_INTERNAL = "service.beta.kubernetes.io/aws-load-balancer-internal"
_EFFECTS = {
    "NO_SCHEDULE": "NoSchedule",
    "PREFER_NO_SCHEDULE": "PreferNoSchedule",
    "NO_EXECUTE": "NoExecute",
}


class NodeGroups:
    """Has nodes appear and vanish with node groups: as many as wanted, of the size of their type."""

    def __init__(self, cluster: RehearsedCluster) -> None:
        self._cluster, self._lock = cluster, threading.Lock()

    def created(self, resource: Resource, account: Account) -> None:
        """See `Observer`."""
        if resource.type == GROUP:
            with self._lock:
                self._cluster.nodes([simulated(group) for group in account.all(GROUP)])

    def updated(self, resource: Resource, account: Account) -> None:
        """See `Observer`."""
        self.created(resource, account)

    def deleted(self, resource: Resource, account: Account) -> None:
        """See `Observer`."""
        self.created(resource, account)


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
        cpus=hardware["VCpuInfo"]["DefaultVCpus"],
        memory_mib=hardware["MemoryInfo"]["SizeInMiB"],
        gpus=sum(it["Count"] for it in accelerators),
    )


class LoadBalancers:
    """Makes a network load balancer with an interface in each subnet that is marked for it."""

    def __init__(self, account: Store) -> None:
        self._account, self._operations = account, Operations(account)

    def ensure(self, service: Document) -> str | None:
        """See `Balancer`."""
        name = _name(service)
        living = self._account.find(BALANCER, "name", name)
        if not living:
            marked = [it for it in self._account.all(_SUBNET) if _INTERNAL_MARK in self._account.tags(it)]
            annotations = service["metadata"].get("annotations") or {}
            inputs: dict[str, Any] = {
                "name": name,
                "internal": annotations.get(_INTERNAL) == "true",
                "loadBalancerType": "network",
                "subnets": [subnet.id for subnet in marked],
            }
            living = [self._operations.create(BALANCER, inputs, {})]
            for subnet in marked:
                described = {"subnetId": subnet.id, "description": f"ELB net/{name}"}
                self._operations.create(INTERFACE, described, {})
        return str(living[0].outputs["dnsName"])

    def remove(self, service: Document) -> None:
        """See `Balancer`."""
        name = _name(service)
        for interface in self._account.find(INTERFACE, "description", f"ELB net/{name}"):
            self._operations.delete(INTERFACE, interface.id)
        for balancer in self._account.find(BALANCER, "name", name):
            self._operations.delete(BALANCER, balancer.id)


def _name(service: Document) -> str:
    """Returns what AWS calls the load balancer of a Service: the first letters of the object's own number."""
    return f"a{service['metadata']['uid'].replace('-', '')}"[:32]


def at(cluster: RehearsedCluster) -> Mapping[str, Computation]:
    """Returns the outputs by which an EKS cluster is the rehearsed one; see `Cloud.computing`."""
    authority = base64.b64encode(cluster.ca.encode()).decode()

    def outputs(resource: Resource, account: Account) -> Mapping[str, Any]:
        issuer = hashlib.sha256(f"{account.id}{resource.inputs['name']}".encode()).hexdigest()[:32].upper()
        host = f"https://oidc.eks.{account.region}.amazonaws.com/id/{issuer}"
        return {
            "endpoint": cluster.endpoint,
            "certificateAuthority": {"data": authority},
            "identities": [{"oidcs": [{"issuer": host}]}],
        }

    return {CLUSTER: outputs}


def command(cluster: RehearsedCluster) -> str:
    """Returns what stands in for the command `aws`: it lets the administrator in, and does no more."""
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "kind": "ExecCredential",
        "status": {"clientCertificateData": cluster.certificate, "clientKeyData": cluster.key},
    }
    return f"""#!/bin/sh
# A stand-in of a rehearsal for the AWS CLI.
if [ "$1 $2" = "eks get-token" ]; then
    printf '%s\\n' {shlex.quote(json.dumps(credential))}
    exit 0
fi
echo "this is a stand-in for the AWS CLI, which knows 'eks get-token' alone: $*" >&2
exit 2
"""
