"""The typed settings of one environment.

Defaults written here are those of a development environment; `implied` holds what tier and foundation change.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from stacks.settings.fields import (
    CLOUDS,
    Address4,
    BranchName,
    BucketName,
    CertificateArn,
    Cpu,
    DatabaseName,
    Domain,
    EmailAddress,
    EnvironmentName,
    FilePath,
    Foundation,
    HostedZoneId,
    HttpsUrl,
    ImageName,
    ImageReference,
    KubernetesVersion,
    LabelKey,
    LabelValue,
    MachineType,
    Network4,
    ObjectName,
    On,
    PoolName,
    ProjectName,
    Reason,
    RegistryHost,
    RepositoryName,
    Schedule,
    Size,
    TagValue,
    Tier,
    Word,
)

_CHECKOUT = Path(__file__).resolve().parents[2]
_ON_PREMISES: tuple[Foundation, ...] = ("on-premises",)
_AWS: tuple[Foundation, ...] = ("aws",)


def resolve(path: str) -> Path:
    """Returns the file that a setting names: `~` is home, relative paths start at the checkout."""
    return _CHECKOUT / Path(path).expanduser()


class UnknownSettingError(Exception):
    """A setting was read whose value is at fault, so that nothing can be concluded from it."""


class Section(BaseModel):
    """A group of settings: frozen, strict, and without room for keys that are not settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=False)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # Partial settings lack the fields at fault; rules that need them learn so by this error.
            if name in type(self).model_fields:
                raise UnknownSettingError(name)
            return super().__getattr__(name)


class Resources(Section):
    """What a container asks for; the memory limit equals the memory asked for."""

    cpu: Annotated[Cpu, Field(description="CPU requested", examples=["250m"])] = "250m"
    memory: Annotated[Size, Field(description="memory requested, and its limit", examples=["512Mi"])] = (
        "512Mi"
    )


class Accelerator(Section):
    """The accelerators of each node of a pool."""

    type: Annotated[Word, Field(description="accelerator as the cloud names it", examples=["nvidia-l4"])]
    count: Annotated[int, Field(ge=1, le=16, description="accelerators on each node")] = 1


class Taint(Section):
    """Keeps pods off the nodes of a pool unless they tolerate it."""

    key: Annotated[LabelKey, Field(description="key of the taint", examples=["nvidia.com/gpu"])]
    value: Annotated[LabelValue, Field(description="value of the taint")] = ""
    effect: Annotated[
        Literal["NoSchedule", "PreferNoSchedule", "NoExecute"], Field(description="what the taint does")
    ] = "NoSchedule"


class Pool(Section):
    """Nodes of one kind. On clouds Colonnade makes them; on-premises they exist and labels select them."""

    name: Annotated[PoolName, Field(description="name of the pool", examples=["general"])]
    purpose: Annotated[
        Literal["system", "general", "gpu"],
        Field(description="what runs there: cluster services, the platform, or work that needs accelerators"),
    ]
    default: Annotated[bool, Field(description="whether pods that name no pool go here")] = False
    machine_type: Annotated[
        MachineType | None,
        On(CLOUDS, required=True),
        Field(description="machine type of each node", examples=["m6i.xlarge"]),
    ] = None
    min: Annotated[int, On(CLOUDS), Field(ge=0, le=1000, description="fewest nodes")] = 1
    max: Annotated[int, On(CLOUDS), Field(ge=1, le=1000, description="most nodes")] = 3
    spot: Annotated[bool, On(CLOUDS), Field(description="whether nodes may be taken away at any time")] = (
        False
    )
    disk_gib: Annotated[
        int, On(CLOUDS), Field(ge=20, le=16384, description="root disk of each node in GiB")
    ] = 100
    image_id: Annotated[
        Word | None,
        On(_AWS),
        Field(description="machine image of the nodes", examples=["ami-0abcdef1234567890"]),
    ] = None
    accelerator: Annotated[Accelerator | None, Field(description="accelerators of each node")] = None
    node_labels: Annotated[
        dict[LabelKey, LabelValue],
        On(_ON_PREMISES, required=True),
        Field(
            description="labels that select the existing nodes",
            examples=[{"node.example.com/pool": "general"}],
        ),
    ] = {}
    taints: Annotated[tuple[Taint, ...], Field(description="taints of the nodes")] = ()


