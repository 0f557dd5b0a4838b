"""Recovery of interrupted creations against a real API server; without a node nothing gets ready."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from kubernetes import client, config

from bootstrap.errors import ColonnadeError
from bootstrap.lifecycle import recovery
from bootstrap.lifecycle.objects import ClusterObjects
from bootstrap.lifecycle.pulumi import Stack
from bootstrap.toolchain import binary
from tests.end_to_end.test_engine import DRIVER, process_named, running, surroundings, wait_for

__all__ = ["surroundings"]

PROGRAM = """
import pulumi, pulumi_kubernetes as k8s

settings = pulumi.Config()
provider = k8s.Provider("cluster", kubeconfig=settings.require("kubeconfig"))
options = pulumi.ResourceOptions(provider=provider)
labels = {"version": settings.require("version")}
secret = k8s.core.v1.Secret(
    "secret", metadata={"name": "secret", "namespace": "default"},
    string_data={"key": "s3ntinel"}, opts=options,
)
if settings.get_bool("claims"):
    k8s.core.v1.PersistentVolumeClaim(
        "claim",
        metadata={"name": "claim", "namespace": "default", "labels": labels},
        spec={"access_modes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        opts=pulumi.ResourceOptions(provider=provider, depends_on=[secret]),
    )
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An API server with its store and the garbage collector, and nothing else."""
    root = tmp_path_factory.mktemp("api")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (root / "accounts.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    (root / "tokens").write_text('sesame,admin,1,"system:masters"\n')
    store, peers, port = free_port(), free_port(), free_port()
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((root / "log").open("wb"))

        def start(*command: str) -> None:
            process = subprocess.Popen(command, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.kill)

        start(
            str(binary("etcd")),
            f"--data-dir={root}/data",
            f"--listen-client-urls=http://127.0.0.1:{store}",
            f"--advertise-client-urls=http://127.0.0.1:{store}",
            f"--listen-peer-urls=http://127.0.0.1:{peers}",
        )
        start(
            str(binary("kube-apiserver")),
            f"--etcd-servers=http://127.0.0.1:{store}",
            f"--secure-port={port}",
            "--bind-address=127.0.0.1",
            f"--cert-dir={root}/certificates",
            f"--service-account-key-file={root}/accounts.key",
            f"--service-account-signing-key-file={root}/accounts.key",
            "--service-account-issuer=https://accounts.invalid",
            f"--token-auth-file={root}/tokens",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.99.0.0/24",
            # They wait for controllers that do not run here.
            "--disable-admission-plugins=ServiceAccount,StorageObjectInUseProtection",
        )
        path = root / "kubeconfig"
        authority = root / "certificates" / "apiserver.crt"
        # The server makes its certificate before it listens.
        wait_for(authority.exists, 120)
        server = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(authority)}
        path.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "c", "cluster": server}],
                    "users": [{"name": "u", "user": {"token": "sesame"}}],
                    "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                    "current-context": "x",
                }
            )
        )

        def ready() -> bool:
            with contextlib.suppress(ColonnadeError):
                return ClusterObjects(path).find("v1", "Namespace", None, "default") is not None
            return False

        wait_for(ready, 180)
        # The provider deletes in the foreground, which is the work of the garbage collector.
        start(
            str(binary("kube-controller-manager")),
            f"--kubeconfig={path}",
            "--controllers=garbage-collector-controller",
            "--leader-elect=false",
            "--secure-port=0",
        )
        yield path


@pytest.fixture
def stack(surroundings: Path, kubeconfig: Path) -> Iterator[Stack]:
    directory = surroundings / "project"
    directory.mkdir()
    (directory / "Pulumi.yaml").write_text(
        f"name: trial\nruntime:\n  name: python\n  options:\n    virtualenv: {sys.prefix}\n"
    )
    (directory / "__main__.py").write_text(PROGRAM)
    made = Stack(directory, "test", logs=surroundings / "logs")
    made.select()
    configure(made, kubeconfig=str(kubeconfig), version="one", claims="true")
    yield made
    for kind in ("PersistentVolumeClaim", "Secret"):
        assert ClusterObjects(kubeconfig).find("v1", kind, "default", kind[-5:].lower()) is None, (
            "not cleaned up"
        )


def configure(stack: Stack, **settings: str) -> None:
    for name, value in settings.items():
        stack._query("config", "set", "--stack", "test", name, value)


def interrupt(stack: Stack, root: Path, objects: ClusterObjects) -> None:
    """Kills the engine while it waits for the claim, which nobody binds."""
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(stack.directory), str(stack.logs)])
    try:
        wait_for(lambda: objects.find("v1", "PersistentVolumeClaim", "default", "claim") is not None, 180)
        time.sleep(1)
        os.kill(process_named("pulumi", root), signal.SIGKILL)
        assert driver.wait(timeout=60) != 0
    finally:
        driver.kill()
        driver.wait()
    assert running(root) == []


def bind(kubeconfig: Path) -> None:
    """Does what a provisioner of volumes would do."""
    api = client.CoreV1Api(config.new_client_from_config(config_file=str(kubeconfig)))
    status = {"status": {"phase": "Bound"}}
    api.patch_namespaced_persistent_volume_claim_status("claim", "default", status)


def test_an_interrupted_creation_is_adopted_and_can_change(
    stack: Stack,
    surroundings: Path,
    kubeconfig: Path,
) -> None:
    objects = ClusterObjects(kubeconfig)
    interrupt(stack, surroundings, objects)
    created = objects.find("v1", "PersistentVolumeClaim", "default", "claim")
    assert created is not None
    said: list[str] = []
    recovery.recover(stack, lambda: objects, said.append)
    assert (
        "PersistentVolumeClaim claim was interrupted while creating: its object is there and is adopted"
        in said
    )

    bind(kubeconfig)
    configure(stack, version="two")
    outcome = stack.up()
    assert outcome.changes == {"same": 3, "update": 1}
    changed = objects.find("v1", "PersistentVolumeClaim", "default", "claim")
    assert changed is not None
    assert changed["metadata"]["uid"] == created["metadata"]["uid"]
    assert changed["metadata"]["labels"]["version"] == "two"
    assert stack.up().unchanged
    assert stack.refresh(preview_only=True).unchanged
    assert "s3ntinel" not in str(stack.export())
    configure(stack, version="three")
    assert stack.up().changes == {"same": 3, "update": 1}
    stack.destroy()


def test_an_interrupted_creation_that_is_wanted_no_more_is_deleted(
    stack: Stack,
    surroundings: Path,
    kubeconfig: Path,
) -> None:
    objects = ClusterObjects(kubeconfig)
    interrupt(stack, surroundings, objects)
    recovery.recover(stack, lambda: objects, lambda _: None)
    configure(stack, claims="false")
    assert stack.up().changes == {"same": 3, "delete": 1}
    assert objects.find("v1", "PersistentVolumeClaim", "default", "claim") is None
    stack.destroy()


def test_an_interrupted_creation_whose_object_is_gone_is_done_again(
    stack: Stack,
    surroundings: Path,
    kubeconfig: Path,
) -> None:
    objects = ClusterObjects(kubeconfig)
    interrupt(stack, surroundings, objects)
    api = client.CoreV1Api(config.new_client_from_config(config_file=str(kubeconfig)))
    api.delete_namespaced_persistent_volume_claim("claim", "default")
    said: list[str] = []
    recovery.recover(stack, lambda: objects, said.append)
    assert any("its object is not there, it is created again" in line for line in said)
    configure(stack, claims="false")
    assert stack.up().unchanged
    stack.destroy()


def test_a_cluster_that_cannot_be_asked_changes_nothing(
    stack: Stack,
    surroundings: Path,
    kubeconfig: Path,
    tmp_path: Path,
) -> None:
    objects = ClusterObjects(kubeconfig)
    interrupt(stack, surroundings, objects)
    elsewhere = tmp_path / "elsewhere"
    described = yaml.safe_load(kubeconfig.read_text())
    described["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{free_port()}"
    elsewhere.write_text(yaml.safe_dump(described))
    with pytest.raises(ColonnadeError, match="cannot be reached"):
        recovery.recover(stack, lambda: ClusterObjects(elsewhere), lambda _: None)
    assert stack.export()["deployment"]["pending_operations"]
    recovery.recover(stack, lambda: objects, lambda _: None)
    assert not stack.export()["deployment"].get("pending_operations")
    stack.destroy()
