"""The S3 store of the on-premises foundation: SeaweedFS with an identity for each consumer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import pulumi
import pulumi_random as random

from components.base import Component
from components.foundation.contract import Peer, StoreAccess
from components.kubernetes.job import ProvisioningJob, ProvisioningJobArgs
from components.kubernetes.workload import Probe, Volume, Workload, WorkloadArgs, pods_of

PORT = 8333
# The store has no regions, but every S3 client signs for one.
REGION = "us-east-1"
# What reading and writing objects takes; nothing that changes a bucket, its policy or its versioning.
_ACTIONS = ("Read", "Write", "List", "Tagging")
_ADMINISTRATOR = "provisioning"
_BUCKETS_SCRIPT = resources.files(__package__).joinpath("scripts/buckets.sh").read_text(encoding="utf-8")


def access_key_id(consumer: str) -> str:
    """Returns the public half of a consumer's key; the prefix keeps it apart from the administrator's."""
    return f"consumer-{consumer}"


def identities(administrator: str, consumers: Mapping[str, tuple[str, Sequence[str]]]) -> dict[str, Any]:
    """Returns the identities of the store as its configuration file spells them.

    Args:
        administrator: Secret key of the one identity that may create buckets.
        consumers: Consumer name to its secret key and the places it may use; see `place`.

    Returns:
        A document in which no consumer may do anything outside its places and nobody is anonymous.
    """
    return {
        "identities": [
            {
                "name": _ADMINISTRATOR,
                "credentials": [{"accessKey": _ADMINISTRATOR, "secretKey": administrator}],
                "actions": ["Admin"],
            },
            *(
                {
                    "name": name,
                    "credentials": [{"accessKey": access_key_id(name), "secretKey": secret}],
                    "actions": [f"{action}:{place}" for place in sorted(places) for action in _ACTIONS],
                }
                for name, (secret, places) in sorted(consumers.items())
            ),
        ]
    }


def place(bucket: str, prefix: str | None = None) -> str:
    """Returns a bucket, or what is below a folder of it, as actions name it."""
    return bucket if prefix is None else f"{bucket}/{prefix}/*"


@dataclass(frozen=True)
class ObjectStoreArgs:
    """Arguments of `ObjectStore`.

    Attributes:
        namespace: Namespace, which exists already.
        image: Image of SeaweedFS.
        toolbox_image: Image with curl for the job that creates the buckets.
        buckets: Purpose to physical bucket name; a purpose is the contract's or one of the foundation's own.
        unversioned: Purposes whose bucket forgets what is deleted: for what has a retention of its own.
        consumers: Consumer name to the purposes whose bucket it may read and write.
        prefixes: Consumer name to the folders of buckets that it keeps to, by purpose.
        additional_buckets: Physical names of further buckets, which no consumer reaches.
        callers: Pods that may connect to the S3 port.
        size: Size of the volume.
        storage_class: Storage class, None for the cluster's default.
        pool: Node pool, None for any.
        protect: Whether the volume refuses deletion.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    toolbox_image: pulumi.Input[str]
    buckets: Mapping[str, str]
    unversioned: Sequence[str] = ()
    consumers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    prefixes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    additional_buckets: Sequence[str] = ()
    callers: Sequence[Peer] = ()
    size: pulumi.Input[str] = "20Gi"
    storage_class: pulumi.Input[str] | None = None
    cpu: pulumi.Input[str] = "100m"
    memory: pulumi.Input[str] = "512Mi"
    pool: str | None = None
    protect: bool = False


