"""The Python language host for an engine built from modules.

The engine asks a language host which plugins a program needs and to run it. Only what is needed to run Python
programs, plugins and policy packs is served; code generation answers UNIMPLEMENTED.
"""

# The protocol fixes names and signatures of the methods, and says what they mean.
# ruff: noqa: N802, ARG002, D102

import base64
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import IO, Any, NoReturn

from bootstrap.engine.protocol import bare_sdk, serve

if __name__ == "__main__":
    bare_sdk()

import grpc
from google.protobuf import empty_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import language_pb2 as language
from pulumi.runtime.proto import language_pb2_grpc, plugin_pb2

EXECUTOR = "pulumi-language-python-exec"
# The executor exits with it when it has shown the user's mistake already: a second error would only confuse.
_BAIL = 32
_OPTIONS = {"virtualenv", "toolchain"}


class RefusedError(Exception):
    """A request that cannot be served, with the status code that the engine gets."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        self.code = code
        super().__init__(message)


class Interpreter:
    """The Python that a program runs with.

    Args:
        info: The program as the engine describes it; its `virtualenv` option names an environment below the
            root directory. Without the option the program runs with the Python of this host.

    Raises:
        RefusedError: An option is unknown or its value is not of use.
    """

    def __init__(self, info: language.ProgramInfo) -> None:
        options = MessageToDict(info.options) if info.HasField("options") else {}
        unknown = sorted(options.keys() - _OPTIONS)
        if unknown:
            raise RefusedError(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"runtime option {', '.join(unknown)} is not known to Colonnade's language host;"
                f" it knows {', '.join(sorted(_OPTIONS))}",
            )
        toolchain = options.get("toolchain", "pip")
        if toolchain not in ("pip", "uv"):
            raise RefusedError(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"runtime option toolchain is {toolchain!r}; Colonnade's language host knows pip and uv",
            )
        named = options.get("virtualenv") or (".venv" if toolchain == "uv" else None)
        self.root = Path(info.root_directory)
        self.environment: Path | None = self.root / named if named else None

    @property
    def python(self) -> str:
        """The executable.

        Raises:
            RefusedError: The environment has none.
        """
        if self.environment is None:
            return sys.executable
        python = self.environment / "bin" / "python"
        if not os.access(python, os.X_OK):
            raise RefusedError(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"the virtual environment {self.environment}, which the runtime option virtualenv names,"
                " holds no bin/python; fix: run `pulumi install`",
            )
        return str(python)

    def variables(self, base: dict[str, str]) -> dict[str, str]:
        """Returns `base` as it is inside the environment."""
        if self.environment is None:
            return base
        inside = dict(base, VIRTUAL_ENV=str(self.environment))
        inside["PATH"] = f"{self.environment / 'bin'}{os.pathsep}{base.get('PATH', os.defpath)}"
        inside.pop("PYTHONHOME", None)
        return inside

    def search_path(self) -> list[str]:
        """Returns the directories that packages are imported from."""
        if self.environment is None or Path(sys.prefix).resolve() == self.environment.resolve():
            return [entry for entry in sys.path if entry]
        found: list[str] = []
        for site in sorted(self.environment.glob("lib/python3*/site-packages")):
            found.append(str(site))
            for link in sorted(site.glob("*.pth")):
                lines = (line.strip() for line in link.read_text(encoding="utf-8").splitlines())
                found.extend(str(site / line) for line in lines if line and (site / line).is_dir())
        return found


def required_packages(search_path: list[str]) -> list[plugin_pb2.PackageDependency]:
    """Returns the plugins that installed SDKs name in their pulumi-plugin.json, each once, by name."""
    found: dict[str, plugin_pb2.PackageDependency] = {}
    for directory in search_path:
        for description in sorted(Path(directory).glob("*/pulumi-plugin.json")):
            content = json.loads(description.read_text(encoding="utf-8"))
            if not content.get("resource"):
                continue
            name = content.get("name") or description.parent.name.removeprefix("pulumi_").replace("_", "-")
            package = plugin_pb2.PackageDependency(
                kind="resource",
                name=name,
                version=content.get("version") or _version(description.parent.name, search_path),
                server=content.get("server", ""),
            )
            if parameters := content.get("parameterization"):
                package.parameterization.name = parameters["name"]
                package.parameterization.version = parameters["version"]
                package.parameterization.value = base64.b64decode(parameters.get("value", ""))
            found.setdefault(name, package)
    return [found[name] for name in sorted(found)]


def _version(package: str, search_path: list[str]) -> str:
    for distribution in metadata.distributions(name=package, path=search_path):
        return distribution.version
    return ""


def _dependencies(search_path: list[str], transitive: bool) -> list[language.DependencyInfo]:
    installed = {d.name.lower().replace("_", "-"): d for d in metadata.distributions(path=search_path)}
    needed: set[str] = set()
    if not transitive:
        for distribution in installed.values():
            for requirement in distribution.requires or []:
                if "extra ==" not in requirement:
                    name = "".join(c if c.isalnum() or c in "-_." else " " for c in requirement).split()[0]
                    needed.add(name.lower().replace("_", "-"))
    return [
        language.DependencyInfo(name=distribution.name, version=distribution.version)
        for name, distribution in sorted(installed.items())
        if name not in needed
    ]


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Serves one engine.

    Args:
        engine: Address of the engine.
        tracing: The endpoint that programs send traces to, where there is one.
    """

    def __init__(self, engine: str, tracing: str | None = None) -> None:
        self._engine = engine
        self._tracing = tracing
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def Handshake(
        self, request: language.LanguageHandshakeRequest, context: grpc.ServicerContext
    ) -> language.LanguageHandshakeResponse:
        self._engine = request.engine_address or self._engine
        return language.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=metadata.version("colonnade"))

    def GetRequiredPackages(
        self, request: language.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> language.GetRequiredPackagesResponse:
        try:
            path = Interpreter(request.info).search_path()
        except RefusedError as refused:
            _abort(context, refused)
        return language.GetRequiredPackagesResponse(packages=required_packages(path))

    def GetRequiredPlugins(
        self, request: language.GetRequiredPluginsRequest, context: grpc.ServicerContext
    ) -> language.GetRequiredPluginsResponse:
        try:
            path = Interpreter(request.info).search_path()
        except RefusedError as refused:
            _abort(context, refused)
        return language.GetRequiredPluginsResponse(
            plugins=[
                plugin_pb2.PluginDependency(name=p.name, kind=p.kind, version=p.version, server=p.server)
                for p in required_packages(path)
            ]
        )

    def Run(self, request: language.RunRequest, context: grpc.ServicerContext) -> language.RunResponse:
        """Runs the program to its end; its output goes where the engine reads that of this host."""
        try:
            if request.attach_debugger:
                raise RefusedError(
                    grpc.StatusCode.UNIMPLEMENTED,
                    "Colonnade's language host attaches no debugger",
                )
            interpreter = Interpreter(request.info)
            command = [interpreter.python, "-u", _executor(), *self._arguments(request)]
        except RefusedError as refused:
            _abort(context, refused)
        variables = interpreter.variables(dict(os.environ))
        variables["PULUMI_CONFIG"] = json.dumps(dict(request.config))
        variables["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(list(request.configSecretKeys))
        program = self._start(command, context, cwd=request.pwd or None, env=variables)
        code = self._wait(program)
        if code == _BAIL:
            return language.RunResponse(bail=True)
        if code < 0:
            return language.RunResponse(error=f"Program was ended by signal {-code}")
        return language.RunResponse(error=f"Program exited with non-zero exit code: {code}" if code else "")

    def _arguments(self, request: language.RunRequest) -> list[str]:
        arguments = ["--monitor", request.monitor_address, "--engine", self._engine]
        arguments += ["--project", request.project, "--stack", request.stack, "--pwd", request.pwd]
        arguments += ["--root_directory", request.info.root_directory, "--parallel", str(request.parallel)]
        if request.dryRun:
            arguments += ["--dry_run", "true"]
        if request.organization:
            arguments += ["--organization", request.organization]
        if self._tracing:
            arguments += ["--tracing", self._tracing]
        info = request.info
        program = str(Path(info.program_directory, info.entry_point)) if info.entry_point else request.program
        # What follows is the program's own, dashes and all.
        return [*arguments, "--", program, *request.args]

    def RunPlugin(
        self, request: language.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[language.RunPluginResponse]:
        """Runs a provider or a policy pack written in Python and streams its output until it ends."""
        try:
            if request.attach_debugger:
                raise RefusedError(
                    grpc.StatusCode.UNIMPLEMENTED,
                    "Colonnade's language host attaches no debugger",
                )
            interpreter = Interpreter(request.info)
            command = [interpreter.python, "-u", *_plugin_arguments(request)]
        except RefusedError as refused:
            _abort(context, refused)
        analyzer = request.kind == "analyzer"
        plugin = self._start(
            command,
            context,
            cwd=request.info.program_directory if analyzer else request.pwd or None,
            env=interpreter.variables(dict(entry.split("=", 1) for entry in request.env)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        yield from _output(plugin, language.RunPluginResponse)
        yield language.RunPluginResponse(exitcode=self._wait(plugin))

    def InstallDependencies(
        self, request: language.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[language.InstallDependenciesResponse]:
        """Installs what the lock file, the requirements or the project metadata name, in this order."""
        try:
            interpreter = Interpreter(request.info)
            commands = _installation(interpreter, Path(request.info.program_directory or request.directory))
        except RefusedError as refused:
            _abort(context, refused)
        variables = interpreter.variables(dict(os.environ))
        if interpreter.environment is not None:
            variables["UV_PROJECT_ENVIRONMENT"] = str(interpreter.environment)
        for command, directory in commands:
            installer = self._start(
                command, context, cwd=directory, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            yield from _output(installer, language.InstallDependenciesResponse)
            code = self._wait(installer)
            if code:
                context.abort(grpc.StatusCode.UNKNOWN, f"`{' '.join(command)}` failed with exit code {code}")

    def About(self, request: language.AboutRequest, context: grpc.ServicerContext) -> language.AboutResponse:
        try:
            python = Interpreter(request.info).python
        except RefusedError as refused:
            _abort(context, refused)
        shown = subprocess.run([python, "--version"], capture_output=True, text=True, check=False).stdout
        return language.AboutResponse(
            executable=python,
            version=shown.removeprefix("Python").strip(),
            metadata={"host": f"colonnade {metadata.version('colonnade')}"},
        )

    def GetProgramDependencies(
        self, request: language.GetProgramDependenciesRequest, context: grpc.ServicerContext
    ) -> language.GetProgramDependenciesResponse:
        try:
            path = Interpreter(request.info).search_path()
        except RefusedError as refused:
            _abort(context, refused)
        return language.GetProgramDependenciesResponse(
            dependencies=_dependencies(path, request.transitiveDependencies)
        )

    def RuntimeOptionsPrompts(
        self, request: language.RuntimeOptionsRequest, context: grpc.ServicerContext
    ) -> language.RuntimeOptionsResponse:
        return language.RuntimeOptionsResponse()

    def Template(
        self, request: language.TemplateRequest, context: grpc.ServicerContext
    ) -> language.TemplateResponse:
        return language.TemplateResponse()

    def GenerateProgram(
        self, request: language.GenerateProgramRequest, context: grpc.ServicerContext
    ) -> language.GenerateProgramResponse:
        _generation(context, "a program")

    def GenerateProject(
        self, request: language.GenerateProjectRequest, context: grpc.ServicerContext
    ) -> language.GenerateProjectResponse:
        _generation(context, "a project")

    def GeneratePackage(
        self, request: language.GeneratePackageRequest, context: grpc.ServicerContext
    ) -> language.GeneratePackageResponse:
        _generation(context, "an SDK")

    def Pack(self, request: language.PackRequest, context: grpc.ServicerContext) -> language.PackResponse:
        _generation(context, "an SDK archive")

    def Link(self, request: language.LinkRequest, context: grpc.ServicerContext) -> language.LinkResponse:
        _generation(context, "a link to an SDK")

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Ends all programs and plugins that run."""
        self.stop()
        return empty_pb2.Empty()

    def stop(self) -> None:
        """Ends all programs and plugins that run, and all that they started."""
        with self._lock:
            running = list(self._running)
        for process in running:
            _kill(process)

    def _start(
        self, command: list[str], context: grpc.ServicerContext, **options: Any
    ) -> "subprocess.Popen[bytes]":
        # A group of its own: the engine interrupts the group of this host, and Python would answer with a
        # traceback.
        process: subprocess.Popen[bytes] = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, process_group=0, **options
        )
        with self._lock:
            self._running.add(process)
        # Called on cancellation too: an engine that gives up a call does not want its process any more.
        if not context.add_callback(lambda: _kill(process)):
            _kill(process)
        return process

    def _wait(self, process: "subprocess.Popen[bytes]") -> int:
        code = process.wait()
        with self._lock:
            self._running.discard(process)
        return code


def _kill(process: "subprocess.Popen[bytes]") -> None:
    # `poll` reaps: while it says None the group cannot belong to another process.
    if process.poll() is None:
        try:
            os.killpg(process.pid, 9)
        except ProcessLookupError:
            return


def _abort(context: grpc.ServicerContext, refused: RefusedError) -> NoReturn:
    context.abort(refused.code, str(refused))
    raise AssertionError("abort returns never")


def _generation(context: grpc.ServicerContext, what: str) -> NoReturn:
    _abort(
        context,
        RefusedError(
            grpc.StatusCode.UNIMPLEMENTED,
            f"Colonnade's language host does not generate {what}; use an official Pulumi installation",
        ),
    )


def _executor() -> str:
    beside = Path(sys.prefix, "bin", EXECUTOR)
    found = str(beside) if beside.is_file() else shutil.which(EXECUTOR)
    if found is None:
        raise RefusedError(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"{EXECUTOR} is neither beside the language host nor on PATH; fix: run `make setup`",
        )
    return found


def _plugin_arguments(request: language.RunPluginRequest) -> list[str]:
    directory = request.info.program_directory
    if request.kind == "analyzer":
        return ["-m", "pulumi.policy", *request.args, directory]
    description = Path(directory, "pyproject.toml")
    if description.is_file():
        project = tomllib.loads(description.read_text(encoding="utf-8"))
        name = project.get("project", {}).get("name")
        if name and "build-system" in project:
            return ["-m", "pulumi.run.plugin", name, *request.args]
    return [directory, *request.args]


def _installation(interpreter: Interpreter, directory: Path) -> list[tuple[list[str], Path]]:
    """Returns the commands that install a project, each with the directory it runs in."""
    for place in (directory, interpreter.root):
        if (place / "uv.lock").is_file():
            if shutil.which("uv") is None:
                raise RefusedError(
                    grpc.StatusCode.FAILED_PRECONDITION,
                    f"{place / 'uv.lock'} needs uv, which is not on PATH; fix: run `pip install uv`",
                )
            return [(["uv", "sync", "--locked"], place)]
    commands: list[tuple[list[str], Path]] = []
    python = sys.executable
    if interpreter.environment is not None:
        python = str(interpreter.environment / "bin" / "python")
        if not Path(python).exists():
            commands.append(([sys.executable, "-m", "venv", str(interpreter.environment)], directory))
    for place in (directory, interpreter.root):
        for name, wanted in (("requirements.txt", ["-r", "requirements.txt"]), ("pyproject.toml", ["."])):
            if (place / name).is_file():
                return [*commands, ([python, "-m", "pip", "install", *wanted], place)]
    return commands


def _output(process: "subprocess.Popen[bytes]", response: Any) -> Iterator[Any]:
    """Yields both streams of a process as they come, until both are at their end."""
    chunks: queue.Queue[Any] = queue.Queue()

    def pump(stream: IO[bytes], name: str) -> None:
        while chunk := os.read(stream.fileno(), 65536):
            chunks.put(response(**{name: chunk}))
        stream.close()
        chunks.put(None)

    streams = [(process.stdout, "stdout"), (process.stderr, "stderr")]
    for stream, name in streams:
        threading.Thread(target=pump, args=(stream, name), daemon=True).start()
    open_streams = len(streams)
    while open_streams:
        chunk = chunks.get()
        if chunk is None:
            open_streams -= 1
        else:
            yield chunk


def main() -> None:
    """Serves the engine whose address is the last argument."""
    arguments = sys.argv[1:]
    if not arguments or arguments[-1].startswith("-"):
        print("pulumi-language-python is started by the Pulumi engine with its address", file=sys.stderr)
        sys.exit(2)
    tracing = arguments[arguments.index("--tracing") + 1] if "--tracing" in arguments[:-1] else None
    host = LanguageHost(arguments[-1], tracing)
    serve(lambda server: language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server), host.stop)


if __name__ == "__main__":
    main()
