import copy
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import ColonnadeError
from bootstrap.lifecycle import processes, recovery

PROJECT = "name: trial\nruntime: python\nbackend:\n  url: file://~/states\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    return tmp_path


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def dead() -> int:
    ended = subprocess.Popen(["true"])
    ended.wait()
    return ended.pid


def lock(
    root: Path, pid: int, since: datetime | None = None, host: str | None = None, stack: str = "local"
) -> Path:
    folder = root / ".pulumi" / "locks" / "organization" / "trial" / stack
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{pid}-{len(list(folder.iterdir()))}.json"
    content = {
        "pid": pid,
        "username": "root",
        "hostname": host or socket.gethostname(),
        # Nine digits of a second and a zone, as the engine writes it.
        "timestamp": (since or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%f789Z"),
    }
    path.write_text(json.dumps(content))
    return path


def release(home: Path, **environment: str) -> list[Path]:
    return [
        found.path
        for found in recovery.release_locks(home, "local", {"PULUMI_HOME": str(home), **environment})
    ]


def test_lock_of_a_dead_owner_is_released(home: Path) -> None:
    path = lock(home / "states", dead())
    beside = path.with_name(path.name + ".attrs")
    beside.write_text("{}")
    os.utime(beside, (0, 0))
    other = lock(home / "states", dead(), stack="other")
    assert release(home) == [path]
    assert not path.exists()
    assert not beside.exists()
    assert other.exists()
    assert release(home) == []


def test_lock_of_a_live_owner_stays_and_names_it(home: Path, sleeper: "subprocess.Popen[bytes]") -> None:
    path = lock(home / "states", sleeper.pid)
    with pytest.raises(ColonnadeError, match=f"locked by process {sleeper.pid}, which is alive.*kill -INT"):
        release(home)
    assert path.exists()


def test_number_of_the_owner_may_be_in_use_again(home: Path, sleeper: "subprocess.Popen[bytes]") -> None:
    path = lock(home / "states", sleeper.pid, since=datetime.now(UTC) - timedelta(minutes=5))
    assert release(home) == [path]


def test_an_owner_that_waits_to_be_reaped_is_dead(home: Path) -> None:
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    path = lock(home / "states", process.pid)
    assert release(home) == [path]
    process.wait()


def test_lock_of_another_machine_is_not_judged(home: Path) -> None:
    path = lock(home / "states", dead(), host="elsewhere")
    with pytest.raises(ColonnadeError, match=r"on machine elsewhere.*pulumi cancel --stack local"):
        release(home)
    assert path.exists()


@pytest.mark.parametrize("torn", ["", "{", "{}", '{"pid": 1}', "[]"])
def test_torn_lock_is_released_once_it_is_old(home: Path, torn: str) -> None:
    path = lock(home / "states", dead())
    path.write_text(torn)
    assert release(home) == []
    os.utime(path, (0, 0))
    assert release(home) == [path]


def test_backend_is_found_as_the_engine_finds_it(home: Path, tmp_path: Path) -> None:
    named = lock(tmp_path / "named", dead())
    assert release(home, PULUMI_BACKEND_URL=f"file://{tmp_path}/named?no_tmp_dir=true") == [named]
    relative = lock(home / "beside", dead())
    assert release(home, PULUMI_BACKEND_URL="file://./beside") == [relative]
    stored = lock(tmp_path / "stored", dead())
    (home / "Pulumi.yaml").write_text("name: trial\nruntime: python\n")
    (home / "credentials.json").write_text(json.dumps({"current": f"file://{tmp_path}/stored"}))
    assert release(home) == [stored]
    assert release(home, PULUMI_BACKEND_URL="s3://bucket") == []


def test_what_a_killed_save_left_is_removed_and_nothing_else(home: Path) -> None:
    folder = home / "states" / ".pulumi" / "stacks" / "trial"
    history = home / "states" / ".pulumi" / "history" / "trial" / "local"
    folder.mkdir(parents=True)
    history.mkdir(parents=True)
    torn = [
        folder / "local.json.attrs",
        folder / "local.json.18eb2c823c5902cd.tmp",
        history / "local-1.history.json.attrs",
    ]
    sound = [
        folder / "local.json",
        folder / "local.json.bak",
        folder / "local.json.bak.attrs",
        folder / "other.json.attrs",
        folder / "local-2.json.attrs",
    ]
    for path in torn:
        path.write_text("")
    for path in sound:
        path.write_text("{}" if path.name.startswith("local.json") else "")
    removed = recovery.remove_torn_files(home, "local", {"PULUMI_HOME": str(home)})
    assert sorted(removed) == sorted(torn)
    assert not [path for path in torn if path.exists()]
    assert all(path.exists() for path in sound)
    assert recovery.remove_torn_files(home, "local", {"PULUMI_BACKEND_URL": "s3://bucket"}) == []


def test_project_that_cannot_be_read_is_named(home: Path) -> None:
    (home / "Pulumi.yaml").write_text("name: [")
    with pytest.raises(ColonnadeError, match=r"Pulumi\.yaml cannot be read"):
        release(home)


class FakeStack:
    """A stack that holds a state and notes what is done with it."""

    name = "local"

    def __init__(self, state: dict[str, Any], directory: Path | None = None) -> None:
        self.state = state
        self.directory = directory
        self.refreshed: list[str] = []
        self.selected = False

    def environment(self) -> dict[str, str]:
        return {"PULUMI_HOME": str(self.directory)}

    def select(self) -> None:
        self.selected = True

    def export(self) -> dict[str, Any]:
        return copy.deepcopy(self.state)

    def replace_state(self, state: dict[str, Any]) -> None:
        self.state = state

    def refresh(self, arguments: list[str]) -> None:
        self.refreshed += arguments


class FakeObjects:
    def __init__(self, **there: list[str]) -> None:
        self.there = there

    def find(self, api_version: str, kind: str, namespace: str | None, name: str) -> dict[str, Any] | None:
        assert (api_version, kind) == ("apps/v1", "Deployment")
        if name not in self.there:
            return None
        fields = [{"manager": manager} for manager in self.there[name]]
        return {
            "metadata": {"name": name, "managedFields": fields}
            | ({"namespace": namespace} if namespace else {})
        }


def resource(token: str, name: str, **more: Any) -> dict[str, Any]:
    return {"urn": f"urn:pulumi:local::trial::my:index:Parent${token}::{name}", "type": token, **more}


def kubernetes(kind: str, name: str, namespace: str | None = "data", **more: Any) -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    inputs = {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata}
    return resource(f"kubernetes:apps/v1:{kind}", name, inputs=inputs, **more)


def settle(stack: FakeStack, objects: FakeObjects | None = None) -> list[str]:
    said: list[str] = []

    def connect() -> FakeObjects:
        assert objects is not None, "no object had to be looked up"
        return objects

    recovery.settle(stack, connect, said.append)  # type: ignore[arg-type]
    return said


def pending(*operations: tuple[str, dict[str, Any]], resources: tuple[dict[str, Any], ...] = ()) -> FakeStack:
    listed = [{"type": what, "resource": touched} for what, touched in operations]
    return FakeStack(
        {"version": 3, "deployment": {"resources": list(resources), "pending_operations": listed}}
    )


@pytest.mark.parametrize(
    "state", [{"deployment": None}, {"deployment": {}}, {"deployment": {"resources": []}}]
)
def test_nothing_pending_changes_nothing(state: dict[str, Any]) -> None:
    stack = FakeStack(state)
    before = stack.state
    assert settle(stack) == []
    assert stack.state is before


@pytest.mark.parametrize("objects", [FakeObjects(), FakeObjects(lakefs=["kubectl"])])
def test_creation_without_an_object_of_ours_is_forgotten(objects: FakeObjects) -> None:
    stack = pending(("creating", kubernetes("Deployment", "lakefs")))
    assert settle(stack, objects) == [
        "Deployment lakefs was interrupted while creating: its object is not there, it is created again"
    ]
    assert stack.state["deployment"] == {"resources": [], "pending_operations": []}
    assert stack.refreshed == []


@pytest.mark.parametrize(("namespace", "identifier"), [("data", "data/lakefs"), (None, "lakefs")])
def test_creation_with_an_object_is_adopted_under_its_manager(namespace: str | None, identifier: str) -> None:
    created = kubernetes("Deployment", "lakefs", namespace, parent="urn:parent", custom=True)
    before = kubernetes("Deployment", "first")
    stack = pending(("creating", created), resources=(before,))
    objects = FakeObjects(lakefs=["kube-controller-manager", "pulumi-kubernetes-1234"])
    assert settle(stack, objects) == [
        "Deployment lakefs was interrupted while creating: its object is there and is adopted"
    ]
    assert stack.state["deployment"]["pending_operations"] == []
    first, adopted = stack.state["deployment"]["resources"]
    assert first == before
    assert created.items() <= adopted.items()
    assert adopted["id"] == identifier
    assert adopted["outputs"] == created["inputs"] | {
        "__inputs": created["inputs"],
        "__initialApiVersion": "apps/v1",
        "__fieldManager": "pulumi-kubernetes-1234",
    }
    assert adopted["initErrors"]
    assert stack.refreshed == ["--target", created["urn"]]


def test_replacement_that_had_deleted_the_old_object_takes_its_place() -> None:
    created, later = kubernetes("Deployment", "lakefs"), kubernetes("Deployment", "later")
    objects = FakeObjects(lakefs=["pulumi-kubernetes-1"])
    stack = pending(("creating", created), resources=(created | {"pendingReplacement": True}, later))
    settle(stack, objects)
    assert [entry.get("id") for entry in stack.state["deployment"]["resources"]] == ["data/lakefs", None]
    stack = pending(("creating", created), resources=(created | {"id": "old"},))
    settle(stack, objects)
    assert [entry.get("id") for entry in stack.state["deployment"]["resources"]] == ["old"]


def test_patch_of_an_object_of_others_is_not_adopted() -> None:
    touched = kubernetes("Deployment", "coredns") | {"type": "kubernetes:apps/v1:DeploymentPatch"}
    stack = pending(("creating", touched))
    settle(stack)
    assert stack.state["deployment"] == {"resources": [], "pending_operations": []}


def test_creation_of_a_value_asks_no_cluster() -> None:
    stack = pending(("creating", resource("random:index/randomPassword:RandomPassword", "password")))
    assert settle(stack) == ["RandomPassword password was interrupted while creating: it is done again"]
    assert stack.state["deployment"]["pending_operations"] == []


def test_interrupted_changes_are_refreshed() -> None:
    changed, removed = kubernetes("Deployment", "a"), kubernetes("Deployment", "b")
    stack = pending(("updating", changed), ("deleting", removed), resources=(changed,))
    assert len(settle(stack)) == 2
    assert stack.refreshed == ["--target", changed["urn"]]


def test_recover_ends_orphans_and_releases_locks(home: Path) -> None:
    # A run whose owner is dead: this very process number, with another start.
    run = f"{'0' * 32}.{os.getpid()}.1"
    orphan = subprocess.Popen(["sleep", "60"], env={**os.environ, processes.RUN: run})
    path = lock(home / "states", dead())
    said: list[str] = []
    stack = FakeStack({"deployment": {}}, home)
    recovery.recover(stack, FakeObjects, said.append)  # type: ignore[arg-type]
    assert orphan.wait(timeout=10) == -signal.SIGTERM
    assert said[0] == "ended 1 processes of a run that died: sleep"
    assert path.name in said[1]
    assert not path.exists()
    assert stack.selected


def test_members_of_a_run_end_even_when_they_resist() -> None:
    run = processes.new_run()
    stubborn = subprocess.Popen(
        [
            sys.executable,
            "-uc",
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1); time.sleep(60)",
        ],
        env={**os.environ, processes.RUN: run},
        stdout=subprocess.PIPE,
    )
    with stubborn:
        assert stubborn.stdout is not None
        stubborn.stdout.readline()
        found = processes.members(run)
        assert [process.pid for process in found] == [stubborn.pid]
        assert processes.owner_is_alive(run)
        assert stubborn.pid not in {process.pid for process in processes.orphans()}
        processes.end(found)
        assert stubborn.wait(timeout=1) == -signal.SIGKILL
    assert processes.members(run) == []


