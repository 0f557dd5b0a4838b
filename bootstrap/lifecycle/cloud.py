"""Finds what an engine that died was creating on a cloud, so that it is adopted and not made twice."""

import re
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bootstrap.errors import ColonnadeError

_TABLE = Path(__file__).with_name("aws.yaml")
_ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
_GLOBAL_REGION = "us-east-1"
_FIELD = re.compile(r"\{([\w.]+)(\|crc32)?\}")


@cache
def _table() -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = yaml.safe_load(_TABLE.read_text(encoding="utf-8"))
    return loaded


def find_pending(
    resource: Mapping[str, Any], held: Collection[str], variables: Mapping[str, str]
) -> str | None:
    """Returns the id of a resource whose creation was interrupted, None where there is none to be found.

    What carries tags is looked up by those of its environment and its name. The id of what carries none
    follows from its inputs; whether it lives, the provider tells at the refresh that has to follow.

    Args:
        resource: The resource as the state holds it.
        held: Ids of its type that the state has: a replacement carries the tags of what it replaces.
        variables: The environment of the engine, with its credentials and, where there are any, endpoints.

    Raises:
        ColonnadeError: AWS cannot be asked.
    """
    kind, inputs = resource["type"], resource.get("inputs") or {}
    table = _table()
    if kind in table["named"]:
        template = table["named"][kind]
        known = {"account": _account(variables)} if "{account}" in template else {}
        candidates = [_filled(template, {**inputs, **known})]
    elif kind == _ASSOCIATION:
        candidates = _associations(inputs, variables)
    elif kind in table["tagged"]:
        if kind in table["global"]:
            variables = {**variables, "AWS_REGION": _GLOBAL_REGION}
        tags = inputs.get("tagsAll") or inputs.get("tags") or {}
        candidates = _tagged(table["tagged"][kind], tags, variables)
    else:
        candidates = []
    return next((id for id in candidates if id not in held), None)


def _filled(template: str, inputs: Mapping[str, Any]) -> str:
    def field(match: re.Match[str]) -> str:
        value: Any = inputs
        for name in match[1].split("."):
            value = value[name]
        return str(zlib.crc32(str(value).encode())) if match[2] else str(value)

    return _FIELD.sub(field, template)


def _account(variables: Mapping[str, str]) -> str:
    with _asked("STS"):
        return str(_client("sts", variables).get_caller_identity()["Account"])


def _tagged(pattern: str, tags: Mapping[str, str], variables: Mapping[str, str]) -> list[str]:
    if not {"Name", "environment"} <= tags.keys():
        return []
    pages = _client("resourcegroupstaggingapi", variables).get_paginator("get_resources")
    filters = [{"Key": key, "Values": [tags[key]]} for key in ("environment", "Name")]
    with _asked("Resource Groups Tagging API"):
        arns = [
            found["ResourceARN"]
            for page in pages.paginate(TagFilters=filters)
            for found in page["ResourceTagMappingList"]
        ]
    matches = [match for arn in arns if (match := re.search(pattern, arn))]
    return [":".join(match.groups()) or match.string for match in matches]


def _associations(inputs: Mapping[str, Any], variables: Mapping[str, str]) -> list[str]:
    """Returns the id by which a subnet is bound to the route table that it should be bound to, if it is."""
    filters = [{"Name": "association.subnet-id", "Values": [inputs["subnetId"]]}]
    with _asked("EC2"):
        tables = _client("ec2", variables).describe_route_tables(Filters=filters)["RouteTables"]
    wanted = (inputs["subnetId"], inputs["routeTableId"])
    return [
        str(association["RouteTableAssociationId"])
        for table in tables
        for association in table["Associations"]
        if (association.get("SubnetId"), association["RouteTableId"]) == wanted
    ]


def _client(service: str, variables: Mapping[str, str]) -> Any:
    # It takes long to import, and is wanted after crashes alone.
    import boto3

    endpoint = variables.get(f"AWS_ENDPOINT_URL_{service_id(service)}") or variables.get("AWS_ENDPOINT_URL")
    session = boto3.Session(
        aws_access_key_id=variables.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=variables.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=variables.get("AWS_SESSION_TOKEN"),
        region_name=variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION"),
        profile_name=variables.get("AWS_PROFILE"),
    )
    return session.client(service, endpoint_url=endpoint)


def service_id(service: str) -> str:
    """Returns what the variables for endpoints call a service."""
    return {"resourcegroupstaggingapi": "RESOURCE_GROUPS_TAGGING_API"}.get(service, service.upper())


@contextmanager
def _asked(what: str) -> Iterator[None]:
    """Turns what the SDK raises into one line with a fix."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise ColonnadeError(
            f"{what} cannot be asked what an interrupted run has made: {error}",
            "set the credentials that `pulumi up` has, and run the command again",
        ) from error
