"""`colonnade setup | up | down | recover`: the platform of one stack, from nothing to a table of URLs and back."""

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bootstrap import images
from bootstrap.embedded import Cluster
from bootstrap.errors import ColonnadeError
from bootstrap.images.building import selection
from bootstrap.lifecycle import setup as making
from bootstrap.lifecycle import stack_file
from bootstrap.lifecycle.objects import ClusterObjects
from bootstrap.lifecycle.pulumi import Stack
from bootstrap.lifecycle.recovery import recover, release_locks
from bootstrap.lifecycle.summary import table
from bootstrap.paths import repository
from bootstrap.report.progress import Progress
from stacks.settings import load_file

# What a first `up` and a `destroy` take on two cores with everything built; they weigh the estimate alone.
CLUSTER_SECONDS = 15
UP_SECONDS = 150
DESTROY_SECONDS = 60

StackName = Annotated[
    str, typer.Option("--stack", "-s", help="`local` and `local-<name>` have a cluster of their own.")
]


def setup() -> None:
    """Build the toolchain and the images, and prepare `.venv`; what is there already is left alone."""
    with Progress("Setting up", expected=making.expected_seconds()) as progress:
        making.setup(progress)


def up(stack: StackName = "local") -> None:
    """Bring up the platform of a stack: its cluster where it is an embedded one, and everything on it."""
    named = Stack(repository(), _checked(stack))
    with Progress(f"Bringing up stack {stack}", expected=CLUSTER_SECONDS + UP_SECONDS) as progress:
        if stack_file.is_embedded(stack):
            _prepare_cluster(stack, progress)
        else:
            load_file(stack_file.require(stack))
        _recover(named, progress)
        named.up(progress, expected=UP_SECONDS)
    outputs = named.outputs()
    console = Console()
    console.print(table(stack, outputs))
    console.print(_closing(stack, outputs), soft_wrap=True, highlight=False)


def down(stack: StackName = "local") -> None:
    """Remove the platform of a stack, and its cluster where it is an embedded one."""
    named = Stack(repository(), _checked(stack))
    with Progress(f"Taking down stack {stack}") as progress:
        if not stack_file.is_embedded(stack):
            stack_file.require(stack)
            _recover(named, progress)
            named.destroy(progress, expected=DESTROY_SECONDS)
            return
        Cluster(stack).down(progress)
        release_locks(named.directory, stack, named.environment())
        if named.exists():
            backup = named.logs / f"{stack}-state-at-down.json"
            with progress.step("state of the stack") as step:
                named.drop(backup)
                step.waiting_for(f"dropped; a copy is kept in {backup}")


def recover_command(stack: StackName = "local") -> None:
    """Settle what a crash left behind: processes, locks and operations that were under way."""
    named = Stack(repository(), _checked(stack))
    with Progress(f"Recovering stack {stack}") as progress:
        if not stack_file.is_embedded(stack):
            stack_file.require(stack)
        _recover(named, progress)


def _checked(stack: str) -> str:
    """Returns the name of a stack that can be.

    Raises:
        ColonnadeError: The engine would refuse the name, or it would name another file.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", stack):
        raise ColonnadeError(
            f"{stack!r} is not the name of a stack", "use letters, digits, dots, hyphens and underscores"
        )
    return stack


def _prepare_cluster(stack: str, progress: Progress) -> None:
    cluster = Cluster(stack)
    cluster.up(progress)
    references = images.build(cluster.registry, progress, list(selection(None)))
    stack_file.write(stack, cluster, references)


def _recover(stack: Stack, progress: Progress) -> None:
    settings = load_file(stack_file.path_of(stack.name))
    kubeconfig = settings.cluster.kubeconfig_path

    def connect() -> ClusterObjects:
        return ClusterObjects(Path(str(kubeconfig)), settings.cluster.context)

    release_locks(stack.directory, stack.name, stack.environment())
    with progress.step("state of the stack") as step:
        stack.select()
        recover(stack, connect, step.waiting_for)


def _closing(stack: str, outputs: dict[str, object]) -> str:
    """Returns what goes below the table: where the trust anchor and the kubeconfig are."""
    lines = [f"kubeconfig: {outputs['kubeconfig']} (context {outputs['kube_context']})"]
    if stack_file.is_embedded(stack):
        lines.append(
            f"private CA: {Cluster(stack).edge_ca} (curl --cacert; SSL_CERT_FILE and REQUESTS_CA_BUNDLE)"
        )
    lines.append("first: source .venv/bin/activate")
    return "\n".join(lines)
