"""What a foundation gives to the pillars, on every cloud and on-premises.

A pillar sees these types alone and never learns which foundation it stands on.
"""

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.base import Args, Component

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# What PostgreSQL takes without quotes, so that no client has to quote it; `pg_` is the server's own prefix.
_DATABASE = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")
_EXTENSION = re.compile(r"[a-z][a-z0-9_-]{0,62}")
# Folders without what policies of any cloud would take for a pattern or a variable.
_PREFIX = re.compile(r"[a-zA-Z0-9_-][a-zA-Z0-9._-]*(/[a-zA-Z0-9_-][a-zA-Z0-9._-]*)*")
_RESERVED_DATABASES = frozenset({"postgres", "template0", "template1"})


class ContractError(ValueError):
    """Consumers that no foundation can serve; names every fault at once."""


class Purpose(StrEnum):
    """What an object store is for; each purpose has a bucket of its own."""

    LAKE = "lake"
    ARTIFACTS = "artifacts"
    MODELS = "models"
    LOGS = "logs"


@dataclass(frozen=True)
class Consumer:
    """A service that wants something of the foundation: what it wants, and under which identity it runs.

    Attributes:
        name: Unique; names its database, role and store identity.
        namespace: Namespace of its pods.
        service_account: Service account of its pods: workload identity is bound to it.
        database: Name of its database and of the role that owns it, None for none. Never shared.
        extensions: PostgreSQL extensions in that database, e.g. `vector`.
        cache: Whether it gets access to the cache.
        stores: Purposes whose bucket it may read and write. Nothing else is reachable for it.
        prefixes: Folder of a bucket that it keeps to, by purpose, without a slash at either end; the whole
            bucket where not given.
    """

    name: str
    namespace: str
    service_account: str
    database: str | None = None
    extensions: Sequence[str] = ()
    cache: bool = False
    stores: Sequence[Purpose] = ()
    prefixes: Mapping[Purpose, str] = field(default_factory=dict)


def validate(consumers: Sequence[Consumer]) -> None:
    """Checks what is asked of a foundation; every foundation calls it before it creates anything.

    Raises:
        ContractError: A name or prefix is malformed, a name is used twice, a prefix is one of no store, or
            two consumers ask for one database.
    """
    faults = [
        f"consumer {consumer.name!r}: the name must be a DNS label"
        for consumer in consumers
        if not _LABEL.fullmatch(consumer.name)
    ]
    names = Counter(consumer.name for consumer in consumers)
    faults += [f"consumer {name!r}: declared {count} times" for name, count in names.items() if count > 1]
    owners: dict[str, list[str]] = {}
    for consumer in consumers:
        faults += [
            f"consumer {consumer.name!r}: a prefix of {purpose}, which it does not ask for"
            for purpose in consumer.prefixes
            if purpose not in consumer.stores
        ]
        faults += [
            f"consumer {consumer.name!r}: {prefix!r} cannot be a prefix"
            for prefix in consumer.prefixes.values()
            if not _PREFIX.fullmatch(prefix)
        ]
        if consumer.database is None:
            if consumer.extensions:
                faults.append(f"consumer {consumer.name!r}: extensions without a database")
            continue
        if not _DATABASE.fullmatch(consumer.database) or consumer.database in _RESERVED_DATABASES:
            faults.append(f"consumer {consumer.name!r}: {consumer.database!r} cannot name a database")
        faults += [
            f"consumer {consumer.name!r}: {extension!r} cannot name an extension"
            for extension in consumer.extensions
            if not _EXTENSION.fullmatch(extension)
        ]
        owners.setdefault(consumer.database, []).append(consumer.name)
    faults += [
        f"database {database!r}: asked for by {', '.join(sharing)}; give each its own"
        for database, sharing in owners.items()
        if len(sharing) > 1
    ]
    if faults:
        raise ContractError("; ".join(faults))


