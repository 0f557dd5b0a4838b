"""The harness of all unit tests: programs run against recording mocks, and tests that test nothing fail.

Run a program, then look at what would have gone to the engine:

    def test_pods_are_not_root(run_program):
        recorded = run_program(lambda: Workload("db", WorkloadArgs(...)))
        pod = recorded.one("kubernetes:apps/v1:Deployment").inputs["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert recorded.value(recorded.result.host) == "db.data.svc"

- `recorded.result` is what the program returned; `recorded.value(x)` is the value of an output (or of what
  holds outputs), `recorded.is_secret(x)` whether it is secret. Assert on these *after* the run: an `assert`
  in a function given to `apply` may never run, so a test file that has one is not collected.
- A resource has `type, name, inputs, secrets, provider, parent, protect, aliases, dependencies,
  delete_before_replace, retain_on_delete, ignore_changes`. `inputs` are the wire inputs in plain, with whole
  numbers as int; `secrets` are the dotted paths of those that are secret on the wire.
- `run_program(program, preview=True, unknown=["kubernetes:core/v1:Secret"])` leaves outputs of those types
  unknown, as in the preview of a stack that does not exist yet.
- `run_program(program, outputs={"random:index/randomId:RandomId": {"hex": "00"}})` adds outputs of a type; a
  function gets the resource and returns them. Kubernetes objects get a uid by themselves, passwords a result.
- `run_program(program, calls={"aws:index/getRegion:getRegion": {"region": "eu-central-1"}})` answers calls
  of functions; a function gets their arguments and returns the answer. Others are answered by nothing.
- An exception in the program, in an output or in a registration fails the test.
"""

import ast
import asyncio
import os
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime import mocks, rpc, settings, stack

CLOUD_PREFIXES = ("AWS_", "AZURE_", "ARM_", "GOOGLE_", "CLOUDSDK_", "KUBECONFIG", "KUBERNETES_")
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"

Outputs = Mapping[str, Any] | Callable[["Resource"], Mapping[str, Any]]
Answer = Mapping[str, Any] | Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True)
class Resource:
    """One resource as the engine would have been asked to register it."""

    type: str
    name: str
    urn: str
    custom: bool
    inputs: dict[str, Any]
    secrets: frozenset[str]
    provider: str
    providers: dict[str, str]
    parent: str
    protect: bool
    aliases: tuple[str, ...]
    dependencies: tuple[str, ...]
    delete_before_replace: bool
    retain_on_delete: bool
    ignore_changes: tuple[str, ...]


@dataclass
class Recorded:
    """What a program registered, and the values of its outputs."""

    loop: asyncio.AbstractEventLoop
    resources: list[Resource] = field(default_factory=list)
    registered_outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    result: Any = None

    def all(self, type_: str, name: str | None = None) -> list[Resource]:
        """Returns the resources of that type (and name)."""
        return [r for r in self.resources if r.type == type_ and (name is None or r.name == name)]

    def one(self, type_: str, name: str | None = None) -> Resource:
        """Returns the only resource of that type (and name); fails where there is none or there are more."""
        found = self.all(type_, name)
        present = ", ".join(sorted(f"{r.type} {r.name}" for r in self.resources))
        assert len(found) == 1, f"{len(found)} of {type_} {name or ''}; registered are: {present}"
        return found[0]

    def value(self, output: Any) -> Any:
        """Returns the value of an output, or of a structure that holds outputs; fails where it is unknown."""
        wrapped = pulumi.Output.from_input(output)

        async def settle() -> tuple[bool, Any]:
            return await wrapped.is_known(), await wrapped.future()

        known, value = self.loop.run_until_complete(settle())
        assert known, "the output is unknown"
        return value

    def is_secret(self, output: Any) -> bool:
        """Tells whether an output is secret."""
        return self.loop.run_until_complete(pulumi.Output.from_input(output).is_secret())


