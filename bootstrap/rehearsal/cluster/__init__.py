"""The Kubernetes of a rehearsal: a real control plane, and nodes, volumes and operators that are played."""

from bootstrap.rehearsal.cluster.cluster import RehearsedCluster, cluster_name
from bootstrap.rehearsal.cluster.nodes import SimulatedPool
from bootstrap.rehearsal.cluster.site import Balancer, Site

__all__ = ["Balancer", "RehearsedCluster", "SimulatedPool", "Site", "cluster_name"]
