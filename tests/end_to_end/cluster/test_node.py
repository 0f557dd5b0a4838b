"""A real node: what pods may and may not do on it."""

import http.client
import json
import socket
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from bootstrap.embedded import Cluster
from tests.end_to_end.cluster.conftest import BUSYBOX, NAMESPACE, Kubectl, colonnade


def fetch(kubectl: Kubectl, pod: str, address: str, port: int) -> "subprocess.CompletedProcess[str]":
    """Asks for a page from within a pod; BusyBox's wget needs parts of glibc that a static image lacks."""
    ask = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 {address} {port}"
    return kubectl.run("exec", pod, "--", "sh", "-c", ask)


def service_address(kubectl: Kubectl) -> str:
    address: str = kubectl.get("service", "server")["spec"]["clusterIP"]
    return address


def test_policy_lets_friend_in_through_the_service(kubectl: Kubectl) -> None:
    assert "welcome" in fetch(kubectl, "friend", service_address(kubectl), 8088).stdout


def test_policy_keeps_stranger_out(kubectl: Kubectl) -> None:
    pod = kubectl.get("pod", "server")["status"]["podIP"]
    assert "welcome" in fetch(kubectl, "friend", pod, 8080).stdout
    for address, port in ((service_address(kubectl), 8088), (pod, 8080)):
        done = fetch(kubectl, "stranger", address, port)
        assert done.returncode != 0
        assert "welcome" not in done.stdout


@pytest.mark.usefixtures("kubectl")
def test_host_reaches_service_on_node_address(cluster: Cluster) -> None:
    connection = http.client.HTTPConnection(cluster.address, 8088, timeout=5)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"welcome\n"
    connection.close()


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        (f"server.{NAMESPACE}.svc.cluster.local", True),
        ("kubernetes.default.svc.cluster.local", True),
        ("lakefs.e2e-node.colonnade.internal", True),
        ("nobody.svc.cluster.local", False),
        ("example.com", False),
    ],
)
def test_names(kubectl: Kubectl, name: str, answers: bool) -> None:
    done = kubectl.run("exec", "friend", "--", "nslookup", "-type=a", name)
    assert (done.returncode == 0) is answers, done.stdout


def test_dynamic_volume_keeps_data_beyond_its_pod(kubectl: Kubectl, cluster: Cluster) -> None:
    assert kubectl("exec", "keeper", "--", "cat", "/data/note") == "kept\n"
    claim = kubectl.get("pvc", "data")
    assert claim["spec"]["storageClassName"] == "standard"
    volume = cluster.layout.volumes.glob(f"{claim['spec']['volumeName']}*/note")
    assert [note.read_text() for note in volume] == ["kept\n"]


def test_deleted_volume_leaves_no_directory(kubectl: Kubectl, cluster: Cluster) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "brief"}, "spec": spec}
    volume = {"name": "brief", "persistentVolumeClaim": {"claimName": "brief"}}
    container = {
        "name": "main",
        "image": BUSYBOX,
        "command": ["touch", "/brief/note"],
        "volumeMounts": [{"name": "brief", "mountPath": "/brief"}],
    }
    pod_spec = {"restartPolicy": "Never", "containers": [container], "volumes": [volume]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "brief"}, "spec": pod_spec}
    both = {"apiVersion": "v1", "kind": "List", "items": [claim, pod]}
    kubectl("apply", "--filename=-", stdin=json.dumps(both))
    kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/brief", "--timeout=60s")
    name = kubectl.get("pvc", "brief")["spec"]["volumeName"]
    assert list(cluster.layout.volumes.glob(f"{name}*/note"))
    kubectl("delete", "pod/brief", "pvc/brief", "--wait")
    kubectl("wait", "--for=delete", f"pv/{name}", "--timeout=60s")
    assert not list(cluster.layout.volumes.glob(f"{name}*"))


def test_logs(kubectl: Kubectl) -> None:
    assert kubectl("logs", "server") == "listening\n"


