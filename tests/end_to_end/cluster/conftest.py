"""One cluster for all tests here; each destructive test has a cluster of its own name."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bootstrap.embedded import Cluster
from bootstrap.images.definition import images
from bootstrap.toolchain import binary

NAMESPACE = "trial"
BUSYBOX = images()["busybox"].upstream or ""
COLONNADE = Path(sys.executable).with_name("colonnade")

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def colonnade(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs `colonnade cluster` as a person would."""
    return subprocess.run(
        [COLONNADE, "cluster", *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@dataclass(frozen=True)
class Kubectl:
    kubeconfig: Path

    def run(self, *words: str, stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(binary("kubectl")), f"--kubeconfig={self.kubeconfig}", f"--namespace={NAMESPACE}", *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )

    def __call__(self, *words: str, stdin: str | None = None) -> str:
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def settle(self, *what: str) -> None:
        """Waits until pods are ready; on failure shows what happened to them."""
        done = self.run("wait", "--for=condition=Ready", *what, "--timeout=120s")
        assert done.returncode == 0, done.stderr + self("get", "events", "--sort-by=lastTimestamp")

    def get(self, *words: str) -> Any:
        return json.loads(self("get", *words, "--output=json"))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    done = colonnade("up", "--name", "e2e-node")
    assert done.returncode == 0, done.stderr
    yield Cluster("e2e-node")
    done = colonnade("down", "--name", "e2e-node")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def kubectl(cluster: Cluster) -> Kubectl:
    """kubectl on the cluster, with all pods of the trial ready."""
    kubectl = Kubectl(cluster.kubeconfig)
    kubectl("create", "namespace", NAMESPACE)
    manifests = Path(__file__).with_name("pods.yaml").read_text()
    manifests = manifests.replace("{address}", cluster.address).replace("{busybox}", BUSYBOX)
    kubectl("apply", "--filename=-", stdin=manifests)
    kubectl.settle("pod", "--all")
    return kubectl
