import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2 as language
from pulumi.runtime.proto import language_pb2_grpc

from bootstrap.engine import language_host

Stub = language_pb2_grpc.LanguageRuntimeStub

# Stands for the executor of the SDK: notes how it was called and ends as it is told.
EXECUTOR = """
import json, os, sys, time
seen = {"argv": sys.argv[1:], "env": dict(os.environ), "python": sys.executable, "cwd": os.getcwd()}
open(os.environ["SEEN"], "w").write(json.dumps(seen))
if os.environ.get("HANG"):
    time.sleep(60)
sys.exit(int(os.environ.get("CODE", "0")))
"""


@pytest.fixture
def executor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    script = tmp_path / "executor.py"
    script.write_text(EXECUTOR)
    monkeypatch.setattr(language_host, "_executor", lambda: str(script))
    monkeypatch.setenv("SEEN", str(tmp_path / "seen.json"))
    return tmp_path / "seen.json"


def info(root: Path, **options: Any) -> language.ProgramInfo:
    described = language.ProgramInfo(
        root_directory=str(root), program_directory=str(root / "stacks"), entry_point="."
    )
    described.options.update(options)
    return described


def run_request(root: Path, **more: Any) -> language.RunRequest:
    return language.RunRequest(
        **{
            "project": "colonnade",
            "stack": "local",
            "pwd": str(root),
            "monitor_address": "127.0.0.1:2",
            "parallel": 8,
            "config": {"colonnade:a": "1", "colonnade:b": "two"},
            "configSecretKeys": ["colonnade:b"],
            "info": info(root),
            **more,
        }
    )


def seen(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def environment(root: Path, name: str = "environment") -> Path:
    binary = root / name / "bin" / "python"
    binary.parent.mkdir(parents=True)
    binary.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    binary.chmod(0o755)
    return root / name


def test_run_hands_over_configuration_and_context(host: Stub, executor: Path, tmp_path: Path) -> None:
    answer = host.Run(run_request(tmp_path, dryRun=True, organization="acme", args=["--mine"]))
    assert answer == language.RunResponse()
    called = seen(executor)
    arguments = called["argv"]
    split = arguments.index("--")
    assert dict(zip(arguments[:split:2], arguments[1:split:2], strict=True)) == {
        "--monitor": "127.0.0.1:2",
        "--engine": "127.0.0.1:1",
        "--project": "colonnade",
        "--stack": "local",
        "--pwd": str(tmp_path),
        "--root_directory": str(tmp_path),
        "--parallel": "8",
        "--dry_run": "true",
        "--organization": "acme",
    }
    assert arguments[split + 1 :] == [str(tmp_path / "stacks"), "--mine"]
    assert json.loads(called["env"]["PULUMI_CONFIG"]) == {"colonnade:a": "1", "colonnade:b": "two"}
    assert json.loads(called["env"]["PULUMI_CONFIG_SECRET_KEYS"]) == ["colonnade:b"]
    assert called["cwd"] == str(tmp_path)
    assert Path(called["python"]).samefile(sys.executable)


def test_update_is_no_dry_run(host: Stub, executor: Path, tmp_path: Path) -> None:
    host.Run(run_request(tmp_path))
    assert "--dry_run" not in seen(executor)["argv"]
    assert "--organization" not in seen(executor)["argv"]


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("32", language.RunResponse(bail=True)),
        ("3", language.RunResponse(error="Program exited with non-zero exit code: 3")),
    ],
)
def test_run_reports_how_the_program_ended(
    host: Stub, executor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, answer: object
) -> None:
    monkeypatch.setenv("CODE", code)
    assert host.Run(run_request(tmp_path)) == answer
    assert executor.exists()


def test_run_uses_the_named_environment(
    host: Stub, executor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    place = environment(tmp_path)
    host.Run(run_request(tmp_path, info=info(tmp_path, virtualenv="environment")))
    variables = seen(executor)["env"]
    assert variables["VIRTUAL_ENV"] == str(place)
    assert variables["PATH"].startswith(f"{place / 'bin'}:")
    assert "PYTHONHOME" not in variables


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"virtualenv": "missing"}, "holds no bin/python; fix: run `pulumi install`"),
        ({"typechecker": "mypy"}, "runtime option typechecker is not known"),
        ({"toolchain": "poetry"}, "runtime option toolchain is 'poetry'"),
    ],
)
def test_options_that_cannot_be_honoured_are_refused(
    host: Stub, executor: Path, tmp_path: Path, options: dict[str, str], message: str
) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        host.Run(run_request(tmp_path, info=info(tmp_path, **options)))
    assert message in raised.value.details()
    assert not executor.exists()