@dataclass(frozen=True)
class Identity:
    """Workload identity: what the service account and the pods must carry. Empty on-premises."""

    annotations: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    labels: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class StoreAccess:
    """One bucket as one consumer sees it.

    `endpoint` is None where the cloud's own endpoint applies; the keys are None where the workload identity
    admits. `scheme` is `s3`, `gs` or `abfss`.
    """

    bucket: pulumi.Input[str]
    region: pulumi.Input[str]
    scheme: str = "s3"
    endpoint: pulumi.Input[str] | None = None
    access_key_id: pulumi.Input[str] | None = None
    secret_access_key: pulumi.Input[str] | None = None


@dataclass(frozen=True)
class DatabaseAccess:
    """One PostgreSQL database and its owner; `sslmode` as libpq defines it."""

    host: pulumi.Input[str]
    port: pulumi.Input[int]
    name: pulumi.Input[str]
    user: pulumi.Input[str]
    password: pulumi.Input[str]
    sslmode: str = "prefer"


@dataclass(frozen=True)
class CacheAccess:
    """A Redis-protocol cache."""

    host: pulumi.Input[str]
    port: pulumi.Input[int]
    password: pulumi.Input[str]
    tls: bool = False


@dataclass(frozen=True)
class Peer:
    """Pods as a NetworkPolicy selects them."""

    namespace: pulumi.Input[str]
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Access:
    """All that one consumer was granted.

    Attributes:
        peers: In-cluster pods that its egress must reach for it (database, cache, store), with their ports.
        egress: Networks outside the cluster that its egress must reach for it, as CIDR and port.
        ready: Resources that must exist before the consumer may start (its database, its bucket).
    """

    identity: Identity
    stores: Mapping[Purpose, StoreAccess]
    database: DatabaseAccess | None
    cache: CacheAccess | None
    peers: Sequence[tuple[Peer, int]]
    ready: Sequence[pulumi.Resource]
    egress: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True)
class SingleSignOnAccess:
    """What stands before the services whose people sign in, in the namespace of the Gateway.

    Attributes:
        service: Name of its Service, to which the requests of people go.
        port: Port of the Service.
        listener: The Gateway's listener by which it hands on the requests of those who have signed in; nobody
            else reaches that one.
    """

    service: pulumi.Input[str]
    port: int
    listener: str


@dataclass(frozen=True)
class EdgeAccess:
    """The one entry by which people reach the platform (Gateway API).

    Attributes:
        gateway: Name of the Gateway.
        namespace: Its namespace.
        domain: Every service is `https://<label>.<domain>`.
        peer: The pods that forward requests, for the services' NetworkPolicies.
        ready: Resources that must exist before a route is attached.
        single_sign_on: Where people sign in, None where the environment has no identity provider.
    """

    gateway: pulumi.Input[str]
    namespace: pulumi.Input[str]
    domain: str
    peer: Peer
    ready: Sequence[pulumi.Resource]
    single_sign_on: SingleSignOnAccess | None = None

    def url(self, label: str) -> str:
        """Returns the address that people use for the service of that label."""
        return f"https://{label}.{self.domain}"


@dataclass(frozen=True)
class ClusterAccess:
    """The Kubernetes cluster; `pools` are the names of its node pools.

    `kubeconfig` is a path where the cluster existed before, and the content elsewhere; it holds no secret.
    """

    provider: kubernetes.Provider
    oidc_issuer: pulumi.Input[str] | None
    pools: Sequence[str]
    kubeconfig: pulumi.Input[str] | None = None
    context: pulumi.Input[str] | None = None


class Foundation(Component[Args]):
    """The contract. A cloud implements it natively, on-premises with parts inside the cluster."""

    cluster: ClusterAccess
    edge: EdgeAccess
    # What a person wants to know of this foundation beyond the others, by the name of the stack's output.
    outputs: Mapping[str, pulumi.Input[Any]]

    @abstractmethod
    def grant(self, consumer: str) -> Access:
        """Returns what the consumer of that name may use.

        Raises:
            KeyError: No consumer of that name was declared when the foundation was built.
        """

    def build(self, args: Args) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        return super().build(args)