class Recorder(mocks.MockMonitor):
    """A monitor that keeps what mocks do not show: options, secrets and references, as sent over the wire."""

    def __init__(
        self,
        recorded: Recorded,
        outputs: Mapping[str, Outputs],
        unknown: Iterable[str],
        calls: Mapping[str, Answer],
    ) -> None:
        super().__init__(_NoMocks())
        self._calls = calls
        self._recorded = recorded
        self._outputs = outputs
        self._unknown = frozenset(unknown)

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return mocks.resource_pb2.RegisterResourceResponse(urn=urn)
        secrets: set[str] = set()
        resource = Resource(
            type=request.type,
            name=request.name,
            urn=urn,
            custom=request.custom,
            inputs=_plain(request.object, "", secrets),
            secrets=frozenset(secrets),
            provider=request.provider,
            providers=dict(request.providers),
            parent=request.parent,
            protect=request.protect,
            aliases=tuple(_alias(alias) for alias in request.aliases),
            dependencies=tuple(request.dependencies),
            delete_before_replace=request.deleteBeforeReplace,
            retain_on_delete=request.retainOnDelete,
            ignore_changes=tuple(request.ignoreChanges),
        )
        assert not any(known.urn == urn for known in self._recorded.resources), f"registered twice: {urn}"
        self._recorded.resources.append(resource)
        state = struct_pb2.Struct()
        state.CopyFrom(request.object)
        for key, value in self._state(resource).items():
            state.update({key: value})
        id_ = f"{request.name}-id" if request.custom else ""
        self.resources[urn] = mocks.MockMonitor.ResourceRegistration(urn, id_, resource.inputs)
        return mocks.resource_pb2.RegisterResourceResponse(urn=urn, id=id_, object=state)

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        self._recorded.registered_outputs[request.urn] = _plain(request.outputs, "", set())
        return super().RegisterResourceOutputs(request)

    def Invoke(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        if request.tok.startswith("pulumi:"):
            return super().Invoke(request)
        # The base's would leave an event loop open in the thread of every call.
        answer = self._calls.get(request.tok, {})
        returned = struct_pb2.Struct()
        returned.update(answer(_plain(request.args, "", set())) if callable(answer) else answer)
        return mocks.resource_pb2.ResourceInvokeResponse(**{"return": returned})

    def _state(self, resource: Resource) -> dict[str, Any]:
        """Returns the outputs that differ from the inputs."""
        if resource.type in self._unknown:
            return dict.fromkeys([*resource.inputs, "status", "result"], rpc.UNKNOWN)
        state: dict[str, Any] = {}
        metadata = resource.inputs.get("metadata")
        if resource.type.startswith("kubernetes:") and isinstance(metadata, dict):
            state["metadata"] = {**metadata, "uid": f"uid-of-{resource.name}"}
        if resource.type == "random:index/randomPassword:RandomPassword":
            state["result"] = _secret(f"generated-{resource.name}")
        given = self._outputs.get(resource.type, {})
        return {**state, **(given(resource) if callable(given) else given)}


class _NoMocks(mocks.Mocks):
    """Answers calls with nothing; neither calls nor registrations of a test reach it."""

    def call(self, args: mocks.MockCallArgs) -> Any:  # noqa: ARG002 - the base's signature
        return {}

    def new_resource(self, args: mocks.MockResourceArgs) -> Any:
        raise AssertionError(f"a registration of {args.typ} went around the recorder")


Program = Callable[[], Any]
RunProgram = Callable[..., Recorded]


@pytest.fixture
def run_program() -> Generator[RunProgram]:
    """Returns the function that runs a program against recording mocks; see the top of this file."""
    loops: list[asyncio.AbstractEventLoop] = []

    def run(
        program: Program,
        *,
        preview: bool = False,
        unknown: Sequence[str] = (),
        outputs: Mapping[str, Outputs] | None = None,
        calls: Mapping[str, Answer] | None = None,
        config: Mapping[str, str] | None = None,
        project: str = "colonnade",
        stack_name: str = "test",
    ) -> Recorded:
        assert preview or not unknown, "outputs are unknown in a preview only"
        loop = asyncio.new_event_loop()
        loops.append(loop)
        asyncio.set_event_loop(loop)
        recorded = Recorded(loop)
        pulumi.runtime.set_all_config(dict(config or {}))
        settings.SETTINGS.outputs.clear()
        settings.reset_options()
        recorder = Recorder(recorded, outputs or {}, unknown, calls or {})
        pulumi.runtime.set_mocks(
            _NoMocks(), project=project, stack=stack_name, preview=preview, monitor=recorder
        )

        def remember() -> None:
            recorded.result = program()

        try:
            loop.run_until_complete(stack.run_pulumi_func(remember))
        except BaseException:
            # The first error is the test's; those that followed from it would only be printed over it.
            loop.set_exception_handler(lambda _loop, _context: None)
            raise
        # Registrations run side by side, so that the order in which they arrive says nothing.
        recorded.resources.sort(key=lambda resource: (resource.type, resource.name))
        return recorded

    yield run
    for loop in loops:
        loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture(autouse=True)
def no_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hides the clouds and clusters of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith(CLOUD_PREFIXES):
            monkeypatch.delenv(name)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, pytest.CollectReport]:
    """Fails a test file or class that collects nothing, or whose assertions could be skipped silently."""
    report = yield
    if not report.passed or not isinstance(collector, pytest.Module | pytest.Class):
        return report
    fault = None
    if not report.result:
        fault = f"{collector.nodeid} collects no test"
    elif isinstance(collector, pytest.Module) and (lines := asserts_in_apply(collector.path.read_text())):
        fault = (
            f"{collector.nodeid}: assert in a function given to apply (line {', '.join(map(str, lines))}) "
            "may never run; use recorded.value(...) and assert outside"
        )
    if fault:
        report.outcome = "failed"
        report.longrepr = fault
        report.result = []
    return report