class Cluster(Section):
    """The Kubernetes cluster: an existing one on-premises, one that Colonnade makes on clouds."""

    kubeconfig: Annotated[
        FilePath | None,
        On(_ON_PREMISES, required=True),
        Field(description="path of the kubeconfig of the existing cluster", examples=["~/.kube/config"]),
    ] = None
    context: Annotated[
        Word | None,
        On(_ON_PREMISES, required=True),
        Field(description="context in that kubeconfig", examples=["on-premises-prod"]),
    ] = None
    registry: Annotated[
        RegistryHost | None,
        On(_ON_PREMISES),
        Field(description="registry that people push their images to", examples=["registry.example.com"]),
    ] = None
    version: Annotated[
        KubernetesVersion, On(CLOUDS), Field(description="Kubernetes minor version", examples=["1.35"])
    ] = "1.35"
    pools: Annotated[tuple[Pool, ...], Field(description="node pools")] = ()

    @property
    def kubeconfig_path(self) -> Path:
        """The kubeconfig of the existing cluster; only on-premises has one."""
        if self.kubeconfig is None:
            raise ValueError("cluster.kubeconfig is only set on-premises")
        return resolve(self.kubeconfig)

    def pool(self, name: str) -> Pool:
        """Returns the pool of that name; validated settings name only pools that exist."""
        return next(pool for pool in self.pools if pool.name == name)

    @property
    def default_pool(self) -> Pool | None:
        """The pool marked as default, else the first general one; None where there are no pools."""
        marked = [pool for pool in self.pools if pool.default]
        return next(iter(marked or [pool for pool in self.pools if pool.purpose == "general"]), None)


class Network(Section):
    """The private network that Colonnade makes on a cloud."""

    cidr: Annotated[Network4, Field(description="addresses of the network, /16 to /20")] = "10.0.0.0/16"
    zones: Annotated[int, Field(ge=1, le=3, description="availability zones that it spans")] = 3
    private_endpoints: Annotated[
        bool, Field(description="whether the API server and stores are reachable from the network alone")
    ] = True
    allowed_cidrs: Annotated[
        tuple[Network4, ...], Field(description="networks that may reach the API server from outside")
    ] = ()
    connected_cidrs: Annotated[
        tuple[Network4, ...],
        Field(
            description="networks joined to this one by VPN, peering or transit: people and runners in them "
            "reach the private API server and the platform"
        ),
    ] = ()
    egress: Annotated[
        Literal["nat", "none"],
        On(_AWS),
        Field(description="way out to the internet: through NAT gateways, or none at all"),
    ] = "nat"
    nat_per_zone: Annotated[
        bool, On(_AWS), Field(description="a NAT gateway in each zone, so that none depends on another")
    ] = False


class Tls(Section):
    """Where the edge's certificate comes from: files, or an issuer in the cluster."""

    certificate_file: Annotated[
        FilePath | None, Field(description="PEM chain for the domain and its wildcard", examples=["edge.crt"])
    ] = None
    private_key_file: Annotated[
        FilePath | None, Field(description="PEM private key of that certificate", examples=["edge.key"])
    ] = None
    ca_file: Annotated[
        FilePath | None,
        Field(description="PEM of the private CA that clients must trust", examples=["ca.crt"]),
    ] = None
    issuer: Annotated[
        ObjectName | None,
        On(_ON_PREMISES),
        Field(description="name of a cert-manager ClusterIssuer in the cluster", examples=["internal"]),
    ] = None
    certificate_arn: Annotated[
        CertificateArn | None,
        On(_AWS),
        Field(description="certificate in AWS Certificate Manager for the domain and its wildcard"),
    ] = None

    @property
    def certificate_path(self) -> Path | None:
        """The certificate chain as a file."""
        return resolve(self.certificate_file) if self.certificate_file else None

    @property
    def private_key_path(self) -> Path | None:
        """The private key as a file."""
        return resolve(self.private_key_file) if self.private_key_file else None

    @property
    def ca_path(self) -> Path | None:
        """The CA that clients must trust, as a file; None where the certificate is publicly trusted."""
        return resolve(self.ca_file) if self.ca_file else None