class ObjectStore(Component[ObjectStoreArgs]):
    """SeaweedFS behind its S3 port alone.

    Guarantees: every request is signed by a known identity; each consumer reaches just the buckets of its
    purposes; master, volume and filer listen on the pod's loopback only; object versions are kept where the
    bucket is not one of `unversioned`.

    Attributes:
        service: Name of the Service of the S3 port.
        endpoint: URL of the S3 API inside the cluster.
        peer: The pods, for egress policies.
        ready: Exist once the buckets exist.
    """

    args_type = ObjectStoreArgs

    service: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    peer: Peer
    ready: Sequence[pulumi.Resource]

    def build(self, args: ObjectStoreArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        self._buckets = args.buckets
        self._consumers = args.consumers
        self._job = f"{self.name}-buckets"
        administrator = self._password(_ADMINISTRATOR)
        self._secrets = {name: self._password(name) for name in args.consumers}
        workload = Workload(self.name, self._workload(args, administrator), self.child())
        self.service = workload.service
        self.peer = workload.peer
        self.endpoint = pulumi.Output.format("http://{0}:{1}", workload.host, PORT)
        versioned = [bucket for purpose, bucket in args.buckets.items() if purpose not in args.unversioned]
        provisioned = ProvisioningJob(
            self._job,
            ProvisioningJobArgs(
                namespace=args.namespace,
                image=args.toolbox_image,
                command=["/bin/sh", "/job/buckets.sh"],
                files={"/job/buckets.sh": _BUCKETS_SCRIPT},
                environment={
                    "ENDPOINT": self.endpoint,
                    "REGION": REGION,
                    "ACCESS_KEY_ID": _ADMINISTRATOR,
                    "VERSIONED": " ".join([*versioned, *args.additional_buckets]),
                    "UNVERSIONED": " ".join(args.buckets[purpose] for purpose in args.unversioned),
                },
                secret_environment={"SECRET_ACCESS_KEY": administrator},
                callees=[(workload.peer, PORT)],
            ),
            self.child(depends_on=[workload]),
        )
        self.ready = [provisioned]
        return {"endpoint": self.endpoint, "buckets": dict(args.buckets)}

    def access(self, consumer: str) -> Mapping[str, StoreAccess]:
        """Returns the buckets of one consumer, with the one key that opens them.

        Raises:
            KeyError: No consumer of that name was declared.
        """
        return {
            purpose: StoreAccess(
                bucket=self._buckets[purpose],
                region=REGION,
                endpoint=self.endpoint,
                access_key_id=access_key_id(consumer),
                secret_access_key=self._secrets[consumer],
            )
            for purpose in self._consumers[consumer]
        }

    def _password(self, owner: str) -> pulumi.Output[str]:
        return random.RandomPassword(
            f"{self.name}-{owner}", length=40, special=False, opts=self.child()
        ).result

    def _workload(self, args: ObjectStoreArgs, administrator: pulumi.Output[str]) -> WorkloadArgs:
        granted = {
            name: [
                place(args.buckets[purpose], args.prefixes.get(name, {}).get(purpose)) for purpose in purposes
            ]
            for name, purposes in args.consumers.items()
        }
        configuration = pulumi.Output.all(administrator, pulumi.Output.all(**self._secrets)).apply(
            lambda secrets: json.dumps(
                identities(secrets[0], {name: (secrets[1][name], granted[name]) for name in granted}),
                sort_keys=True,
            )
        )
        return WorkloadArgs(
            namespace=args.namespace,
            image=args.image,
            command=["/usr/bin/weed"],
            args=[
                "-logtostderr=true",
                "server",
                "-dir=/data",
                # Everything but S3 stays inside the pod, whatever a network policy says.
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                "-s3.ip.bind=0.0.0.0",
                "-filer",
                "-s3",
                f"-s3.port={PORT}",
                "-s3.config=/etc/seaweedfs/identities.json",
                "-s3.iam=false",
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
                "-s3.autoCreateBucket=false",
                "-master.telemetry=false",
                # Small volumes, as many as the disk holds: each bucket has volumes of its own.
                "-master.volumeSizeLimitMB=1024",
                "-volume.max=0",
                "-volume.preStopSeconds=1",
            ],
            environment={
                "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1",
                # Kubernetes' Mi is Go's MiB: the collector works harder before the kernel would kill.
                "GOMEMLIMIT": pulumi.Output.concat(args.memory, "B"),
            },
            secret_files={"/etc/seaweedfs/identities.json": configuration},
            ports={"s3": PORT},
            probe=Probe(port=PORT, path="/healthz"),
            volume=Volume(path="/data", size=args.size, storage_class=args.storage_class),
            callers=[*args.callers, pods_of(self._job, args.namespace)],
            cpu=args.cpu,
            memory=args.memory,
            pool=args.pool,
            protect=args.protect,
        )
