"""`colonnade setup | up | down | recover`: the platform of one stack, up, down and after a crash."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

from bootstrap.embedded import Cluster
from bootstrap.errors import ColonnadeError
from bootstrap.lifecycle import platform, stack_file
from bootstrap.lifecycle import setup as making
from bootstrap.lifecycle.summary import table
from bootstrap.report.progress import Progress
from stacks.settings import Settings, load_file

StackName = Annotated[
    str, typer.Option("--stack", "-s", help="`local` and `local-<name>` have a cluster of their own.")
]

# How a person comes to the cluster that a stack itself made.
_ACCESS = {"aws": "aws eks update-kubeconfig --name {name} --region {region} --alias {name}"}


def setup() -> None:
    """Build the toolchain and the images, and prepare `.venv`; what is there already is left alone."""
    with Progress("Setting up", expected=making.expected_seconds()) as progress:
        making.setup(progress)


def up(stack: StackName = "local") -> None:
    """Bring up the platform of a stack: its cluster where it has one of its own, and everything on it."""
    _check(stack)
    with Progress(
        f"Bringing up stack {stack}", expected=platform.CLUSTER_SECONDS + platform.UP_SECONDS
    ) as progress:
        outputs = platform.bring_up(stack, progress).outputs()
    console = Console()
    console.print(table(stack, outputs))
    for line in _closing(stack, outputs, load_file(stack_file.require(stack))):
        console.print(line, soft_wrap=True, highlight=False)


def down(stack: StackName = "local") -> None:
    """Remove the platform of a stack, and its cluster where it has one of its own."""
    _check(stack)
    with Progress(f"Taking down stack {stack}") as progress:
        platform.take_down(stack, progress)


def recover(stack: StackName = "local") -> None:
    """Settle what a crash left behind: processes, locks and operations that were under way."""
    _check(stack)
    with Progress(f"Recovering stack {stack}") as progress:
        platform.recover(stack, progress)


def _check(stack: str) -> None:
    """Refuses what the engine would refuse, or what would name another file.

    Raises:
        ColonnadeError: It is not the name of a stack.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", stack):
        raise ColonnadeError(
            f"{stack!r} is not the name of a stack", "use letters, digits, dots, hyphens and underscores"
        )


def _closing(stack: str, outputs: Mapping[str, Any], settings: Settings) -> list[str]:
    """Returns what goes below the table: where kubeconfig and trust anchor are."""
    context, access = outputs["kube_context"], _ACCESS.get(settings.foundation)
    if access is None:
        lines = [f"kubeconfig: {outputs['kubeconfig']} (context {context})"]
    else:
        lines = [f"kubeconfig: {access.format(name=context, region=settings.region)}"]
    if stack_file.is_embedded(stack):
        anchor = Cluster(stack).edge_ca
        lines.append(f"private CA: {anchor} (curl --cacert, SSL_CERT_FILE, REQUESTS_CA_BUNDLE)")
    return [*lines, "before you try: source .venv/bin/activate"]
