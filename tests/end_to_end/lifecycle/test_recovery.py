"""Killed at any moment, the next run converges; destroyed, nothing is left."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.end_to_end.platform import BIN, ROOT, Platform

# Resources in the state at which `up` is killed; together they cover foundation, jobs and pillars.
SAMPLE = (60,)
ALL = (5, 20, 40, 60, 80)


def platform_is_whole(platform: Platform) -> None:
    """Asserts that a run has converged: nothing pending, nothing to change, every pod ready."""
    state = json.loads(platform.pulumi("stack", "export").stdout)["deployment"]
    assert not state.get("pending_operations")
    platform.pulumi("preview", "--expect-no-changes")
    pods = json.loads(platform.kubectl("get", "pods", "--all-namespaces", "-o", "json"))["items"]
    unready = [
        pod["metadata"]["name"]
        for pod in pods
        if pod["status"]["phase"] != "Succeeded"
        and not all(status["ready"] for status in pod["status"].get("containerStatuses", [{"ready": False}]))
    ]
    assert not unready


def recorded_resources(platform: Platform) -> int:
    """How many resources the backend has recorded, read from its file, which no lock guards."""
    checkpoint = platform.backend / ".pulumi" / "stacks" / "colonnade" / f"{platform.stack}.json"
    if not checkpoint.exists():
        return 0
    try:
        latest = json.loads(checkpoint.read_text())["checkpoint"]["latest"] or {}
    except json.JSONDecodeError:
        return 0
    return len(latest.get("resources", []))


def kill_up_at(platform: Platform, resources: int) -> None:
    """Starts `up` and kills it once so many resources are recorded.

    The engine dies first, so that nothing saves its state and nobody releases its lock.
    """
    log = ROOT / "build" / "end-to-end" / f"killed-at-{resources}.log"
    with log.open("w") as output:
        up = subprocess.Popen(
            [str(BIN / "colonnade"), "up", "--stack", platform.stack],
            cwd=ROOT,
            env=platform.environment,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 600
        while recorded_resources(platform) < resources:
            if up.poll() is not None or time.monotonic() > deadline:
                up.kill()
                up.wait()
                pytest.fail(
                    f"`up` ended before it had recorded {resources} resources: {log.read_text()[-2000:]}"
                )
            time.sleep(0.1)
        engines = [pid for pid, command in leftover_engines(platform).items() if " up " in command]
        assert engines, "`up` records resources, yet no engine is found"
        for pid in (*engines, up.pid):
            os.kill(pid, signal.SIGKILL)
        up.wait()


def leftover_engines(platform: Platform) -> dict[int, str]:
    """Command lines of engine processes that still work on this backend, by pid."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes()
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if str(platform.backend).encode() in environment and "pulumi" in command:
            found[int(entry.name)] = command
    return found


def destroy(platform: Platform) -> None:
    """Destroys the stack and asserts that neither namespaces, volumes nor rights are left."""
    platform.pulumi("destroy", "--yes")
    kinds = "clusterroles,clusterrolebindings,customresourcedefinitions"
    left = platform.kubectl("get", kinds, "-o", "name").split()
    # What Kubernetes brings, and what `cluster up` adds to it.
    own = re.compile(r".*/(system:.*|colonnade:.*|admin|cluster-admin|edit|view)")
    orphans = [name for name in left if not own.fullmatch(name)]
    assert not orphans, "destroy left objects outside of namespaces"
    namespaces = platform.kubectl("get", "namespaces", "-o", "name")
    assert "namespace/colonnade-" not in namespaces
    deadline = time.monotonic() + 60
    while platform.kubectl("get", "persistentvolumes", "-o", "name").strip():
        assert time.monotonic() < deadline, platform.kubectl("get", "persistentvolumes")
        time.sleep(1)


def converges_after_a_kill(platform: Platform, resources: int) -> None:
    destroy(platform)
    kill_up_at(platform, resources)
    platform.colonnade("up", "--stack", platform.stack)
    assert not leftover_engines(platform)
    platform_is_whole(platform)


@pytest.mark.parametrize("resources", SAMPLE)
def test_up_converges_after_a_kill(platform: Platform, resources: int) -> None:
    """Case 18."""
    converges_after_a_kill(platform, resources)


@pytest.mark.soak
@pytest.mark.parametrize("resources", ALL)
def test_up_converges_after_every_kill(platform: Platform, resources: int) -> None:
    """Case 18, all five moments."""
    converges_after_a_kill(platform, resources)


def test_destroy_works_after_a_kill_and_up_after_destroy(platform: Platform) -> None:
    """Case 18: `destroy` after a kill leaves nothing; then the platform comes up as on the first day."""
    destroy(platform)
    kill_up_at(platform, 12)
    platform.colonnade("recover", "--stack", platform.stack)
    assert not leftover_engines(platform)
    destroy(platform)
    platform.colonnade("up", "--stack", platform.stack)
    platform_is_whole(platform)
