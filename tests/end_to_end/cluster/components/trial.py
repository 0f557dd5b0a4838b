"""Small projects that run the project's own components through the real engine on a real cluster."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

from bootstrap.lifecycle.pulumi import Stack
from bootstrap.toolchain import binary

# What every program starts with: its provider, and a part of the catalog whose chart the test writes.
HEAD = """
import json
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

from components import catalog
from components.kubernetes.chart import Chart, ChartArgs
from components.kubernetes.job import ProvisioningJob, ProvisioningJobArgs
from components.kubernetes.namespace import Namespace, NamespaceArgs
from components.kubernetes.workload import Probe, Volume, Workload, WorkloadArgs, pods_of

settings = pulumi.Config()
kubeconfig, image = settings.require("kubeconfig"), settings.require("image")
catalog.PARTS["trial"] = catalog.Part(
    name="trial", purpose="trial", version="1.0.0", licence="Apache-2.0",
    source="https://example.com/trial", replaced_by="nothing",
    chart=catalog.Chart(name="trial", repository="https://charts.example.com", version="1.0.0"),
)

def chart(namespace, opts, **values):
    args = ChartArgs("trial", namespace, {"image": image, **values}, "directory", settings.require("charts"))
    return Chart("trial", args, opts)
"""

# A service that starts and ends within a second.
SERVE = ["sh", "-c", "httpd -p 8080 -h /tmp && trap exit TERM && while :; do sleep 1; done"]


def project(root: Path, program: str, **configuration: str) -> Stack:
    """Returns a stack of the program, which has only the providers that it makes itself."""
    directory = root / "project"
    directory.mkdir()
    (directory / "Pulumi.yaml").write_text(
        f"name: trial\nruntime:\n  name: python\n  options:\n    virtualenv: {sys.prefix}\n"
    )
    (directory / "Pulumi.test.yaml").write_text('config: { "pulumi:disable-default-providers": ["*"] }\n')
    (directory / "__main__.py").write_text(HEAD + program)
    stack = Stack(directory, "test", logs=root / "logs")
    stack.select()
    configure(stack, **configuration)
    return stack


def configure(stack: Stack, *flags: str, **configuration: str) -> None:
    """Sets configuration of the stack."""
    for name, value in configuration.items():
        pulumi(stack, "config", "set", *flags, name, value)


def pulumi(stack: Stack, *arguments: str) -> str:
    """Runs a command of the engine on the stack as a person would; returns all that it prints."""
    done = subprocess.run(
        [str(binary("pulumi")), *arguments, "--stack", stack.name, "--non-interactive"],
        cwd=stack.directory,
        env=stack.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def write_chart(folder: Path, **files: str) -> None:
    """Writes the archive of the chart `trial` with these files, whose names have `_` for `/`."""
    folder.mkdir()
    content = {"Chart.yaml": "apiVersion: v2\nname: trial\nversion: 1.0.0\n"}
    content |= {f"{name.replace('_', '/')}.yaml": text for name, text in files.items()}
    with tarfile.open(folder / "trial-1.0.0.tgz", "w:gz") as archive:
        for name, text in content.items():
            member = tarfile.TarInfo(f"trial/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
