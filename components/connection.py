"""How services are told where their database and their object store are."""

from typing import Any
from urllib.parse import quote

import pulumi

from components.foundation.contract import DatabaseAccess, StoreAccess

Environment = dict[str, pulumi.Input[str]]


def database_url(database: DatabaseAccess, scheme: str) -> pulumi.Output[str]:
    """Returns the database's URL, secret because it holds the password.

    Args:
        database: The database.
        scheme: What the client takes: `postgres`, or `postgresql+<driver>` for SQLAlchemy.
    """
    parts = pulumi.Output.all(database.host, database.port, database.name, database.user, database.password)
    return pulumi.Output.secret(parts.apply(lambda it: render_database_url(scheme, database.sslmode, *it)))


def render_database_url(
    scheme: str, sslmode: str, host: str, port: Any, name: str, user: str, password: str
) -> str:
    """Returns the URL of a PostgreSQL database; user and password may hold any character.

    The port is rendered as a whole number, since numbers come back from the engine as floats.
    """
    credentials = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return f"{scheme}://{credentials}@{host}:{int(port)}/{quote(name, safe='')}?sslmode={sslmode}"


def store_uri(store: StoreAccess, path: str = "") -> pulumi.Output[str]:
    """Returns the address of a path in the bucket, in the scheme of its store."""
    return pulumi.Output.format("{0}://{1}{2}", store.scheme, store.bucket, f"/{path}" if path else "")


def store_environment(store: StoreAccess) -> tuple[Environment, Environment]:
    """Returns the plain and the secret environment by which AWS SDKs reach the bucket.

    Nothing of S3 is rendered for a store of another kind, no key where the workload identity admits, and no
    endpoint where the cloud's own applies.
    """
    if store.scheme != "s3":
        return {}, {}
    plain: Environment = {"AWS_REGION": store.region, "AWS_DEFAULT_REGION": store.region}
    secret: Environment = {}
    if store.endpoint is not None:
        plain["AWS_ENDPOINT_URL_S3"] = store.endpoint
        # Newer SDKs send checksums as trailers, which not every S3 service understands.
        plain["AWS_REQUEST_CHECKSUM_CALCULATION"] = "when_required"
        plain["AWS_RESPONSE_CHECKSUM_VALIDATION"] = "when_required"
    if store.access_key_id is not None and store.secret_access_key is not None:
        secret["AWS_ACCESS_KEY_ID"] = store.access_key_id
        secret["AWS_SECRET_ACCESS_KEY"] = store.secret_access_key
    return plain, secret