def asserts_in_apply(source: str) -> list[int]:
    """Returns the lines of assertions in functions that are given to `apply` by name."""
    tree = ast.parse(source)
    given = {
        argument.id
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "apply"
        for argument in [*call.args, *(keyword.value for keyword in call.keywords)]
        if isinstance(argument, ast.Name)
    }
    return sorted(
        node.lineno
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and function.name in given
        for node in ast.walk(function)
        if isinstance(node, ast.Assert)
    )


def _plain(value: Any, path: str, secrets: set[str]) -> Any:
    """Returns a wire value in plain, adding the dotted paths of secret parts to `secrets`."""
    if isinstance(value, struct_pb2.Struct):
        fields = {key: value.fields[key] for key in value.fields}
        if SIGNATURE in fields and fields[SIGNATURE].string_value == SECRET_SIGNATURE:
            secrets.add(path)
            return _plain(fields["value"], path, secrets)
        return {key: _plain(item, f"{path}.{key}" if path else key, secrets) for key, item in fields.items()}
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _plain(value.struct_value, path, secrets)
    if kind == "list_value":
        return [
            _plain(item, f"{path}[{index}]", secrets) for index, item in enumerate(value.list_value.values)
        ]
    if kind == "number_value":
        return int(value.number_value) if value.number_value.is_integer() else value.number_value
    return None if kind in (None, "null_value") else getattr(value, kind)


def _secret(value: Any) -> dict[str, Any]:
    """Returns a value as the wire marks it secret."""
    return {SIGNATURE: SECRET_SIGNATURE, "value": value}


def _alias(alias: Any) -> str:
    """Returns an alias as its URN, or as the name or type that differed."""
    if alias.WhichOneof("alias") == "urn":
        return str(alias.urn)
    return str(alias.spec.name or alias.spec.type or alias.spec.parentUrn)