class Dns(Section):
    """Where names below the domain resolve."""

    zone_id: Annotated[
        HostedZoneId | None,
        Field(description="hosted zone of the domain that exists; a private one is made where not given"),
    ] = None
    validation_zone_id: Annotated[
        HostedZoneId | None,
        Field(description="public hosted zone in which the certificate that AWS issues is validated"),
    ] = None


class SingleSignOn(Section):
    """The OIDC provider that people log in with."""

    issuer_url: Annotated[
        HttpsUrl, Field(description="issuer of the provider", examples=["https://login.example.com"])
    ]
    client_id: Annotated[
        Word, Field(description="client registered for the platform", examples=["colonnade"])
    ]
    client_secret: Annotated[
        SecretStr, Field(description="secret of that client, encrypted in the stack file")
    ]


class Edge(Section):
    """How people reach the platform."""

    domain: Annotated[
        Domain, Field(description="domain below which every service gets a name", examples=["ml.example.com"])
    ]
    external_addresses: Annotated[
        tuple[Address4, ...],
        On(_ON_PREMISES),
        Field(
            description="addresses of nodes that accept traffic; none where the cluster gives load balancers"
        ),
    ] = ()
    tls: Annotated[
        Tls | None,
        Field(description="certificate of the domain; a cloud issues one where none is given"),
    ] = None
    dns: Annotated[Dns, On(_AWS), Field(description="where names below the domain resolve")] = Dns()
    single_sign_on: Annotated[SingleSignOn | None, Field(description="OIDC provider for people")] = None


class Storage(Section):
    """The object store: buckets lake, artifacts, models and logs always exist."""

    size: Annotated[
        Size, On(_ON_PREMISES), Field(description="volume of the object store", examples=["200Gi"])
    ] = "20Gi"
    class_name: Annotated[
        ObjectName | None,
        On(_ON_PREMISES),
        Field(
            description="storage class of every volume; the cluster's default where not given",
            examples=["fast"],
        ),
    ] = None
    additional_buckets: Annotated[tuple[BucketName, ...], Field(description="further buckets")] = ()


class Retention(Section):
    """How long things are kept after their time."""

    logs_days: Annotated[int, Field(ge=1, le=3650, description="days that logs are kept")] = 7
    deleted_days: Annotated[
        int, Field(ge=1, le=3650, description="days that deleted or overwritten objects can be restored")
    ] = 7


class Backups(Section):
    """Backups of the database."""

    enabled: Annotated[bool, Field(description="whether backups are made")] = False
    retention_days: Annotated[int, Field(ge=1, le=35, description="days that a backup is kept")] = 7
    schedule: Annotated[Schedule, Field(description="when, as five cron fields in UTC")] = "0 3 * * *"


class Database(Section):
    """The PostgreSQL server with pgvector that holds one database for each service."""

    mode: Annotated[
        Literal["embedded", "cloudnative-pg", "managed"],
        Field(
            description="single pod (on-premises development), CloudNativePG (on-premises), the cloud's own"
        ),
    ] = "embedded"
    size: Annotated[Size, Field(description="volume of each instance", examples=["50Gi"])] = "10Gi"
    instances: Annotated[int, Field(ge=1, le=9, description="servers, one of them the primary")] = 1
    instance_type: Annotated[
        MachineType | None,
        On(CLOUDS),
        Field(description="machine type of a managed server", examples=["db.m6g.large"]),
    ] = None
    class_name: Annotated[
        ObjectName | None,
        On(_ON_PREMISES),
        Field(
            description="storage class of its volumes; storage.class_name where not given", examples=["fast"]
        ),
    ] = None
    backups: Annotated[Backups, Field(description="backups")] = Backups()
    resources: Annotated[Resources, On(_ON_PREMISES), Field(description="what each instance asks for")] = (
        Resources(cpu="250m", memory="512Mi")
    )


