"""One stack in rehearsal: its emulated cloud, its cluster, its engine, for as long as a context lasts."""

import shutil
import socket
import sys
import tempfile
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from bootstrap.embedded.pki import EDGE_CA, Pki
from bootstrap.errors import ColonnadeError
from bootstrap.lifecycle import recovery, stack_file
from bootstrap.lifecycle.cloud import find_pending
from bootstrap.lifecycle.objects import ClusterObjects
from bootstrap.lifecycle.pulumi import Stack
from bootstrap.rehearsal import leftovers
from bootstrap.rehearsal.charts import Missing
from bootstrap.rehearsal.cluster import RehearsedCluster, SimulatedPool, Site, cluster_name
from bootstrap.rehearsal.environment import Place
from bootstrap.rehearsal.standin.account import Store
from bootstrap.rehearsal.standin.faults import Faults
from bootstrap.rehearsal.standin.model import Resource
from bootstrap.rehearsal.standin.server import Server, plugin_script, serve
from bootstrap.report.progress import Progress
from stacks.settings import Settings, load_file

if TYPE_CHECKING:
    from bootstrap.rehearsal.aws.mirror import Mirror

_NODES = 3


@dataclass
class Rehearsal:
    """A place in which one stack lives its whole life, without credentials and without cost.

    Entering it brings up cluster and clouds; leaving it removes them, unless they are kept.

    Args:
        name: The stack.
        progress: Where to show what is done.
        faults: What goes wrong on purpose.
        keep: Whether cluster and place stay.
        variant: Tells rehearsals of one stack apart that are to run side by side.

    Attributes:
        stack: The stack in the engine.
        account: The emulated account; None where the stack stands on no cloud.
        mirror: Where boto3 and its like see that account; None likewise.
        missing: What of the charts is not rehearsed as it will be installed.
        existing: What the account had before.
        replaced: What the stack file names outside the program and is not here, in words.
        charts: Names of the charts that the stack installs; None until it is up.

    Raises:
        ColonnadeError: The stack is unknown or in rehearsal already, or the machine cannot carry a cluster.
        SettingsError: The stack file has faults.
    """

    name: str
    progress: Progress
    faults: Faults = field(default_factory=Faults)
    keep: bool = False
    variant: str = ""

    def __post_init__(self) -> None:
        self.settings: Settings = load_file(stack_file.require(self.name))
        self.cluster = RehearsedCluster(cluster_name(f"{self.name}{self.variant}"))
        self.missing: list[Missing] = []
        self.existing: list[Resource] = []
        self.replaced: list[str] = []
        self.charts: set[str] | None = None
        self.account: Store | None = None
        self.mirror: Mirror | None = None
        self.server: Server | None = None
        self._closing = ExitStack()

    def __enter__(self) -> "Rehearsal":
        try:
            self._open()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self._closing.close()

    def settle(self) -> None:
        """Does after a crash what every command does before it works on a stack."""
        with self.progress.step("state of the stack") as step:
            recovery.recover(self.stack, self._objects, step.waiting_for, self.pending)

    def _open(self) -> None:
        sites = {"on-premises": self._premises, "aws": self._aws}
        lock = self._closing.enter_context(socket.socket(socket.AF_UNIX))
        try:
            # The kernel lets go when this process dies, however it dies.
            lock.bind(f"\0colonnade-{self.cluster.name}-rehearsed")
        except OSError as error:
            raise ColonnadeError(
                f"stack {self.name} is in rehearsal already", "wait until that has ended"
            ) from error
        # What a rehearsal that was killed left behind.
        self.cluster.down(self.progress)
        self.place = Place(Path(tempfile.mkdtemp(prefix=f"colonnade-rehearsal-{self.name}-")))
        if not self.keep:
            self._closing.callback(shutil.rmtree, self.place.root)
            self._closing.callback(self.cluster.down, self.progress)
        self.cluster.up(self.progress)
        with self.progress.step("project, charts and clouds"):
            self.missing = self.place.lay_out(self.name, self._overrides())
            further = sites[self.settings.foundation]()
        self.stack = Stack(
            self.place.project,
            self.name,
            self.place.environment(further),
            logs=self.place.logs,
            isolated=True,
        )
        self.faults.crash = self.stack.kill
        self.stack.select()
        self.before = leftovers.at_rest(self.cluster.kubeconfig)

    def _overrides(self) -> Mapping[str, Any]:
        """Returns the settings that name what is outside the program, as it is here."""
        overrides: dict[str, Any] = {}
        if self.settings.cluster.kubeconfig is not None:
            overrides["cluster"] = {
                "kubeconfig": str(self.cluster.kubeconfig),
                "context": self.cluster.context,
            }
        tls, pki = self.settings.edge.tls, Pki(self.cluster.layout)
        files = (tls.certificate_path, tls.private_key_path, tls.ca_path) if tls else ()
        if absent := [str(path) for path in files if path is not None and not path.is_file()]:
            self.replaced.append(f"edge.tls: a throw-away certificate, since {', '.join(absent)} is not here")
            overrides["edge"] = {
                "tls": {
                    "certificate_file": str(pki.certificate("edge")),
                    "private_key_file": str(pki.key("edge")),
                    "ca_file": str(pki.certificate(EDGE_CA)),
                }
            }
        return overrides

    def _premises(self) -> dict[str, str]:
        """Makes what the site brings: nodes for each pool; claims get volumes of every class."""
        pools = []
        for pool in self.settings.cluster.pools:
            labels = {**pool.node_labels, "colonnade.io/pool": pool.name}
            taints = [{"key": it.key, "value": it.value, "effect": it.effect} for it in pool.taints]
            gpus = pool.accelerator.count if pool.accelerator else 0
            pools.append(SimulatedPool(pool.name, _NODES, labels, taints, gpus=gpus))
        self.cluster.nodes(pools)
        classes = [self.settings.storage.class_name, self.settings.database.class_name]
        named = tuple(dict.fromkeys(name for name in classes if name is not None))
        self.site = self._closing.enter_context(
            Site(self.cluster.api, storage_classes=named, failed=self._stop)
        )
        return {}

    def _aws(self) -> dict[str, str]:
        """Makes an account of AWS with what it has before, and lets it be found."""
        from bootstrap.rehearsal.aws import aws
        from bootstrap.rehearsal.aws.controllers import LoadBalancers, NodeGroups, at, command
        from bootstrap.rehearsal.aws.existing import public_zone
        from bootstrap.rehearsal.aws.mirror import Mirror
        from bootstrap.rehearsal.aws.tagging import Tagging

        settings = self.settings
        self.mirror = self._closing.enter_context(
            Mirror(str(settings.account), str(settings.region)).serving()
        )
        cloud = aws(observers=[self.mirror, NodeGroups(self.cluster)], computing=at(self.cluster))
        account = Store(cloud, str(settings.account), str(settings.region), self.place.account)
        self._closing.callback(account.close)
        dns = settings.edge.dns
        for zone in (dns.validation_zone_id, dns.zone_id):
            if zone is not None:
                self.existing.append(public_zone(zone, settings.edge.domain))
        for resource in self.existing:
            account.add(resource)
        self.account = account
        self.server = serve(account, self.faults)
        self._closing.callback(self.server.stop)
        self.site = self._closing.enter_context(
            Site(self.cluster.api, LoadBalancers(account), failed=self._stop)
        )
        self.place.install("pulumi-resource-aws", plugin_script(self.server.port))
        self.place.install("aws", command(self.cluster))
        tagging = Tagging(account)
        self._closing.callback(tagging.close)
        return {
            **self.mirror.environment,
            "AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API": tagging.url,
        }

    def _stop(self) -> None:
        """Ends what would wait for the site for ever."""
        self.stack.kill()

    def _objects(self) -> ClusterObjects:
        return ClusterObjects(self.cluster.kubeconfig, self.cluster.context)

    def pending(self, resource: Mapping[str, Any], held: Collection[str] = ()) -> str | None:
        """Looks up a resource whose creation was interrupted; see `find_pending`."""
        return find_pending(resource, held, self.stack.environment())

    def leftovers(self) -> list[str]:
        """Returns what lives in cloud and cluster that was not there before."""
        known = {(resource.type, resource.id) for resource in self.existing}
        living = self.account.living() if self.account else []
        cloud = [f"{it.type} {it.id}" for it in living if (it.type, it.id) not in known]
        return [*cloud, *sorted(leftovers.objects(self.cluster.kubeconfig) - self.before)]

    def resources(self) -> list[dict[str, Any]]:
        """Returns the resources in the state."""
        return (self.stack.export().get("deployment") or {}).get("resources") or []

    def orphans(self) -> list[str]:
        """Returns what lives in the cloud and is in no state, and what a state has that does not live."""
        if self.account is None:
            return []
        resources = self.resources()
        held = {(it["type"], it["id"]) for it in resources if it["type"].startswith("aws:") and it.get("id")}
        known = {(it.type, it.id) for it in self.existing}
        from bootstrap.rehearsal.aws.controllers import PLAYED

        living = {(it.type, it.id) for it in self.account.living() if it.type not in PLAYED} - known
        return [
            *(f"{kind} {id} lives, and no state holds it" for kind, id in sorted(living - held)),
            *(f"{kind} {id} is in the state, and does not live" for kind, id in sorted(held - living)),
        ]
