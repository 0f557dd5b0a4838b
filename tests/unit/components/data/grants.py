"""What a foundation grants, as it looks on-premises and on a managed one."""

import base64
from typing import Any

from components.foundation.contract import (
    CacheAccess,
    DatabaseAccess,
    EdgeAccess,
    Identity,
    Peer,
    StoreAccess,
)

SENTINEL = "sentinel-5f1c"  # case 5
PASSWORD = "p@ss:w/rd%1"
IMAGE = "registry.example.com/app@sha256:" + "0" * 64

DATABASE = DatabaseAccess("postgresql.colonnade-foundation.svc", 5432, "app", "app", SENTINEL)
CACHE = CacheAccess("redis.colonnade-foundation.svc", 6379, SENTINEL)
STORE = StoreAccess(
    "lake-7f3a", "us-east-1", "s3", "http://seaweedfs.colonnade-foundation.svc:8333", "KEYID", SENTINEL
)
EDGE = EdgeAccess(
    "colonnade",
    "colonnade-edge",
    "local.example.com",
    Peer("colonnade-edge", {"app.kubernetes.io/name": "traefik"}),
    (),
)
PEERS = [(Peer("colonnade-foundation", {"app.kubernetes.io/name": "postgresql"}), 5432)]

# Where the workload identity admits: no endpoint, no keys.
MANAGED_STORES = {
    "s3": StoreAccess("lake-7f3a", "eu-west-1"),
    "gs": StoreAccess("lake-7f3a", "europe-west1", "gs"),
    "abfss": StoreAccess("lake@account7f3a.dfs.core.windows.net", "westeurope", "abfss"),
}
IDENTITY = Identity({"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/lake"})


def container(recorded: Any, name: str) -> dict[str, Any]:
    """Returns the container of the Deployment of that name."""
    spec: dict[str, Any] = recorded.one("kubernetes:apps/v1:Deployment", name).inputs["spec"]["template"][
        "spec"
    ]
    return dict(spec["containers"][0])


def environment(recorded: Any, name: str) -> dict[str, Any]:
    """Returns the plain environment of the Deployment of that name."""
    return {it["name"]: it["value"] for it in container(recorded, name)["env"] if "value" in it}


def secret(recorded: Any, name: str) -> dict[str, str]:
    """Returns what the Secret of that name holds, decoded."""
    data = recorded.one("kubernetes:core/v1:Secret", name).inputs["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def in_plain(recorded: Any, needle: str) -> list[str]:
    """Returns where the needle is sent to the engine without being marked secret (case 5)."""
    found: list[str] = []

    def walk(value: Any, path: str, resource: Any) -> None:
        if path in resource.secrets:
            return
        if isinstance(value, dict):
            for key, item in value.items():
                walk(item, f"{path}.{key}" if path else key, resource)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                walk(item, f"{path}[{index}]", resource)
        elif needle in str(value) or base64.b64encode(needle.encode()).decode() in str(value):
            found.append(f"{resource.type} {resource.name} {path}")

    for resource in recorded.resources:
        walk(resource.inputs, "", resource)
    return found


def rendered(recorded: Any) -> str:
    """Returns everything that was sent to the engine, Secrets decoded, as one text."""
    secrets = [
        base64.b64decode(value).decode()
        for resource in recorded.all("kubernetes:core/v1:Secret")
        for value in resource.inputs["data"].values()
    ]
    return "\n".join([str(resource.inputs) for resource in recorded.resources] + secrets)