def test_debugger_is_refused(host: Stub, tmp_path: Path) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        host.Run(run_request(tmp_path, attach_debugger=True))
    assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("how", ["cancel the call", "Cancel"])
def test_cancellation_ends_the_program(
    host: Stub, executor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("HANG", "1")
    call = host.Run.future(run_request(tmp_path))
    deadline = time.monotonic() + 20
    while not (executor.exists() and executor.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    started = time.monotonic()
    if how == "Cancel":
        host.Cancel(empty_pb2.Empty())
        assert call.result(timeout=10).error == "Program was ended by signal 9"
    else:
        call.cancel()
        assert call.cancelled()
    ended = threading.Event()
    while time.monotonic() - started < 10 and not ended.is_set():
        running = subprocess.run(["pgrep", "-f", str(executor.parent / "executor.py")], capture_output=True)
        if running.returncode:
            ended.set()
    assert ended.is_set()


def test_plugins_are_those_that_installed_sdks_name(host: Stub, tmp_path: Path) -> None:
    answer = host.GetRequiredPackages(language.GetRequiredPackagesRequest(info=info(tmp_path)))
    found = {package.name: (package.kind, package.version) for package in answer.packages}
    assert found["kubernetes"] == ("resource", "4.25.0")
    assert found["random"][1].startswith("4.")
    older = host.GetRequiredPlugins(language.GetRequiredPluginsRequest(info=info(tmp_path)))
    assert {plugin.name: (plugin.kind, plugin.version) for plugin in older.plugins} == found


def test_plugins_of_another_environment(host: Stub, tmp_path: Path) -> None:
    site = environment(tmp_path) / "lib" / "python3.11" / "site-packages"
    elsewhere = tmp_path / "elsewhere"
    described = {
        site / "pulumi_one": {
            "resource": True,
            "name": "one",
            "version": "1.2.3",
            "server": "https://plugins",
        },
        site / "pulumi_two": {"resource": False, "name": "two", "version": "1.0.0"},
        elsewhere / "three_sdk": {
            "resource": True,
            "name": "base",
            "version": "2.0.0",
            "parameterization": {"name": "three", "version": "3.0.0", "value": "YWJj"},
        },
    }
    for directory, content in described.items():
        directory.mkdir(parents=True)
        (directory / "pulumi-plugin.json").write_text(json.dumps(content))
    (site / "three.pth").write_text(f"{elsewhere}\nimport sys\n")
    answer = host.GetRequiredPackages(
        language.GetRequiredPackagesRequest(info=info(tmp_path, virtualenv="environment"))
    )
    base, one = answer.packages
    assert (one.name, one.version, one.server) == ("one", "1.2.3", "https://plugins")
    assert (base.name, base.version) == ("base", "2.0.0")
    assert base.parameterization.value == b"abc"


def plugin_request(directory: Path, kind: str, *args: str) -> language.RunPluginRequest:
    return language.RunPluginRequest(
        pwd=str(directory),
        kind=kind,
        args=args,
        env=[f"PATH={os.environ['PATH']}", "GREETING=hello=you"],
        info=language.ProgramInfo(
            root_directory=str(directory), program_directory=str(directory), entry_point="."
        ),
    )


def test_plugin_runs_and_streams_its_output(host: Stub, tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text(
        textwrap.dedent("""
            import os, sys
            print("port", sys.argv[1:], os.environ["GREETING"])
            print("trouble", file=sys.stderr)
            sys.exit(4)
        """)
    )
    answers = list(host.RunPlugin(plugin_request(tmp_path, "resource", "127.0.0.1:1")))
    assert b"".join(a.stdout for a in answers) == b"port ['127.0.0.1:1'] hello=you\n"
    assert b"".join(a.stderr for a in answers) == b"trouble\n"
    assert answers[-1].exitcode == 4


@pytest.mark.parametrize(
    ("kind", "project", "expected"),
    [
        ("analyzer", "", ["-m", "pulumi.policy", "addr", "{directory}"]),
        ("resource", "", ["{directory}", "addr"]),
        ("resource", "[project]\nname = 'my-components'\n", ["{directory}", "addr"]),
        (
            "resource",
            "[project]\nname = 'my-components'\n[build-system]\nrequires = []\n",
            ["-m", "pulumi.run.plugin", "my-components", "addr"],
        ),
    ],
)
def test_plugin_is_started_as_its_kind_wants(
    tmp_path: Path, kind: str, project: str, expected: list[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text(project)
    arguments = language_host._plugin_arguments(plugin_request(tmp_path, kind, "addr"))
    assert arguments == [part.format(directory=tmp_path) for part in expected]


def test_a_plugin_whose_call_is_given_up_ends(host: Stub, tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    call = host.RunPlugin(plugin_request(tmp_path, "resource"))
    process = int(next(call).stdout)
    call.cancel()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{process}").exists() and "Z" not in Path(f"/proc/{process}/stat").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("files", "commands"),
    [
        (["requirements.txt"], [["-m", "pip", "install", "-r", "requirements.txt"]]),
        (["pyproject.toml"], [["-m", "pip", "install", "."]]),
        (["pyproject.toml", "requirements.txt"], [["-m", "pip", "install", "-r", "requirements.txt"]]),
        ([], []),
    ],
)
def test_installation_prefers_what_is_most_exact(
    tmp_path: Path, files: list[str], commands: list[list[str]]
) -> None:
    for name in files:
        (tmp_path / name).touch()
    interpreter = language_host.Interpreter(info(tmp_path))
    assert language_host._installation(interpreter, tmp_path) == [
        ([sys.executable, *command], tmp_path) for command in commands
    ]


def test_installation_makes_the_environment_first(tmp_path: Path) -> None:
    interpreter = language_host.Interpreter(info(tmp_path, virtualenv="new"))
    assert language_host._installation(interpreter, tmp_path) == [
        ([sys.executable, "-m", "venv", str(tmp_path / "new")], tmp_path)
    ]


def test_installation_reports_a_failure(host: Stub, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("not a requirement !\n")
    request = language.InstallDependenciesRequest(
        info=language.ProgramInfo(root_directory=str(tmp_path), program_directory=str(tmp_path))
    )
    with pytest.raises(grpc.RpcError) as raised:
        list(host.InstallDependencies(request))
    assert "pip install -r requirements.txt` failed with exit code" in raised.value.details()


def test_about_and_dependencies(host: Stub, tmp_path: Path) -> None:
    about = host.About(language.AboutRequest(info=info(tmp_path)))
    assert about.version == sys.version.split()[0]
    assert about.executable == sys.executable
    every = host.GetProgramDependencies(
        language.GetProgramDependenciesRequest(info=info(tmp_path), transitiveDependencies=True)
    )
    assert {"grpcio", "colonnade"} <= {dependency.name.lower() for dependency in every.dependencies}
    top = host.GetProgramDependencies(language.GetProgramDependenciesRequest(info=info(tmp_path)))
    assert "colonnade" in {dependency.name for dependency in top.dependencies}
    assert "grpcio" not in {dependency.name for dependency in top.dependencies}


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("GenerateProgram", language.GenerateProgramRequest()),
        ("GenerateProject", language.GenerateProjectRequest()),
        ("GeneratePackage", language.GeneratePackageRequest()),
        ("Pack", language.PackRequest()),
        ("Link", language.LinkRequest()),
    ],
)
def test_generation_is_not_implemented_and_says_so(host: Stub, method: str, request_: object) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        getattr(host, method)(request_)
    assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "Colonnade's language host does not generate" in raised.value.details()


@pytest.mark.parametrize("module", ["bootstrap.engine.language_host", "bootstrap.engine.random_provider"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_executables_start_and_end_quietly(module: str, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", module, "127.0.0.1:1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert int(process.stdout.readline()) > 0
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
        assert (process.stdout.read(), process.stderr.read()) == ("", "")


@pytest.mark.parametrize("module", ["bootstrap.engine.language_host", "bootstrap.engine.random_provider"])
def test_executables_end_when_the_engine_was_killed(module: str) -> None:
    start = f"p = subprocess.Popen([sys.executable, '-m', '{module}', 'x']); print(p.pid); p.wait()"
    script = f"import subprocess, sys; {start}"
    parent = subprocess.Popen([sys.executable, "-uc", script], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        plugin = int(parent.stdout.readline())
        assert int(parent.stdout.readline()) > 0
        parent.kill()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{plugin}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_host_asks_for_the_address_of_the_engine() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bootstrap.engine.language_host"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "is started by the Pulumi engine" in ended.stderr
