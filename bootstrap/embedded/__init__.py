"""A real single-node Kubernetes in a network namespace of its own, for machines that have none."""

from bootstrap.embedded.cluster import Cluster
from bootstrap.embedded.health import ClusterStatus, Component

__all__ = ["Cluster", "ClusterStatus", "Component"]
