"""The protocol as an engine sees it, over a real connection."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from bootstrap.rehearsal.standin.account import Store
from bootstrap.rehearsal.standin.faults import Faults
from bootstrap.rehearsal.standin.model import UNKNOWN
from bootstrap.rehearsal.standin.server import Server, plugin_script, serve

from .conftest import BUCKET, POOL, VPC

Stub = provider_pb2_grpc.ResourceProviderStub
ALLOWED = {"region": "eu-central-1", "allowedAccountIds": '["123456789012"]'}


def struct(values: dict[str, Any]) -> struct_pb2.Struct:
    message = struct_pb2.Struct()
    message.update(values)
    return message


def urn(token: str, name: str = "x") -> str:
    return f"urn:pulumi:dev::p::my:index:Part${token}::{name}"


@pytest.fixture
def server(account: Store) -> Iterator[Server]:
    started = serve(account, Faults())
    yield started
    started.stop()


@pytest.fixture
def connect(server: Server) -> Iterator[Callable[..., Stub]]:
    channels = []

    def connect(**configuration: Any) -> Stub:
        # Without it, channels to one address share a connection; engines do not.
        options = [("grpc.use_local_subchannel_pool", 1)]
        channels.append(grpc.insecure_channel(f"127.0.0.1:{server.port}", options=options))
        stub = provider_pb2_grpc.ResourceProviderStub(channels[-1])
        stub.Configure(provider_pb2.ConfigureRequest(args=struct({**ALLOWED, **configuration})))
        return stub

    yield connect
    for channel in channels:
        channel.close()


@pytest.fixture
def engine(connect: Callable[..., Stub]) -> Stub:
    return connect(defaultTags='{"tags": {"owner": "me"}}')


def create(engine: Stub, token: str, inputs: dict[str, Any], **more: Any) -> provider_pb2.CreateResponse:
    return engine.Create(provider_pb2.CreateRequest(urn=urn(token), properties=struct(inputs), **more))


def test_the_whole_life_of_a_resource(engine: Stub, server: Server, account: Store) -> None:
    checked = engine.Check(provider_pb2.CheckRequest(urn=urn(VPC), news=struct({"cidrBlock": "10.0.0.0/16"})))
    inputs = MessageToDict(checked.inputs)
    assert inputs == {"cidrBlock": "10.0.0.0/16", "tagsAll": {"owner": "me"}}
    preview = create(engine, VPC, inputs, preview=True)
    assert (preview.id, preview.properties["arn"]) == ("", UNKNOWN)
    assert account.living() == []
    made = create(engine, VPC, inputs)
    read = engine.Read(provider_pb2.ReadRequest(id=made.id, urn=urn(VPC)))
    assert (read.id, MessageToDict(read.inputs), read.properties) == (made.id, inputs, made.properties)
    change = {
        "id": made.id,
        "urn": urn(VPC),
        "olds": made.properties,
        "old_inputs": struct(inputs),
        "news": struct(inputs | {"enableDnsSupport": False}),
    }
    difference = engine.Diff(provider_pb2.DiffRequest(**change))
    assert difference.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert (list(difference.diffs), list(difference.replaces)) == (["enableDnsSupport"], [])
    assert difference.detailedDiff["enableDnsSupport"].kind == provider_pb2.PropertyDiff.ADD
    updated = engine.Update(provider_pb2.UpdateRequest(**change))
    assert updated.properties["enableDnsSupport"] is False
    for _ in range(2):
        engine.Delete(provider_pb2.DeleteRequest(id=made.id, urn=urn(VPC), properties=made.properties))
    assert engine.Read(provider_pb2.ReadRequest(id=made.id, urn=urn(VPC))).id == ""
    operations = ["check", "preview", "create", "read", "diff", "update", "delete", "delete", "read"]
    assert [event.operation for event in server.provider.events] == operations
    assert {(event.type, event.name, event.refusal) for event in server.provider.events} == {(VPC, "x", None)}


def test_a_replacement_says_whether_the_old_goes_first(engine: Stub) -> None:
    request = provider_pb2.DiffRequest(
        urn=urn(BUCKET),
        old_inputs=struct({"bucket": "b"}),
        news=struct({"bucket": "b", "objectLockEnabled": True}),
    )
    found = engine.Diff(request)
    assert list(found.replaces) == ["objectLockEnabled"]
    assert found.deleteBeforeReplace
    assert found.detailedDiff["objectLockEnabled"].kind == provider_pb2.PropertyDiff.ADD_REPLACE


def test_check_names_every_fault(engine: Stub, server: Server) -> None:
    failures = engine.Check(provider_pb2.CheckRequest(urn=urn(VPC), news=struct({"cidr": 1.0}))).failures
    assert [failure.property for failure in failures] == ["cidr", "cidrBlock"]
    assert "unknown property; the closest is cidrBlock (pulumi_aws" in failures[0].reason
    assert failures[1].reason == "missing; the API requires it (the manual of networks)"
    refusal = server.provider.events[-1].refusal
    assert refusal is not None
    assert "cidrBlock: missing" in refusal


@pytest.mark.parametrize(
    ("ask", "code", "message"),
    [
        (lambda e: create(e, VPC, {"cidr": "x"}), "INVALID_ARGUMENT", "cidrBlock: missing"),
        (lambda e: create(e, "aws:ec2/eip:Eip", {}), "UNIMPLEMENTED", "no table for aws:ec2/eip:Eip"),
        (lambda e: create(e, "aws:ec2/vpc:Vcp", {}), "UNIMPLEMENTED", "no type aws:ec2/vpc:Vcp"),
        (
            lambda e: e.Check(provider_pb2.CheckRequest(urn=urn("aws:ec2/eip:Eip"))),
            "UNIMPLEMENTED",
            "no table for aws:ec2/eip:Eip",
        ),
        (
            lambda e: e.Diff(provider_pb2.DiffRequest(urn=urn(POOL), news=struct({"diskSize": 3}))),
            "UNIMPLEMENTED",
            "add diskSize to its `update` or `replace`",
        ),
        (
            lambda e: e.Invoke(provider_pb2.InvokeRequest(tok="aws:x:y")),
            "UNIMPLEMENTED",
            "no function aws:x:y",
        ),
        (
            lambda e: e.Invoke(provider_pb2.InvokeRequest(tok="aws:x:broken")),
            "INVALID_ARGUMENT",
            "name: no such thing (the manual)",
        ),
    ],
)
def test_what_is_refused_is_an_error_and_an_event(
    engine: Stub, server: Server, ask: Callable[[Stub], object], code: str, message: str
) -> None:
    with pytest.raises(grpc.RpcError) as error:
        ask(engine)
    assert error.value.code().name == code
    assert message in error.value.details()
    assert message in str(server.provider.events[-1].refusal)


def test_functions_answer_from_the_account(engine: Stub) -> None:
    request = provider_pb2.InvokeRequest(tok="aws:index/getAvailabilityZones:getAvailabilityZones")
    assert MessageToDict(getattr(engine.Invoke(request), "return")) == {"names": ["eu-central-1a"]}


def test_secret_outputs_are_marked(engine: Stub) -> None:
    zone = MessageToDict(create(engine, BUCKET, {"bucket": "b"}).properties)["hostedZoneId"]
    assert zone["4dabf18193072939515e22adb298388d"] == "1b47061264138c4ac30d75fd1eb44270"
    assert zone["value"].startswith("Z")


def test_each_connection_keeps_its_own_configuration(connect: Callable[..., Stub]) -> None:
    here, there = connect(), connect(region="us-east-1")
    regions = [
        create(stub, VPC, {"cidrBlock": "10.0.0.0/16"}).properties["region"] for stub in (here, there, here)
    ]
    assert regions == ["eu-central-1", "us-east-1", "eu-central-1"]


def test_another_account_is_refused_before_anything_happens(connect: Callable[..., Stub]) -> None:
    with pytest.raises(grpc.RpcError, match=r"allowedAccountIds\[\]: the account is 123456789012, not 1"):
        connect(allowedAccountIds='["1"]')


def test_the_configuration_is_checked(engine: Stub) -> None:
    def faults(**configuration: Any) -> list[str]:
        request = provider_pb2.CheckRequest(
            urn="urn:pulumi:d::p::pulumi:providers:aws::x", news=struct(configuration)
        )
        return [failure.property for failure in engine.CheckConfig(request).failures]

    assert faults(**ALLOWED, version="7.51.1", skipRegionValidation="true", maxRetries="3") == []
    assert faults(allowedAccountIds=["123456789012"]) == []
    found = faults(regoin="x", maxRetries="many", allowedAccountIds="[1]")
    assert sorted(found) == ["allowedAccountIds[0]", "maxRetries", "regoin"]


def test_a_connection_that_was_not_configured_makes_nothing(server: Server, account: Store) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        engine = provider_pb2_grpc.ResourceProviderStub(channel)
        with pytest.raises(grpc.RpcError, match="the provider was not configured"):
            create(engine, VPC, {"cidrBlock": "10.0.0.0/16"})
    assert account.living() == []


def test_secrets_arrive_in_plain_and_the_version_is_that_of_the_sdk(engine: Stub) -> None:
    assert not engine.Handshake(provider_pb2.ProviderHandshakeRequest()).accept_secrets
    assert engine.GetPluginInfo(empty_pb2.Empty()).version.startswith("7.")
    assert '"name": "aws"' in engine.GetSchema(provider_pb2.GetSchemaRequest()).schema


def test_a_creation_that_is_late_tells_the_engine_what_exists(
    engine: Stub, server: Server, account: Store
) -> None:
    server.provider.faults = Faults.parse("timeout:1")
    with pytest.raises(grpc.RpcError) as error:
        create(engine, BUCKET, {"bucket": "b"})
    assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    trailing = dict(error.value.trailing_metadata())
    status = status_pb2.Status.FromString(trailing["grpc-status-details-bin"])
    partial = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(partial)
    assert (partial.id, list(partial.reasons)) == (
        "b",
        ["id: not done in time [RequestTimeout] (rehearsed fault)"],
    )
    assert account.get(BUCKET, "b") is not None


def test_faults_hit_what_changes_the_account_alone(engine: Stub, server: Server) -> None:
    server.provider.faults = Faults.parse("throttle:1")
    create(engine, BUCKET, {"bucket": "b"}, preview=True)
    with pytest.raises(grpc.RpcError, match="too many requests"):
        create(engine, BUCKET, {"bucket": "b"})
    create(engine, BUCKET, {"bucket": "b"})
    with pytest.raises(grpc.RpcError, match="too many requests"):
        engine.Delete(provider_pb2.DeleteRequest(id="b", urn=urn(BUCKET)))


def test_the_plugin_names_the_port_and_goes_quietly_when_told(tmp_path: Path) -> None:
    script = tmp_path / "plugin"
    script.write_text(plugin_script(4711), encoding="utf-8")
    for number in (signal.SIGTERM, signal.SIGINT):
        with subprocess.Popen(["sh", str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as plugin:
            assert plugin.stdout is not None
            assert plugin.stderr is not None
            assert plugin.stdout.readline() == b"4711\n"
            plugin.send_signal(number)
            assert plugin.wait(timeout=10) == 0
            assert plugin.stderr.read() == b""


def test_the_plugin_ends_with_its_parent(tmp_path: Path) -> None:
    script = tmp_path / "plugin"
    script.write_text(plugin_script(4711), encoding="utf-8")
    # The shell between starts the plugin, names it, and ends.
    command = f"sh {script} >{tmp_path}/port & echo $!; sleep 0.5"
    plugin = int(subprocess.check_output(["sh", "-c", command], text=True))
    assert (tmp_path / "port").read_text() == "4711\n"
    deadline = time.monotonic() + 10
    while alive(plugin):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(process: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