class Cache(Section):
    """The Redis-protocol cache that serves features."""

    enabled: Annotated[bool, Field(description="whether there is a cache; Feast needs it")] = True
    size: Annotated[Size, On(_ON_PREMISES), Field(description="volume of the cache", examples=["2Gi"])] = (
        "1Gi"
    )
    memory: Annotated[
        Size, On(_ON_PREMISES), Field(description="most memory that data may take", examples=["256Mi"])
    ] = "256Mi"
    instance_type: Annotated[
        MachineType | None,
        On(CLOUDS),
        Field(description="machine type of a managed cache", examples=["cache.t4g.small"]),
    ] = None
    resources: Annotated[Resources, On(_ON_PREMISES), Field(description="what the server asks for")] = (
        Resources(cpu="100m", memory="384Mi")
    )


class Budget(Section):
    """What the environment may cost, and who is told."""

    monthly_usd: Annotated[int, Field(ge=1, description="US dollars a month")]
    recipients: Annotated[
        tuple[EmailAddress, ...],
        Field(description="who is told at 80 % and when 100 % is foreseen; 1 to 10"),
    ]


class Governance(Section):
    """What watches over the environment on the cloud."""

    audit_trail: Annotated[bool, Field(description="whether every call of the cloud's API is recorded")] = (
        False
    )
    data_scan: Annotated[bool, Field(description="whether the lake is searched for personal data")] = False
    budget: Annotated[Budget | None, Field(description="what it may cost")] = None
    image_scanning: Annotated[
        Literal["basic", "enhanced"],
        Field(description="scan of images at each push, or by AWS Inspector all the time"),
    ] = "basic"


class Service(Section):
    """What every service of the platform has in common."""

    enabled: Annotated[bool, Field(description="whether the service is part of the platform")] = True
    pool: Annotated[
        PoolName | None, Field(description="node pool of its pods; the default pool where not given")
    ] = None
    replicas: Annotated[int, Field(ge=1, le=20, description="pods that serve")] = 1
    resources: Annotated[Resources, Field(description="what each pod asks for")] = Resources()


class LakeFS(Service):
    """Versions of data: lakeFS on the lake bucket."""

    repository: Annotated[RepositoryName, Field(description="first repository")] = "lake"
    default_branch: Annotated[BranchName, Field(description="its default branch")] = "main"
    database: Annotated[DatabaseName, Field(description="its database")] = "lakefs"


class Feast(Service):
    """Features: Feast with its registry on the database and its online store on the cache."""

    project: Annotated[ProjectName, Field(description="Feast project")] = "features"
    database: Annotated[DatabaseName, Field(description="database of its registry")] = "feast"
    resources: Annotated[Resources, Field(description="what each pod asks for")] = Resources(
        cpu="250m", memory="1Gi"
    )


class MLflow(Service):
    """Experiments and models: MLflow on the database and the artifacts bucket."""

    database: Annotated[DatabaseName, Field(description="its database")] = "mlflow"
    resources: Annotated[Resources, Field(description="what each pod asks for")] = Resources(
        cpu="500m", memory="2Gi"
    )


class Data(Section):
    """Pillar: data and features."""

    lakefs: Annotated[LakeFS, Field(description="versions of data")] = LakeFS()
    feast: Annotated[Feast, Field(description="features")] = Feast()


class Experimentation(Section):
    """Pillar: experimentation."""

    mlflow: Annotated[MLflow, Field(description="experiments and models")] = MLflow()


