"""A control plane without nodes of its own: kwok plays them."""

import base64
import json
import shlex
import subprocess
from functools import partial
from pathlib import Path

from bootstrap.embedded import configuration, control_plane, preflight
from bootstrap.embedded.client import Client, Probe
from bootstrap.embedded.pki import CLUSTER_CA, Pki
from bootstrap.embedded.plane import ControlPlane
from bootstrap.embedded.processes import Daemon
from bootstrap.privilege import require_root
from bootstrap.rehearsal.cluster.api import PORT, Api
from bootstrap.report.progress import Progress
from bootstrap.toolchain import binary, module_file

# Nobody answers what these ask: the pods that would are simulated.
WEBHOOKS = ("MutatingAdmissionWebhook", "ValidatingAdmissionWebhook")
_KWOK_PORT = 10247


class RehearsedCluster(ControlPlane):
    """A real API server, scheduler and controllers in a namespace without a route out; nodes are simulated.

    Args:
        name: 1 to 20 characters a-z, 0-9 and -.

    Raises:
        ColonnadeError: The name is not valid.
    """

    @property
    def endpoint(self) -> str:
        """URL of the API server."""
        return f"https://{self.address}:{PORT}"

    @property
    def authority(self) -> str:
        """Its certificate authority, in base64."""
        return base64.b64encode(Pki(self.layout).certificate(CLUSTER_CA).read_bytes()).decode()

    @property
    def api(self) -> Api:
        """Access for whoever plays along; the cluster is up."""
        return Api(self.layout)

    def token_script(self) -> str:
        """Returns what stands in for the command `aws`: it lets the administrator in, and no more."""
        keys = Pki(self.layout)
        credential = {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "kind": "ExecCredential",
            "status": {
                "clientCertificateData": keys.certificate("admin").read_text(),
                "clientKeyData": keys.key("admin").read_text(),
            },
        }
        return f"""#!/bin/sh
# A stand-in of a rehearsal for the AWS CLI.
if [ "$1 $2" = "eks get-token" ]; then
    printf '%s\\n' {shlex.quote(json.dumps(credential))}
    exit 0
fi
echo "this is a stand-in for the AWS CLI, which knows 'eks get-token' alone: $*" >&2
exit 2
"""

    def objects(self) -> set[str]:
        """Returns the names of all objects that somebody made and nobody keeps by himself."""
        kubectl = [str(binary("kubectl")), f"--kubeconfig={self.kubeconfig}"]
        kinds = subprocess.run(
            [*kubectl, "api-resources", "--verbs=list,delete", "--output=name"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        asked = ",".join(sorted(set(kinds) - _EPHEMERAL))
        listed = subprocess.run(
            [
                *(*kubectl, "get", asked, "--all-namespaces", "--ignore-not-found"),
                "--output=jsonpath={range .items[*]}{.kind}{' '}{.metadata.namespace}{' '}"
                "{.metadata.name}{'\\n'}{end}",
            ],
            check=True,
            capture_output=True,
            text=True,
        )
        return {line.strip() for line in listed.stdout.splitlines() if line.strip()}

    def _check(self) -> None:
        require_root("colonnade rehearse")
        preflight.check_tools(preflight.SYSTEM_TOOLS, (*preflight.BUILT_TOOLS, "kwok", "kubectl"))
        preflight.check_place(self.layout)

    def _daemons(self) -> list[Daemon]:
        return [
            control_plane.api_server(self.layout, WEBHOOKS),
            control_plane.controller_manager(self.layout),
            control_plane.scheduler(self.layout),
            self._kwok(),
        ]

    def _kwok(self) -> Daemon:
        return Daemon(
            "kwok",
            (
                str(binary("kwok")),
                f"--kubeconfig={self.kubeconfig}",
                *(f"--config={stages}" for stages in _stages()),
                "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
                "--node-lease-duration-seconds=40",
                f"--server-address={self.address}:{_KWOK_PORT}",
            ),
            environment={"HOME": str(self.layout.state)},
            inputs=(self.kubeconfig, *_stages()),
            probe=Probe(_KWOK_PORT, identity=None),
        )

    def _settled(self, progress: Progress) -> bool:  # noqa: ARG002 - see ControlPlane
        client = Client(self.layout)
        return (
            self.layout.complete.exists()
            and not Pki(self.layout).ensure()
            and all(
                self.processes.current(daemon) and client.fault(daemon.probe) is None
                for daemon in [control_plane.etcd(self.layout), *self._daemons()]
            )
        )

    def _configure(self) -> None:
        configuration.ensure_control_plane(self.layout)

    def _bring_up(self, progress: Progress) -> None:
        client = Client(self.layout)
        self._lay_ground(progress)
        api, *others = self._daemons()
        self._serve(progress, client, [], api)
        with progress.step("controllers and simulated nodes", 3) as step:
            self._start(others, client, step)
            self._wait("namespaces", partial(_namespace_fault, client), step)


def _stages() -> list[Path]:
    """Returns what kwok does with nodes and pods: both are ready at once, and Jobs complete."""
    return [
        module_file("kwok", name) for name in ("node-initialize.yaml", "node-heartbeat.yaml", "pods.yaml")
    ]


def _namespace_fault(client: Client) -> str | None:
    found = client.object("/api/v1/namespaces/default/serviceaccounts/default")
    return None if found else "not made yet"


# What controllers keep, and what passes.
_EPHEMERAL = frozenset(
    {
        "componentstatuses",
        "endpoints",
        "endpointslices.discovery.k8s.io",
        "events",
        "events.events.k8s.io",
        "leases.coordination.k8s.io",
        "nodes",
        "csinodes.storage.k8s.io",
        "controllerrevisions.apps",
    }
)
