"""What is known of AWS, read from those who publish it: botocore's service models and moto's data."""

import gzip
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import moto
from botocore.exceptions import UnknownServiceError
from botocore.model import ListShape, Shape, StructureShape

# All of moto that is needed, at once: its modules import each other in circles, which threads that serve an
# engine would race on.
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
from moto.ec2.models.vpcs import AWS_ENDPOINT_SERVICES, COVERED_ENDPOINT_SERVICES
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.servicequotas.resources.default_quotas.vpc import VPC_DEFAULT_QUOTAS

_RESOURCES = Path(moto.__file__).parent

# Actions that neither a managed policy nor an operation of an API names, with the pages that do.
_FURTHER_ACTIONS = (
    "elasticache:Connect",  # docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html
    "rds-db:connect",  # docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html
    "s3:BypassGovernanceRetention",  # docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html
)


@cache
def _session() -> botocore.session.Session:
    return botocore.session.Session()


@cache
def member(path: str) -> Shape:
    """Returns the shape of an input, as `SERVICE.OPERATION.MEMBER[.MEMBER...]`, through lists on the way.

    Raises:
        LookupError: The model has no such service, operation or member.
    """
    service, operation, *members = path.split(".")
    try:
        model = _session().get_service_model(service)
    except UnknownServiceError as error:
        raise LookupError(f"botocore has no service {service!r}") from error
    if operation not in model.operation_names:
        raise LookupError(f"botocore's {service} has no operation {operation!r}")
    found: Shape = model.operation_model(operation).input_shape
    for name in members:
        inner = _element(found)
        if not isinstance(inner, StructureShape) or name not in inner.members:
            raise LookupError(f"botocore knows no {name!r} in {path}")
        found = inner.members[name]
    return found


def shape(path: str) -> Shape:
    """Returns the shape of one value of an input: of an element, where that is a list.

    Raises:
        LookupError: The model has no such service, operation or member.
    """
    return _element(member(path))


def _element(found: Shape) -> Shape:
    while isinstance(found, ListShape):
        found = found.member
    return found


@cache
def documented(path: str, pattern: str) -> frozenset[str]:
    """Returns what of the documentation of an input matches the pattern.

    Raises:
        LookupError: The model has no such input, or nothing in its documentation matches.
    """
    found = frozenset(re.findall(pattern, member(path).documentation))
    if not found:
        raise LookupError(f"botocore's documentation of {path} holds nothing like {pattern}")
    return found


@cache
def instance_types(region: str) -> Mapping[str, frozenset[str]]:
    """Returns the instance types that the region offers, each with the zones that have it.

    Raises:
        LookupError: The region is unknown.
    """
    path = _RESOURCES / f"ec2/resources/instance_type_offerings/availability-zone/{region}.json.gz"
    if not path.is_file():
        raise LookupError(f"no instance types are known for the region {region!r}")
    found: dict[str, set[str]] = {}
    for offer in json.loads(gzip.decompress(path.read_bytes())):
        found.setdefault(offer["InstanceType"], set()).add(offer["Location"])
    return {kind: frozenset(zones) for kind, zones in found.items()}


def zones(region: str) -> list[str]:
    """Returns the names of the region's availability zones."""
    return sorted(zone_ids(region))


def zone_ids(region: str) -> Mapping[str, str]:
    """Returns the identifiers of the region's availability zones, by name."""
    return {zone.name: zone.zone_id for zone in RegionsAndZonesBackend.zones[region]}


def partition(region: str) -> str:
    """Returns the partition that the region belongs to."""
    return str(_session().get_partition_for_region(region))


@cache
def dns_suffix(region: str) -> str:
    """Returns the domain of the partition's endpoints."""
    loader = _session().get_component("data_loader")
    partitions = loader.load_data("endpoints")["partitions"]
    return next(str(p["dnsSuffix"]) for p in partitions if p["partition"] == partition(region))


@cache
def hardware() -> Mapping[str, Mapping[str, Any]]:
    """Returns what EC2 says of each instance type: `GpuInfo`, `ProcessorInfo` and so on."""
    path = _RESOURCES / "ec2/resources/instance_types.json.gz"
    return {str(k): v for k, v in json.loads(gzip.decompress(path.read_bytes())).items()}


@cache
def managed_policies() -> Mapping[str, Mapping[str, Any]]:
    """Returns the policies that AWS manages, by the part of their ARN after `policy`."""
    policies = json.loads(aws_managed_policies_data)
    return {f"{policy['Path']}{name}": policy["Document"] for name, policy in policies.items()}


@cache
def actions(service: str) -> frozenset[str]:
    """Returns the actions of a service, in lower case and without its prefix, that managed policies name."""
    return _actions().get(service, frozenset())


@cache
def _actions() -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    named = list(_FURTHER_ACTIONS)
    for document in managed_policies().values():
        statements = document["Statement"]
        for statement in statements if isinstance(statements, list) else [statements]:
            for entry in (statement.get("Action", []), statement.get("NotAction", [])):
                named += [entry] if isinstance(entry, str) else entry
    for action in named:
        service, _, name = action.lower().partition(":")
        if name and "*" not in name:
            found.setdefault(service, set()).add(name)
    return {service: frozenset(names) for service, names in found.items()}


@cache
def operations(service: str) -> frozenset[str]:
    """Returns the operations, in lower case, of the API that signs its requests with that name."""
    try:
        model = _session().get_service_model(service)
    except UnknownServiceError:
        return frozenset()
    return frozenset(name.lower() for name in model.operation_names)


@cache
def endpoint_services() -> frozenset[str]:
    """Returns the services that have VPC endpoints, by the part of their name after the region."""
    return frozenset((*AWS_ENDPOINT_SERVICES, *COVERED_ENDPOINT_SERVICES))


@cache
def quotas() -> Mapping[str, tuple[int, str]]:
    """Returns the default quotas of VPCs by name, as value and quota code."""
    return {
        str(q["QuotaName"]): (int(str(q["Value"]).partition(".")[0]), str(q["QuotaCode"]))
        for q in VPC_DEFAULT_QUOTAS
    }