def test_another_process_of_the_same_number_is_not_ended(sleeper: "subprocess.Popen[bytes]") -> None:
    processes.end([processes.Process(sleeper.pid, 1, "sleep", "x")])
    assert sleeper.poll() is None


def test_a_creation_on_a_cloud_is_adopted_by_the_id_that_it_is_found_under() -> None:
    vpc = resource("aws:ec2/vpc:Vpc", "network", inputs={"cidrBlock": "10.0.0.0/16"})
    said: list[str] = []
    stack = pending(("creating", vpc))
    recovery.settle(stack, lambda: FakeObjects(), said.append, lambda *_: "vpc-1")  # type: ignore[arg-type]
    [adopted] = stack.state["deployment"]["resources"]
    assert (adopted["id"], adopted["outputs"]) == ("vpc-1", {"cidrBlock": "10.0.0.0/16"})
    assert stack.refreshed == ["--target", vpc["urn"]]
    assert said == ["Vpc network was interrupted while creating: vpc-1 is looked up and adopted"]


def test_a_replacement_on_a_cloud_is_adopted_and_what_it_replaces_is_deleted_by_the_next_update() -> None:
    old = resource("aws:ec2/subnet:Subnet", "data", inputs={"cidrBlock": "10.0.0.0/24"}) | {"id": "subnet-1"}
    new = old | {"inputs": {"cidrBlock": "10.0.1.0/24"}}
    stack, asked = pending(("creating", new), resources=(old,)), []

    def find(_: object, held: object) -> str:
        asked.append(held)
        return "subnet-2"

    recovery.settle(stack, lambda: FakeObjects(), lambda _: None, find)  # type: ignore[arg-type]
    assert asked == [{"subnet-1"}]
    found = [(it["id"], it.get("delete", False)) for it in stack.state["deployment"]["resources"]]
    assert found == [("subnet-1", True), ("subnet-2", False)]


def test_a_creation_on_a_cloud_that_did_not_happen_is_forgotten() -> None:
    vpc = resource("aws:ec2/vpc:Vpc", "network", inputs={})
    said: list[str] = []
    stack = pending(("creating", vpc))
    recovery.settle(stack, lambda: FakeObjects(), said.append, lambda *_: None)  # type: ignore[arg-type]
    assert stack.state["deployment"] == {"resources": [], "pending_operations": []}
    assert said == ["Vpc network was interrupted while creating: it is not there, it is created again"]


def test_a_stack_on_no_cloud_looks_nothing_up_there() -> None:
    with pytest.raises(ColonnadeError, match="stands on none"):
        settle(pending(("creating", resource("aws:ec2/vpc:Vpc", "network", inputs={}))))
