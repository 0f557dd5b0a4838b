"""What programs ask AWS for without making anything."""

from collections.abc import Mapping
from typing import Any

from bootstrap.rehearsal.aws import sources
from bootstrap.rehearsal.aws.rules.support import Account, Refusal, Resource, first, value
from bootstrap.rehearsal.aws.validators import VALIDATORS
from bootstrap.rehearsal.standin.cloud import Function
from bootstrap.rehearsal.standin.model import RefusedError

_CLUSTER = "aws:eks/cluster:Cluster"


def _availability_zones(_: dict[str, Any], account: Account) -> dict[str, Any]:
    zones = sources.zones(account.region)
    identifiers = sources.zone_ids(account.region)
    return {
        "id": account.region,
        "names": zones,
        "zoneIds": [identifiers[zone] for zone in zones],
        "groupNames": [account.region],
    }


def _caller_identity(_: dict[str, Any], account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "accountId": account.id,
        "arn": f"arn:{sources.partition(account.region)}:sts::{account.id}:assumed-role/rehearsal/colonnade",
        "userId": "AROAREHEARSAL0000000:colonnade",
    }


def _region(_: dict[str, Any], account: Account) -> dict[str, Any]:
    return {
        "id": account.region,
        "name": account.region,
        "region": account.region,
        "description": account.region,
        "endpoint": f"ec2.{account.region}.{sources.dns_suffix(account.region)}",
    }


def _partition(_: dict[str, Any], account: Account) -> dict[str, Any]:
    suffix = sources.dns_suffix(account.region)
    return {
        "id": sources.partition(account.region),
        "partition": sources.partition(account.region),
        "dnsSuffix": suffix,
        "reverseDnsPrefix": ".".join(reversed(suffix.split("."))),
    }


def _named_cluster(inputs: dict[str, Any], account: Account) -> Resource:
    found = first(account, _CLUSTER, "name", inputs["name"])
    if found is None:
        reason = f"there is no cluster {inputs['name']!r}"
        raise RefusedError([Refusal("name", reason, "moto eks", "ResourceNotFoundException")])
    return found


def _cluster(inputs: dict[str, Any], account: Account) -> dict[str, Any]:
    cluster = _named_cluster(inputs, account)
    return {
        **cluster.outputs,
        "certificateAuthorities": [value(cluster, "certificateAuthority")],
        "id": cluster.id,
    }


def _cluster_auth(inputs: dict[str, Any], account: Account) -> dict[str, Any]:
    cluster = _named_cluster(inputs, account)
    return {"id": cluster.id, "name": inputs["name"], "token": f"k8s-aws-v1.rehearsal-{cluster.id}"}


def _addon_version(inputs: dict[str, Any], _: Account) -> dict[str, Any]:
    """Which versions there are is published by the API alone, so this has their form and no more."""
    if reason := VALIDATORS["addon-name"](inputs["addonName"]):
        raise RefusedError([Refusal("addonName", reason, "botocore eks.DescribeAddonVersions")])
    version = inputs["kubernetesVersion"]
    if reason := VALIDATORS["kubernetes-version"](version):
        raise RefusedError([Refusal("kubernetesVersion", reason, "botocore eks.DescribeAddonVersions")])
    return {**inputs, "id": inputs["addonName"], "version": f"v{version}.0-eksbuild.1"}


FUNCTIONS: Mapping[str, Function] = {
    "aws:eks/getAddonVersion:getAddonVersion": _addon_version,
    "aws:eks/getCluster:getCluster": _cluster,
    "aws:eks/getClusterAuth:getClusterAuth": _cluster_auth,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _availability_zones,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getRegion:getRegion": _region,
}
