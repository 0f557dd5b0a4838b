"""The Kubernetes of a rehearsal: a real control plane, simulated nodes, and what a site plays for them."""

from bootstrap.rehearsal.cluster.cluster import RehearsedCluster
from bootstrap.rehearsal.cluster.nodes import SimulatedPool
from bootstrap.rehearsal.cluster.site import Site

__all__ = ["RehearsedCluster", "SimulatedPool", "Site"]
