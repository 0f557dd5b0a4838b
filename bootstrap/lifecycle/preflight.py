"""What must be right before anything of a stack is made, so that a fault leaves the machine as it was."""

import json

from bootstrap.embedded import Cluster
from bootstrap.embedded import preflight as embedded
from bootstrap.embedded.command import run
from bootstrap.engine import engine_environment
from bootstrap.errors import ColonnadeError
from bootstrap.lifecycle import stack_file
from bootstrap.paths import cache_root
from bootstrap.privilege import require_root
from bootstrap.toolchain import binary, disk
from stacks.files import require_files
from stacks.runner import WAYS, outside
from stacks.settings import load_file

# Logs of the engine, and the files that it works with.
_MEGABYTES = 64


def check_embedded(name: str, cluster: Cluster) -> None:
    """Checks what a stack on an embedded cluster needs; makes nothing.

    Raises:
        ColonnadeError: The first thing that stands in the way.
        SettingsError: The stack file that is there has faults.
    """
    require_root(f"colonnade up --stack {name}")
    embedded.check(cluster.layout)
    stack_file.check(name, cluster)
    _check_engine()


def check_existing(name: str) -> None:
    """Checks what a stack on an existing cluster needs, and that the cluster answers; makes nothing.

    Raises:
        ColonnadeError: There is no such stack, its cluster cannot be used, or something else is in the way.
        SettingsError: The stack file has faults, or names files that are not there.
    """
    path = stack_file.require(name)
    settings = load_file(path)
    require_files(settings, str(path))
    if settings.cluster.kubeconfig is not None:
        # The client takes long to import.
        from bootstrap.lifecycle.objects import reach

        reach(settings.cluster.kubeconfig_path, settings.cluster.context)
    if settings.foundation == "aws":
        network = settings.network
        fault = outside(_addresses(), network.cidr, network.connected_cidrs, network.allowed_cidrs)
        if fault is not None:
            raise ColonnadeError(fault, WAYS)
    _check_engine()


def _addresses() -> list[str]:
    """Returns the addresses of this machine."""
    listed = json.loads(run(["ip", "-json", "address"]))
    return [it["local"] for link in listed for it in link.get("addr_info", []) if "local" in it]


def _check_engine() -> None:
    disk.require([cache_root() / "logs"], _MEGABYTES, "the engine", "COLONNADE_CACHE")
    binary("pulumi")
    engine_environment()