def test_privileged_pod_is_refused(kubectl: Kubectl) -> None:
    container = {"name": "x", "image": "x", "securityContext": {"privileged": True}}
    overrides = {"spec": {"containers": [container]}}
    done = kubectl.run("run", "x", "--image=x", f"--overrides={json.dumps(overrides)}")
    assert done.returncode != 0
    assert "violates PodSecurity" in done.stderr


def test_who_shows_no_certificate_is_refused(cluster: Cluster) -> None:
    trust = ssl.create_default_context(cafile=str(cluster.layout.pki / "cluster-ca.crt"))
    connection = http.client.HTTPSConnection(cluster.address, 6443, timeout=5, context=trust)
    connection.request("GET", "/api/v1/namespaces")
    assert connection.getresponse().status == 401
    connection.close()


def test_service_accounts_have_no_rights(kubectl: Kubectl) -> None:
    account = f"--as=system:serviceaccount:{NAMESPACE}:default"
    assert kubectl.run("auth", "can-i", "get", "secrets", account).stdout == "no\n"


def test_secrets_are_encrypted_in_the_store(kubectl: Kubectl, cluster: Cluster) -> None:
    sentinel = "sentinel-4f1d"
    kubectl("create", "secret", "generic", "hidden", f"--from-literal=value={sentinel}")
    kubectl("create", "configmap", "plain", f"--from-literal=value={sentinel}-plain")
    files = (cluster.layout.state / "etcd").rglob("*")
    store = b"".join(path.read_bytes() for path in files if path.is_file())
    assert f"{sentinel}-plain".encode() in store, "the search itself must work"
    assert store.count(sentinel.encode()) == store.count(f"{sentinel}-plain".encode())


def test_no_route_out(cluster: Cluster) -> None:
    command = ["ip", "-n", cluster.layout.full_name, "-json", "route"]
    routes = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert {route["dst"] for route in routes} == {"10.96.0.0/16", "10.244.0.0/24", str(cluster.layout.subnet)}


def test_nothing_in_the_cluster_can_call_the_host(kubectl: Kubectl, cluster: Cluster) -> None:
    host = cluster.layout.host_address
    call = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)"
    with socket.create_server((host, 0)) as listener:
        command = [sys.executable, "-c", call, host, str(listener.getsockname()[1])]
        assert subprocess.run(command, check=False).returncode == 0, "the host itself gets through"
        node = ["nsenter", f"--net={cluster.layout.netns}", *command]
        assert subprocess.run(node, check=False, capture_output=True).returncode != 0
    # The host knows no way back to pods; only a datagram, which wants no answer, shows whether they get out.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind((host, 0))
        receiver.settimeout(1)
        port = receiver.getsockname()[1]
        receiver.sendto(b"own", (host, port))
        assert receiver.recv(10) == b"own"
        kubectl.run("exec", "friend", "--", "timeout", "2", "tftp", "-g", "-r", "/x", host, str(port))
        with pytest.raises(TimeoutError):
            receiver.recv(10)


def test_pods_cannot_reach_registry_or_store(kubectl: Kubectl, cluster: Cluster) -> None:
    with urllib.request.urlopen(f"http://{cluster.registry}/v2/", timeout=5) as answer:
        assert answer.status == 200
    for port in (2379, 5000):
        assert fetch(kubectl, "friend", cluster.address, port).returncode != 0
    assert fetch(kubectl, "friend", cluster.address, 6443).returncode == 0


def test_status_as_json(cluster: Cluster) -> None:
    done = colonnade("status", "--name", cluster.name, "--json")
    status = json.loads(done.stdout)
    assert done.returncode == 0, status
    assert status["healthy"] is True
    names = [component["name"] for component in status["components"]]
    assert {"etcd", "kube-apiserver", "kubelet", "kube-router", "node", "coredns"} < set(names)
    running = [part for part in status["components"] if part["state"] == "running"]
    assert running
    assert all(Path(f"/proc/{part['pid']}").exists() for part in running)
