"""A stack as a whole: its cluster where it has one of its own, its images, its resources."""

from collections.abc import Collection, Mapping
from typing import Any

from bootstrap import images
from bootstrap.embedded import Cluster
from bootstrap.engine import engine_environment
from bootstrap.images.building import selection
from bootstrap.lifecycle import preflight, recovery, stack_file
from bootstrap.lifecycle.cloud import find_pending
from bootstrap.lifecycle.pulumi import Stack
from bootstrap.lifecycle.recovery import Objects
from bootstrap.paths import repository
from bootstrap.privilege import require_root
from bootstrap.report.progress import Progress
from stacks.settings import load_file

# What these take on two cores with everything built; they weigh the estimate of what remains.
CLUSTER_SECONDS = 15
UP_SECONDS = 150
DESTROY_SECONDS = 60


def bring_up(name: str, progress: Progress) -> Stack:
    """Makes the stack what its settings say, from nothing, from a half-made state, or after a crash.

    Raises:
        ColonnadeError: Something stands in the way, and nothing was made; or a part failed, and what was made
            stays, so that the next call goes on from there.
        SettingsError: The stack file is faulty.
    """
    if stack_file.is_embedded(name):
        cluster = Cluster(name)
        preflight.check_embedded(name, cluster)
        cluster.up(progress)
        references = images.build(cluster.registry, progress, list(selection(None)))
        stack_file.write(name, cluster, references)
    else:
        preflight.check_existing(name)
    stack = recover(name, progress)
    stack.up(progress, expected=UP_SECONDS)
    return stack


def recover(name: str, progress: Progress) -> Stack:
    """Settles what a crash left of a stack, and returns the stack, ready for an operation.

    Raises:
        ColonnadeError: There is no such stack, a live process works on it, or its cluster cannot be asked.
        SettingsError: The stack file is faulty.
    """
    settings = load_file(stack_file.require(name))

    def connect() -> Objects:
        # The client takes long to import, and is wanted after crashes alone.
        from bootstrap.lifecycle.objects import ClusterObjects

        if settings.foundation == "on-premises":
            return ClusterObjects(settings.cluster.kubeconfig_path, settings.cluster.context)
        return ClusterObjects(stack_file.kubeconfig(stack))

    stack = Stack(repository(), name)

    def find(resource: Mapping[str, Any], held: Collection[str]) -> str | None:
        return find_pending(resource, held, {"AWS_REGION": str(settings.region), **stack.environment()})

    with progress.step("state of the stack") as step:
        recovery.recover(stack, connect, step.waiting_for, find)
    return stack


def take_down(name: str, progress: Progress) -> None:
    """Removes a stack: with its whole cluster where it has one of its own, resource by resource elsewhere.

    A copy of the state is kept beside the logs where the cluster went with it.

    Raises:
        ColonnadeError: There is no such stack, a live process works on it, or something could not be removed.
    """
    if not stack_file.is_embedded(name):
        preflight.check_existing(name)
        recover(name, progress).destroy(progress, expected=DESTROY_SECONDS)
        return
    require_root(f"colonnade down --stack {name}")
    # Asked before the cluster goes: without its passphrase the engine does not even forget a stack.
    engine_environment()
    Cluster(name).down(progress)
    stack = Stack(repository(), name)
    with progress.step("locks of the stack") as step:
        recovery.unlock(stack, step.waiting_for)
    if stack.exists():
        backup = stack.logs / f"{name}-state-at-down.json"
        with progress.step("state of the stack") as step:
            stack.drop(backup)
            step.waiting_for(f"dropped; a copy is kept in {backup}")
