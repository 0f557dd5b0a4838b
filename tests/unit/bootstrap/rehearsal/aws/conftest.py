"""A rehearsed account, asked over the provider protocol as the engine asks it."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import grpc
import pytest
import yaml
from google.protobuf import struct_pb2
from google.protobuf.json_format import MessageToDict
from moto import mock_aws
from pulumi.runtime.proto import provider_pb2

from bootstrap.rehearsal.aws import aws
from bootstrap.rehearsal.standin.account import Store
from bootstrap.rehearsal.standin.faults import Faults
from bootstrap.rehearsal.standin.model import select
from bootstrap.rehearsal.standin.provider import Provider

ACCOUNT, REGION = "123456789012", "eu-central-1"
CLOUD = aws()
WORLD: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("world.yaml").read_text())


class RefusedByEngineError(Exception):
    """What the engine would show."""


class Context(grpc.ServicerContext):  # type: ignore[misc]
    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(name)

    def peer(self) -> str:
        return "engine"

    def abort(self, _: grpc.StatusCode, details: str) -> NoReturn:
        raise RefusedByEngineError(details)


Context.__abstractmethods__ = frozenset()


class Engine:
    """Asks the provider for one thing after another, and knows what was made by its name."""

    def __init__(self, file: Path, named: Mapping[str, dict[str, Any]], types: Mapping[str, str]) -> None:
        self.account = Store(CLOUD, ACCOUNT, REGION, file)
        self.provider = Provider(self.account, Faults())
        self.named, self.types = dict(named), dict(types)
        configuration = struct({"region": REGION, "allowedAccountIds": f'["{ACCOUNT}"]'})
        self.provider.Configure(provider_pb2.ConfigureRequest(args=configuration), Context())

    def check(self, type: str, inputs: dict[str, Any]) -> list[tuple[str, str]]:
        """Returns property and reason of each failure."""
        request = provider_pb2.CheckRequest(urn=urn(type), news=struct(self.resolved(inputs)))
        return [
            (failure.property, failure.reason) for failure in self.provider.Check(request, Context()).failures
        ]

    def create(self, name: str, type: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """Makes a resource and returns its outputs, `id` included.

        Raises:
            RefusedByEngineError: The cloud does not take it.
        """
        request = provider_pb2.CreateRequest(urn=urn(type), properties=struct(self.resolved(inputs)))
        created = self.provider.Create(request, Context())
        self.named[name], self.types[name] = {**MessageToDict(created.properties), "id": created.id}, type
        return self.named[name]

    def update(self, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """Changes a resource and returns its outputs.

        Raises:
            RefusedByEngineError: The cloud does not take the change.
        """
        type, id = self.types[name], self.named[name]["id"]
        living = self.account.get(type, id)
        assert living is not None
        request = provider_pb2.UpdateRequest(
            urn=urn(type),
            id=id,
            olds=struct(living.outputs),
            old_inputs=struct(living.inputs),
            news=struct({**living.inputs, **self.resolved(inputs)}),
        )
        self.named[name] |= MessageToDict(self.provider.Update(request, Context()).properties)
        return self.named[name]

    def delete(self, name: str) -> None:
        """Deletes a resource.

        Raises:
            RefusedByEngineError: The cloud keeps it.
        """
        request = provider_pb2.DeleteRequest(urn=urn(self.types[name]), id=self.named[name]["id"])
        self.provider.Delete(request, Context())

    def resolved(self, value: Any) -> Any:
        """Returns the value with `@name` and `@name.output` replaced by what they stand for."""
        if isinstance(value, Mapping):
            return {key: self.resolved(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [self.resolved(entry) for entry in value]
        if not (isinstance(value, str) and value.startswith("@")):
            return value
        name, _, output = value[1:].partition(".")
        return next(found for _, found in select(self.named[name], output or "id"))


def urn(type: str) -> str:
    return f"urn:pulumi:test::project::my:index:Parent${type}::instance"


def struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    message = struct_pb2.Struct()
    message.update(values)
    return message


@pytest.fixture(scope="session")
def first_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Engine]]:
    """The account of world.yaml, made once."""
    file = tmp_path_factory.mktemp("world") / "account.sqlite"
    engine = Engine(file, {}, {})
    for name, entry in WORLD.items():
        assert engine.check(entry["type"], entry["inputs"]) == []
        engine.create(name, entry["type"], entry["inputs"])
    yield file, engine
    engine.account.close()


@pytest.fixture
def world(first_world: tuple[Path, Engine], tmp_path: Path) -> Iterator[Engine]:
    """The account of world.yaml, for one test to change."""
    file, first = first_world
    copied = Path(shutil.copy(file, tmp_path))
    engine = Engine(copied, first.named, first.types)
    yield engine
    engine.account.close()


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Points boto3 at an account in this process."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "rehearsal")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        yield