class ChartSource(Section):
    """Where charts come from."""

    kind: Annotated[
        Literal["upstream", "mirror", "directory"],
        Field(description="the catalog's own source, an OCI registry, or a directory"),
    ] = "upstream"
    location: Annotated[
        FilePath | None,
        Field(
            description="OCI path of the mirror or path of the directory",
            examples=["registry.example.com/charts"],
        ),
    ] = None


class ImageSource(Section):
    """Where images come from."""

    kind: Annotated[
        Literal["upstream", "mirror"],
        Field(description="the registries named in the catalog, or one of your own"),
    ] = "upstream"
    location: Annotated[
        FilePath | None, Field(description="OCI path of the mirror", examples=["registry.example.com/mirror"])
    ] = None


class Sources(Section):
    """Where charts and images of third parties come from."""

    charts: Annotated[ChartSource, Field(description="source of charts")] = ChartSource()
    images: Annotated[ImageSource, Field(description="source of images")] = ImageSource()


class Waiver(Section):
    """Permission to be weaker than the tier implies, with its reason."""

    setting: Annotated[str, Field(description="path of the setting", examples=["database.instances"])]
    reason: Annotated[Reason, Field(description="why this environment may be weaker")]


class Settings(Section):
    """Everything that one environment is made from.

    Use `load_file`, `from_pulumi` or `parse` to get one: they fill in what tier and foundation imply and
    check what no single field can.
    """

    name: Annotated[
        EnvironmentName, Field(description="name of the environment; the stack's name where not given")
    ]
    foundation: Annotated[Foundation, Field(description="where the platform stands")]
    tier: Annotated[Tier, Field(description="how much is at stake; production implies stricter defaults")]
    owner: Annotated[TagValue, Field(description="team that answers for it", examples=["platform-team"])]
    cost_center: Annotated[TagValue, Field(description="who pays for it", examples=["ml-1200"])]
    data_classification: Annotated[
        Literal["public", "internal", "confidential", "restricted"],
        Field(description="how sensitive its data is"),
    ] = "internal"
    region: Annotated[
        Word | None,
        On(CLOUDS, required=True),
        Field(description="region of the cloud", examples=["eu-central-1"]),
    ] = None
    account: Annotated[
        Word | None,
        On(CLOUDS, required=True),
        Field(description="account, subscription or project; nothing is made in another"),
    ] = None
    protect: Annotated[bool, Field(description="whether stateful resources refuse to be deleted")] = False
    cluster: Annotated[Cluster, Field(description="the Kubernetes cluster")] = Cluster()
    network: Annotated[Network, On(CLOUDS), Field(description="the private network")] = Network()
    edge: Annotated[Edge, Field(description="how people reach the platform")]
    storage: Annotated[Storage, Field(description="the object store")] = Storage()
    retention: Annotated[Retention, Field(description="how long things are kept")] = Retention()
    database: Annotated[Database, Field(description="the PostgreSQL server")] = Database()
    cache: Annotated[Cache, Field(description="the Redis-protocol cache")] = Cache()
    governance: Annotated[
        Governance, On(_AWS), Field(description="what watches over the environment on the cloud")
    ] = Governance()
    data: Annotated[Data, Field(description="pillar: data and features")] = Data()
    experimentation: Annotated[Experimentation, Field(description="pillar: experimentation")] = (
        Experimentation()
    )
    sources: Annotated[Sources, Field(description="where third-party charts and images come from")] = (
        Sources()
    )
    images: Annotated[
        dict[ImageName, ImageReference], Field(description="Colonnade's own images, each by digest")
    ] = {}
    waivers: Annotated[tuple[Waiver, ...], Field(description="what may be weaker than the tier implies")] = ()

    @property
    def tags(self) -> dict[str, str]:
        """The tags of the environment, for every resource that can carry tags."""
        return {
            "owner": self.owner,
            "cost-center": self.cost_center,
            "environment": self.name,
            "data-classification": self.data_classification,
        }
