"""A secret of Secrets Manager as a Secret of the cluster."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes import meta

API: Final = "external-secrets.io/v1"
STORE_KIND: Final = "ClusterSecretStore"


@dataclass(frozen=True)
class Source:
    """Where a value comes from: a secret by name or ARN, and what of it where it is a JSON object."""

    secret: pulumi.Input[str]
    property: str | None = None


def external_secret(
    name: str,
    namespace: pulumi.Input[str],
    store: pulumi.Input[str],
    sources: Mapping[str, Source],
    refresh: str,
    opts: pulumi.ResourceOptions,
) -> kubernetes.apiextensions.CustomResource:
    """Has a Secret of that name kept as its sources are; it is created once they have been read.

    Args:
        name: Name of the Secret.
        namespace: Its namespace, which may use the store.
        store: Name of the cluster's secret store.
        sources: Key of the Secret to where its value comes from.
        refresh: How old a value may get, as Go writes durations.
        opts: Options of the resource.
    """
    return kubernetes.apiextensions.CustomResource(
        name,
        api_version=API,
        kind="ExternalSecret",
        metadata=meta.v1.ObjectMetaArgs(
            name=name, namespace=namespace, annotations={"pulumi.com/waitFor": "condition=Ready"}
        ),
        spec={
            "refreshInterval": refresh,
            "secretStoreRef": {"kind": STORE_KIND, "name": store},
            # Without the ExternalSecret, the Secret goes too.
            "target": {"name": name, "creationPolicy": "Owner"},
            "data": [
                {
                    "secretKey": key,
                    "remoteRef": {
                        "key": source.secret,
                        **({"property": source.property} if source.property else {}),
                    },
                }
                for key, source in sources.items()
            ],
        },
        opts=opts,
    )
