"""A stack as a whole: its cluster where it has one of its own, its images, its resources."""

from pathlib import Path

from bootstrap import images
from bootstrap.embedded import Cluster
from bootstrap.images.building import selection
from bootstrap.lifecycle import recovery, stack_file
from bootstrap.lifecycle.objects import ClusterObjects
from bootstrap.lifecycle.pulumi import Stack
from bootstrap.paths import repository
from bootstrap.report.progress import Progress
from stacks.settings import load_file

# What these take on two cores with everything built; they weigh the estimate of what remains.
CLUSTER_SECONDS = 15
UP_SECONDS = 150
DESTROY_SECONDS = 60


def bring_up(name: str, progress: Progress) -> Stack:
    """Makes the stack what its settings say, from nothing, from a half-made state, or after a crash.

    Raises:
        ColonnadeError: A part failed; what was made stays, and the next call goes on from there.
        SettingsError: The stack file is faulty.
    """
    if stack_file.is_embedded(name):
        cluster = Cluster(name)
        cluster.up(progress)
        references = images.build(cluster.registry, progress, list(selection(None)))
        stack_file.write(name, cluster, references)
    stack = recover(name, progress)
    stack.up(progress, expected=UP_SECONDS)
    return stack


def recover(name: str, progress: Progress) -> Stack:
    """Settles what a crash left of a stack, and returns the stack, ready for an operation.

    Raises:
        ColonnadeError: There is no such stack, a live process works on it, or its cluster cannot be asked.
        SettingsError: The stack file is faulty.
    """
    cluster = load_file(stack_file.require(name)).cluster

    def connect() -> ClusterObjects:
        return ClusterObjects(Path(str(cluster.kubeconfig_path)), cluster.context)

    stack = Stack(repository(), name)
    with progress.step("state of the stack") as step:
        recovery.recover(stack, connect, step.waiting_for)
    return stack


def take_down(name: str, progress: Progress) -> None:
    """Removes a stack: with its whole cluster where it has one of its own, resource by resource elsewhere.

    A copy of the state is kept beside the logs where the cluster went with it.

    Raises:
        ColonnadeError: There is no such stack, a live process works on it, or something could not be removed.
    """
    if not stack_file.is_embedded(name):
        recover(name, progress).destroy(progress, expected=DESTROY_SECONDS)
        return
    Cluster(name).down(progress)
    stack = Stack(repository(), name)
    with progress.step("locks of the stack") as step:
        recovery.unlock(stack, step.waiting_for)
    if stack.exists():
        backup = stack.logs / f"{name}-state-at-down.json"
        with progress.step("state of the stack") as step:
            stack.drop(backup)
            step.waiting_for(f"dropped; a copy is kept in {backup}")
