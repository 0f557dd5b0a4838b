"""The stack files below `stacks/environments`, and the one that `up` generates for an embedded cluster."""

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from bootstrap.embedded import Cluster
from bootstrap.errors import ColonnadeError
from bootstrap.lifecycle.pulumi import Stack
from bootstrap.paths import repository
from bootstrap.toolchain import module_file
from components import catalog
from stacks.settings import SettingsError
from stacks.settings.faults import WHOLE_FILE
from stacks.settings.loader import check_file
from stacks.settings.local import OWN_IMAGES, local_stack_file

# What describes the machine is written anew at each `up`; everything else in the file is the user's.
OF_THE_MACHINE = ("cluster", "edge", "images", "sources")


_SOME_IMAGE = f"registry.invalid/image@sha256:{'0' * 64}"


def directory() -> Path:
    """Returns the folder that holds the stack files."""
    return repository() / "stacks" / "environments"


def path_of(stack: str) -> Path:
    """Returns where the file of a stack is, or would be."""
    return directory() / f"Pulumi.{stack}.yaml"


def is_embedded(stack: str) -> bool:
    """Says whether a stack stands on an embedded cluster of its own: `local`, and `local-<anything>`."""
    return re.fullmatch(r"local(-[a-z0-9]+)*", stack) is not None


def require(stack: str) -> Path:
    """Returns the file of a stack that stands on an existing cluster.

    Raises:
        ColonnadeError: There is no such file.
    """
    path = path_of(stack)
    if not path.is_file():
        if is_embedded(stack):
            raise ColonnadeError(
                f"stack {stack!r} is not up: there is no {path}", f"colonnade up --stack {stack}"
            )
        known = sorted(
            {
                "local",
                *(file.name[len("Pulumi.") : -len(".yaml")] for file in directory().glob("Pulumi.*.yaml")),
            }
        )
        raise ColonnadeError(
            f"unknown stack {stack!r}: there is no {path}", f"name one of {', '.join(known)}"
        )
    return path


def kubeconfig(stack: Stack) -> Path:
    """Writes the kubeconfig of a cluster that the stack itself made, and returns its path.

    It holds no secret: whoever uses it proves to the cloud who they are.

    Raises:
        ColonnadeError: The stack has come to no cluster yet.
    """
    content = stack.outputs().get("kubeconfig")
    if not content:
        raise ColonnadeError(
            f"stack {stack.name} has no cluster yet, so what it was creating there cannot be looked up",
            f"pulumi up --stack {stack.name}",
        )
    path = stack.logs / f"{stack.name}.kubeconfig"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def check(stack: str, cluster: Cluster) -> None:
    """Refuses a file of an embedded stack that `write` would leave with faults; writes nothing.

    Raises:
        SettingsError: With the faults of what the user has set in it.
        ColonnadeError: The file is no stack file.
    """
    path = path_of(stack)
    if not path.exists():
        return
    _, faults = check_file(path)
    if unreadable := [fault for fault in faults if fault.path in (WHOLE_FILE, "config")]:
        raise SettingsError(unreadable, str(path))
    # The images are not built yet; any reference will do for them.
    foreseen = _merged(path, _generated(cluster, dict.fromkeys(OWN_IMAGES, _SOME_IMAGE)))
    with tempfile.TemporaryDirectory(prefix="colonnade-") as private:
        copy = Path(private, path.name)
        copy.write_text(foreseen, encoding="utf-8")
        _, faults = check_file(copy)
    if faults:
        # Its lines are not those of the user's file.
        raise SettingsError([replace(fault, line=None) for fault in faults], str(path))


def write(stack: str, cluster: Cluster, images: Mapping[str, str]) -> Path:
    """Writes the file of an embedded stack, whole or not at all, and returns its path.

    Settings that do not describe the machine are kept as the user left them.

    Raises:
        ColonnadeError: The file that is there cannot be read as YAML.
    """
    path = path_of(stack)
    text = _generated(cluster, images)
    if path.exists():
        text = _merged(path, text)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
    return path


def _generated(cluster: Cluster, images: Mapping[str, str]) -> str:
    return local_stack_file(
        kubeconfig=cluster.kubeconfig,
        context=cluster.context,
        domain=cluster.domain,
        address=cluster.address,
        certificate=cluster.edge_certificate,
        private_key=cluster.edge_key,
        ca=cluster.edge_ca,
        images=images,
        registry=cluster.registry,
        charts=module_file("gateway-api", f"gateway-api-{catalog.part('gateway-api').version}.yaml").parent,
    )


def _merged(path: Path, generated: str) -> str:
    head = generated[: generated.index("config:")]
    fresh: dict[str, Any] = yaml.safe_load(generated)
    try:
        present = yaml.safe_load(path.read_text()) or {}
        kept = dict(present.get("config") or {})
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, TypeError) as error:
        raise ColonnadeError(
            f"{path} is not a stack file: {error}", f"mend it, or delete it to have it generated: rm {path}"
        ) from error
    for key, value in fresh["config"].items():
        if key.removeprefix("colonnade:") in OF_THE_MACHINE or key not in kept:
            kept[key] = value
    return head + yaml.safe_dump({**present, "config": kept}, sort_keys=False, width=200)
