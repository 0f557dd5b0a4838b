"""The keys of the foundation, read as its administrator: out of the Secrets that the parts read them from."""

import base64
import json
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.config

NAMESPACE = "colonnade-foundation"


def secret(platform: Any, name: str) -> dict[str, str]:
    """Returns a Secret of the foundation in plain, files by their name."""
    found = json.loads(platform.kubectl("get", "secret", name, "-n", NAMESPACE, "-o", "json"))
    return {
        key.partition("-")[2] or key: base64.b64decode(value).decode() for key, value in found["data"].items()
    }


@dataclass(frozen=True)
class Identity:
    """One identity of the object store."""

    access_key: str
    secret_key: str
    buckets: tuple[str, ...]


def identity(platform: Any, consumer: str) -> Identity:
    """Returns the identity of a consumer."""
    document = json.loads(secret(platform, "object-store")["identities.json"])
    found = next(entry for entry in document["identities"] if entry["name"] == consumer)
    (credential,) = found["credentials"]
    return Identity(
        credential["accessKey"],
        credential["secretKey"],
        tuple(sorted({action.partition(":")[2] for action in found["actions"]})),
    )


def client(platform: Any, access_key: str, secret_key: str) -> Any:
    """Returns an S3 client that goes the way people go: through the edge, trusting the private CA alone."""
    return boto3.client(
        "s3",
        endpoint_url=platform.url("s3"),
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        verify=platform.ca_file,
        config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )
