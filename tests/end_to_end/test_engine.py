"""The real engine with the language host and the random provider, on programs of a few lines."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bootstrap import engine
from bootstrap.errors import ColonnadeError
from bootstrap.lifecycle import processes, recovery
from bootstrap.lifecycle.pulumi import EngineError, Stack
from bootstrap.paths import repository
from bootstrap.report.progress import Progress
from bootstrap.toolchain import binary

RANDOM = """
import pulumi, pulumi_random as random

options = pulumi.ResourceOptions(provider=random.Provider("random"))
length = pulumi.Config().get_int("length") or 16
password = random.RandomPassword("password", length=length, opts=options)
identity = random.RandomId("identity", byte_length=4, prefix="x-", opts=options)
string = random.RandomString("string", length=8, special=False, opts=options)
pet = random.RandomPet("pet", keepers={"identity": identity.hex}, opts=options)
pulumi.export("password", password.result)
pulumi.export("identity", identity.hex)
pulumi.export("pet", pet.id)
pulumi.export("token", pulumi.Config().get_secret("token"))
"""

# A resource that takes long to create, update and delete, and notes that it has begun.
SLOW = """
import pulumi, pulumi_random as random

class Provider(pulumi.ProviderResource):
    def __init__(self, name):
        super().__init__("slow", name, {})

class Thing(pulumi.CustomResource):
    def __init__(self, name, mark, opts):
        super().__init__("slow:index:Thing", name, {"mark": mark}, opts)

options = pulumi.ResourceOptions(provider=random.Provider("random"))
password = random.RandomPassword("password", length=9, opts=options)
slow = pulumi.ResourceOptions(provider=Provider("slow"), depends_on=[password])
Thing("thing", pulumi.Config().require("mark"), slow)
"""

SLOW_PROVIDER = """#!{python}
import os, time
from google.protobuf import empty_pb2, struct_pb2
from bootstrap.engine.protocol import serve
from pulumi.runtime.proto import plugin_pb2, provider_pb2 as p, provider_pb2_grpc

MARKS = {marks!r}

def work(properties):
    open(os.path.join(MARKS, properties["mark"]), "w").write(str(os.getpid()))
    while not os.path.exists(os.path.join(MARKS, "go")):
        time.sleep(0.05)

class Slow(provider_pb2_grpc.ResourceProviderServicer):
    def Handshake(self, r, c): return p.ProviderHandshakeResponse()
    def GetPluginInfo(self, r, c): return plugin_pb2.PluginInfo(version="1.0.0")
    def CheckConfig(self, r, c): return p.CheckResponse(inputs=r.news)
    def DiffConfig(self, r, c): return p.DiffResponse()
    def Configure(self, r, c): return p.ConfigureResponse(supportsPreview=True)
    def Check(self, r, c): return p.CheckResponse(inputs=r.news)
    def Diff(self, r, c):
        same = r.olds["mark"] == r.news["mark"]
        return p.DiffResponse(changes=p.DiffResponse.DIFF_NONE if same else p.DiffResponse.DIFF_SOME)
    def Create(self, r, c):
        if not r.preview: work(r.properties)
        return p.CreateResponse(id="thing", properties=r.properties)
    def Update(self, r, c):
        if not r.preview: work(r.news)
        return p.UpdateResponse(properties=r.news)
    def Read(self, r, c): return p.ReadResponse(id=r.id, inputs=r.inputs, properties=r.properties)
    def Delete(self, r, c):
        work({{"mark": "delete"}})
        return empty_pb2.Empty()
    def Cancel(self, r, c): return empty_pb2.Empty()

serve(lambda s: provider_pb2_grpc.add_ResourceProviderServicer_to_server(Slow(), s), lambda: None)
"""

# A command that brings the stack up as `colonnade up` does, for tests that kill it.
DRIVER = """
import sys
from pathlib import Path
from bootstrap.lifecycle.pulumi import Stack
directory, logs = map(Path, sys.argv[1:])
Stack(directory, "test", logs=logs).up()
"""


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    binary("pulumi")  # fails with what to do where it is not built
    for name in list(os.environ):
        if name.startswith("PULUMI_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "states").mkdir()
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}/states")
    return tmp_path


def project(root: Path, program: str, **configuration: str) -> Stack:
    directory = root / "project"
    directory.mkdir()
    (directory / "Pulumi.yaml").write_text(
        f"name: trial\nruntime:\n  name: python\n  options:\n    virtualenv: {sys.prefix}\n"
    )
    (directory / "__main__.py").write_text(program)
    stack = Stack(directory, "test", hidden=["s3ntinel"], logs=root / "logs")
    stack.select()
    for name, value in configuration.items():
        stack._query("config", "set", "--stack", "test", name, value)
    return stack


@pytest.fixture
def slow(surroundings: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    marks, binaries = surroundings / "marks", surroundings / "binaries"
    marks.mkdir()
    binaries.mkdir()
    plugin = binaries / "pulumi-resource-slow"
    plugin.write_text(SLOW_PROVIDER.format(python=sys.executable, marks=str(marks)))
    plugin.chmod(0o755)
    monkeypatch.setenv("PATH", f"{binaries}:{os.environ['PATH']}")
    return project(surroundings, SLOW, mark="create")


def running(root: Path) -> list[str]:
    """Returns the commands of all processes that work for a test."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if str(root).encode() in (entry / "environ").read_bytes():
                    found.append((entry / "cmdline").read_text().replace("\0", " "))
    return found


def wait_for(condition: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.05)


def process_named(name: str, root: Path) -> int:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                mine = str(root).encode() in (entry / "environ").read_bytes()
                if mine and (entry / "comm").read_text().strip() == name:
                    return int(entry.name)
    raise AssertionError(f"no process {name}")


def no_cluster() -> recovery.Objects:
    raise AssertionError("no object of a cluster was pending")


def test_life_of_a_stack(surroundings: Path) -> None:
    stack = project(surroundings, RANDOM)
    stack._query("config", "set", "--stack", "test", "--secret", "token", "s3ntinel")
    shown = io.StringIO()
    with Progress("trial", console=Console(file=shown)) as progress:
        assert stack.preview(progress).changes == {"create": 6}
        up = stack.up(progress)
        assert up.changes == {"create": 6}
        assert not up.warnings
        first = stack.outputs(show_secrets=True)
        assert stack.up(progress).unchanged
        assert stack.refresh(progress).unchanged
        assert stack.refresh(progress, preview_only=True).unchanged
        assert stack.outputs(show_secrets=True) == first
        assert stack.outputs() == first | {"password": "[secret]", "token": "[secret]"}
        assert len(first["password"]) == 16
        assert first["identity"].startswith("x-")

        stack._query("config", "set", "--stack", "test", "length", "20")
        assert stack.preview(progress).changes == {"same": 5, "replace": 1}
        assert stack.up(progress).changes == {"same": 5, "replace": 1}
        second = stack.outputs(show_secrets=True)
        assert len(second["password"]) == 20
        assert second["pet"] == first["pet"]

        assert stack.destroy(progress).changes == {"delete": 6}
    assert "pulumi destroy: done" in shown.getvalue()
    stack.remove()
    with pytest.raises(EngineError):
        stack.export()
    for secret in ("s3ntinel", first["password"], second["password"]):
        for file in (path for path in surroundings.rglob("*") if path.is_file()):
            assert secret.encode() not in file.read_bytes(), file
    assert all(path.stat().st_mode & 0o077 == 0 for path in (surroundings / "logs").iterdir())
    assert running(surroundings) == []


def test_plain_pulumi_works_in_an_activated_environment(surroundings: Path) -> None:
    stack = project(surroundings, RANDOM)
    activated = surroundings / "activated"
    (activated / "bin").mkdir(parents=True)
    (activated / "bin" / "activate").write_text(f'PATH="{sys.prefix}/bin:$PATH"\n')
    engine.activate(activated)
    shown = subprocess.run(
        ["bash", "-ec", f". {activated}/bin/activate; cd {stack.directory}; pulumi preview --json"],
        env={name: value for name, value in os.environ.items() if "PASSPHRASE" not in name},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert '"create": 6' in shown.stdout


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("raise ValueError('no such luck')", "no such luck"),
        ("import pulumi\nraise pulumi.RunError('plainly wrong')", "plainly wrong"),
        ("import sys\nsys.exit(3)", "non-zero exit code: 3"),
        (
            "import pulumi_random as r, pulumi\n"
            "options = pulumi.ResourceOptions(provider=r.Provider('r'))\n"
            "r.RandomPassword('p', length=2, min_upper=3, opts=options)",
            "less than the minimums together",
        ),
        ("import pulumi\nprint('value s3ntinel')\nraise pulumi.RunError('bad s3ntinel')", "bad [secret]"),
    ],
)
def test_a_failing_program_is_one_clear_error(surroundings: Path, program: str, message: str) -> None:
    stack = project(surroundings, program)
    with pytest.raises(EngineError) as raised:
        stack.up()
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert f"read {surroundings}/logs/test-up.log" in str(raised.value)
    log = (surroundings / "logs" / "test-up.log").read_text()
    assert message in log
    assert "s3ntinel" not in log + str(raised.value)


def test_a_wrong_passphrase_is_named(surroundings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = project(surroundings, RANDOM)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "another")
    with pytest.raises(
        EngineError, match="does not open the secrets of stack test; fix: set PULUMI_CONFIG_PASS"
    ):
        stack.up()


@pytest.fixture
def killed(slow: Stack, surroundings: Path) -> Iterator[tuple[Stack, subprocess.Popen[bytes]]]:
    """A stack whose update is under way in another process."""
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(slow.directory), str(slow.logs)])
    try:
        wait_for((surroundings / "marks" / "create").exists)
        yield slow, driver
    finally:
        driver.kill()
        driver.wait()
        (surroundings / "marks" / "go").touch()
        processes.end(processes.orphans())


def test_sigkill_of_the_engine_leaves_nothing_and_the_next_run_converges(
    killed: tuple[Stack, subprocess.Popen[bytes]], surroundings: Path
) -> None:
    stack, driver = killed
    os.kill(process_named("pulumi", surroundings), signal.SIGKILL)
    assert driver.wait(timeout=20) != 0
    assert running(surroundings) == []

    with pytest.raises(EngineError, match="locked"):
        stack.up()
    said: list[str] = []
    recovery.recover(stack, no_cluster, said.append)
    assert any("released the lock of process" in line for line in said)
    assert any("Thing thing was interrupted while creating" in line for line in said)
    (surroundings / "marks" / "go").touch()
    outcome = stack.up()
    assert not any("pending operations" in warning for warning in outcome.warnings)
    assert stack.up().unchanged
    said.clear()
    recovery.recover(stack, no_cluster, said.append)
    assert said == []
    assert len(stack.export()["deployment"]["resources"]) == 5
    stack.destroy()


def test_sigkill_of_colonnade_stops_the_engine_in_order(
    killed: tuple[Stack, subprocess.Popen[bytes]], surroundings: Path
) -> None:
    stack, driver = killed
    driver.kill()
    driver.wait()
    (surroundings / "marks" / "go").touch()
    wait_for(lambda: not running(surroundings), 40)
    recovery.recover(stack, no_cluster, lambda _: None)
    stack.up()
    assert stack.up().unchanged
    stack.destroy()


def test_sigkill_of_both_is_cleaned_up_at_the_next_run(
    killed: tuple[Stack, subprocess.Popen[bytes]], surroundings: Path
) -> None:
    stack, driver = killed
    os.kill(driver.pid, signal.SIGSTOP)
    os.kill(process_named("pulumi", surroundings), signal.SIGKILL)
    driver.kill()
    driver.wait()
    said: list[str] = []
    recovery.recover(stack, no_cluster, said.append)
    assert running(surroundings) == []
    (surroundings / "marks" / "go").touch()
    stack.up()
    assert stack.up().unchanged
    stack.destroy()


def test_a_live_owner_of_the_lock_is_named(
    killed: tuple[Stack, subprocess.Popen[bytes]], surroundings: Path
) -> None:
    stack, _ = killed
    owner = process_named("pulumi", surroundings)
    with pytest.raises(ColonnadeError, match=f"locked by process {owner}, which is alive"):
        recovery.recover(stack, no_cluster, lambda _: None)
    assert process_named("pulumi", surroundings) == owner


def test_ctrl_c_lets_the_engine_save_its_state(
    killed: tuple[Stack, subprocess.Popen[bytes]], surroundings: Path
) -> None:
    stack, driver = killed
    driver.send_signal(signal.SIGINT)
    time.sleep(1)
    (surroundings / "marks" / "go").touch()
    assert driver.wait(timeout=60) != 0
    assert running(surroundings) == []
    assert not stack.export()["deployment"].get("pending_operations")
    said: list[str] = []
    recovery.recover(stack, no_cluster, said.append)
    assert said == []
    stack.up()
    stack.destroy()


def test_interrupted_update_and_deletion_are_done_again(slow: Stack, surroundings: Path) -> None:
    go = surroundings / "marks" / "go"
    go.touch()
    slow.up()
    for mark, arguments in (("update", "up"), ("delete", "destroy")):
        go.unlink()
        if mark == "update":
            slow._query("config", "set", "--stack", "test", "mark", "update")
        driver = subprocess.Popen(
            [
                sys.executable,
                "-c",
                DRIVER.replace(".up()", f".{arguments}()"),
                str(slow.directory),
                str(slow.logs),
            ]
        )
        wait_for((surroundings / "marks" / mark).exists)
        os.kill(process_named("pulumi", surroundings), signal.SIGKILL)
        driver.wait(timeout=20)
        said: list[str] = []
        recovery.recover(slow, no_cluster, said.append)
        assert any(
            f"interrupted while {'updating' if mark == 'update' else 'deleting'}" in line for line in said
        )
        go.touch()
        if mark == "update":
            assert slow.up().changes == {"same": 4, "update": 1}
            assert slow.up().unchanged
        else:
            slow.destroy()
            assert not slow.export()["deployment"].get("resources")


def test_the_plugins_come_from_this_checkout() -> None:
    scripts = Path(sys.prefix, "bin")
    for name in ("pulumi-language-python", "pulumi-resource-random"):
        assert "bootstrap.engine" in (scripts / name).read_text()
    assert (repository() / "bootstrap" / "engine" / "language_host.py").is_file()
