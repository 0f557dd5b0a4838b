"""Up, heal and down, from every state a crash can leave."""

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.embedded import Cluster
from bootstrap.embedded.crash import POINTS
from bootstrap.embedded.hosts import HOSTS
from tests.end_to_end.cluster.conftest import Kubectl, colonnade

CRASHED = "e2e-crash"


def traces(cluster: Cluster) -> dict[str, list[str]]:
    """Returns everything on this machine that bears the cluster's name or lives in its namespaces."""
    layout = cluster.layout
    mountinfo = Path("/proc/self/mountinfo").read_text().splitlines()
    interface = Path("/sys/class/net", layout.host_interface)
    names = HOSTS.read_text().splitlines()
    cgroups = [
        str(path)
        for hierarchy in cluster.processes.cgroups.hierarchies
        for path in hierarchy.glob(f"**/{layout.full_name}*")
    ]
    commands = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if f"{layout.state}/" in command:
            commands.append(command)
    sockets = [str(path) for path in Path("/run/containerd").glob("s/*")]
    found = {
        "processes": [*commands, *map(str, cluster.processes.members())],
        "mounts": [line for line in mountinfo if str(layout.state) in line],
        "cgroups": cgroups,
        "network namespace": [str(layout.netns)] if layout.netns.exists() else [],
        "interface": [str(interface)] if interface.exists() else [],
        "files": [str(layout.state)] if layout.state.exists() else [],
        "hosts": [line for line in names if layout.domain in line or layout.address in line],
        "sockets": sockets,
    }
    return {kind: items for kind, items in found.items() if items}


def up(name: str, **environment: str) -> float:
    began = time.monotonic()
    done = colonnade("up", "--name", name, **environment)
    assert done.returncode == 0, done.stderr
    return time.monotonic() - began


@pytest.fixture
def crashed() -> Iterator[Cluster]:
    yield Cluster(CRASHED)
    done = colonnade("down", "--name", CRASHED)
    assert done.returncode == 0, done.stderr
    assert traces(Cluster(CRASHED)) == {}


@pytest.mark.usefixtures("kubectl")
def test_second_up_is_quick_and_changes_nothing(cluster: Cluster) -> None:
    before = cluster.status()
    files = {path: path.stat().st_mtime_ns for path in cluster.layout.config.rglob("*")}
    # On a busy machine one measurement says little.
    assert any(up(cluster.name) < 3 for _ in range(3))
    assert cluster.status() == before
    assert {path: path.stat().st_mtime_ns for path in cluster.layout.config.rglob("*")} == files


def test_up_heals_single_losses_while_pods_go_on(cluster: Cluster, kubectl: Kubectl) -> None:
    started = {pod["metadata"]["name"]: pod["status"]["startTime"] for pod in kubectl.get("pods")["items"]}
    for name in ("kube-apiserver", "containerd", "kube-router", "etcd"):
        record = cluster.processes.record(name)
        assert record is not None
        os.kill(record.pid, signal.SIGKILL)
    inside = ["nsenter", f"--net={cluster.layout.netns}"]
    subprocess.run([*inside, "nft", "delete", "table", "inet", "colonnade"], check=True)
    time.sleep(0.2)
    status = colonnade("status", "--name", cluster.name)
    assert status.returncode == 1
    up(cluster.name)
    assert cluster.status().healthy
    connection = http.client.HTTPConnection(cluster.address, 8088, timeout=5)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"welcome\n"
    connection.close()
    pods = kubectl.get("pods")["items"]
    assert {pod["metadata"]["name"]: pod["status"]["startTime"] for pod in pods} == started
    assert not any(state["restartCount"] for pod in pods for state in pod["status"]["containerStatuses"])


@pytest.mark.parametrize("end", ["every process is killed", "the machine is booted again"])
def test_up_heals_the_death_of_all_and_keeps_data(cluster: Cluster, kubectl: Kubectl, end: str) -> None:
    authority = cluster.edge_ca.read_bytes()
    if end == "every process is killed":
        cluster.processes.kill_all()
    else:
        cluster.halt()
    assert not cluster.status().healthy
    up(cluster.name)
    assert cluster.status().healthy
    assert cluster.edge_ca.read_bytes() == authority
    kubectl.settle("pod/keeper")
    assert kubectl("exec", "keeper", "--", "cat", "/data/note") == "kept\n"


@pytest.mark.parametrize("point", POINTS)
def test_down_after_a_crash_leaves_nothing(crashed: Cluster, point: str) -> None:
    done = colonnade("up", "--name", CRASHED, COLONNADE_CRASH_AT=point)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert "files" in traces(crashed)


def test_up_heals_every_crash(crashed: Cluster) -> None:
    for point in POINTS:
        done = colonnade("up", "--name", CRASHED, COLONNADE_CRASH_AT=point)
        assert done.returncode == -signal.SIGKILL, done.stderr
    up(CRASHED)
    assert crashed.status().healthy


def test_two_clusters_stand_side_by_side_and_fall_apart(cluster: Cluster, crashed: Cluster) -> None:
    up(CRASHED)
    assert cluster.status().healthy
    assert crashed.status().healthy
    assert set(traces(crashed)) >= {"processes", "mounts", "cgroups", "network namespace", "files", "hosts"}
    assert colonnade("down", "--name", CRASHED).returncode == 0
    assert traces(crashed) == {}
    assert cluster.status().healthy


@pytest.mark.usefixtures("crashed")
def test_down_twice() -> None:
    assert colonnade("down", "--name", CRASHED).returncode == 0


def refused(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    """Checks that a command failed with one clear line."""
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in lines[0]


def test_address_in_use(crashed: Cluster) -> None:
    address = f"{crashed.address}/32"
    subprocess.run(["ip", "address", "add", address, "dev", "lo"], check=True)
    try:
        refused(colonnade("up", "--name", CRASHED), crashed.address, "in use by interface lo")
    finally:
        subprocess.run(["ip", "address", "delete", address, "dev", "lo"], check=True)
    assert traces(crashed) == {}


def test_invalid_name() -> None:
    refused(
        colonnade("up", "--name", "Big"), "cluster name 'Big' is not valid", "fix: use 1 to 20 characters"
    )


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 64 MiB, at a path short enough for sockets."""
    place = Path("/run/colonnade-small")
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)
    place.rmdir()


def test_full_disk(small_disk: Path) -> None:
    done = colonnade("up", "--name", "e2e-full", COLONNADE_STATE=str(small_disk))
    refused(done, str(small_disk), "is full")
    assert list(small_disk.iterdir()) == []
    assert not Path("/run/netns/colonnade-e2e-full").exists()


def test_component_that_dies_is_named_with_its_log(crashed: Cluster) -> None:
    # etcd refuses a data directory that is a file.
    crashed.layout.state.mkdir(parents=True)
    (crashed.layout.state / "etcd").write_text("in the way")
    done = colonnade("up", "--name", CRASHED)
    refused(done, "etcd ended", "last lines of its log", f"read {crashed.layout.logs / 'etcd.log'}")
    assert set(traces(crashed)) == {"files"}
