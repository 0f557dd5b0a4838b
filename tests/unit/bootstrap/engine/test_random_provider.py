import base64
import json
import string
from typing import Any

import bcrypt
import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from bootstrap.engine.random_provider.resources import TYPES, UNKNOWN

Stub = provider_pb2_grpc.ResourceProviderStub

NAMES = {token.rsplit(":", 1)[-1]: token for token in TYPES}
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
MINIMAL: dict[str, dict[str, Any]] = {
    "RandomPassword": {"length": 12},
    "RandomString": {"length": 12},
    "RandomId": {"byteLength": 8},
    "RandomPet": {},
    "RandomUuid": {},
    "RandomInteger": {"min": 3, "max": 5},
    "RandomBytes": {"length": 9},
}


def urn(name: str) -> str:
    return f"urn:pulumi:test::project::my:index:Parent${NAMES[name]}::instance"


def struct(values: dict[str, Any]) -> struct_pb2.Struct:
    message = struct_pb2.Struct()
    message.update(values)
    return message


def failures(provider: Stub, name: str, inputs: dict[str, Any]) -> dict[str, str]:
    checked = provider.Check(provider_pb2.CheckRequest(urn=urn(name), news=struct(inputs)))
    return {failure.property: failure.reason for failure in checked.failures}


def create(
    provider: Stub, name: str, inputs: dict[str, Any], preview: bool = False
) -> tuple[str, dict[str, Any]]:
    created = provider.Create(
        provider_pb2.CreateRequest(urn=urn(name), properties=struct(inputs), preview=preview)
    )
    return created.id, MessageToDict(created.properties)


def plain(outputs: dict[str, Any]) -> dict[str, Any]:
    return {
        n: v["value"] if isinstance(v, dict) and SECRET.items() <= v.items() else v
        for n, v in outputs.items()
    }


def replaces(
    provider: Stub, name: str, before: dict[str, Any], after: dict[str, Any], **more: Any
) -> list[str]:
    difference = provider.Diff(
        provider_pb2.DiffRequest(
            urn=urn(name), id="x", olds=struct(before), old_inputs=struct(before), news=struct(after), **more
        )
    )
    some = difference.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert some == bool(difference.replaces)
    assert set(difference.replaces) == set(difference.diffs) == set(difference.detailedDiff)
    return sorted(difference.replaces)


def test_every_type_has_a_case() -> None:
    assert MINIMAL.keys() == NAMES.keys()


@pytest.mark.parametrize("name", MINIMAL)
def test_minimal_inputs_pass_and_make_every_promised_output(provider: Stub, name: str) -> None:
    kind = TYPES[NAMES[name]]
    assert failures(provider, name, MINIMAL[name]) == {}
    identifier, outputs = create(provider, name, MINIMAL[name])
    assert identifier
    assert outputs["id"] == identifier
    assert {*kind.results, *MINIMAL[name]} <= outputs.keys()
    marked = {n for n, v in outputs.items() if isinstance(v, dict) and SECRET.items() <= v.items()}
    assert marked == kind.secret


@pytest.mark.parametrize("name", MINIMAL)
def test_two_resources_differ(provider: Stub, name: str) -> None:
    inputs = {"min": 0, "max": 2**60} if name == "RandomInteger" else MINIMAL[name]
    assert len({json.dumps(create(provider, name, inputs)[1], sort_keys=True) for _ in range(4)}) > 1


@pytest.mark.parametrize("name", MINIMAL)
def test_preview_promises_without_drawing(provider: Stub, name: str) -> None:
    identifier, outputs = create(provider, name, MINIMAL[name], preview=True)
    assert identifier == ""
    assert {plain(outputs)[result] for result in TYPES[NAMES[name]].results} <= {UNKNOWN}
    assert outputs["id"] == UNKNOWN


@pytest.mark.parametrize("name", MINIMAL)
def test_unchanged_inputs_change_nothing_and_keepers_replace(provider: Stub, name: str) -> None:
    inputs = MINIMAL[name]
    assert replaces(provider, name, inputs, inputs) == []
    # What the official plugin notes beside its inputs is no difference.
    assert replaces(provider, name, inputs | {"__defaults": []}, inputs) == []
    assert replaces(provider, name, inputs, inputs | {"keepers": {}}) == []
    assert replaces(provider, name, inputs, inputs | {"keepers": {"a": "1"}}) == ["keepers"]
    assert (
        replaces(
            provider,
            name,
            inputs | {"keepers": {"a": "1"}},
            inputs | {"keepers": {"a": "2"}},
            ignoreChanges=["keepers"],
        )
        == []
    )


@pytest.mark.parametrize("name", MINIMAL)
def test_unknown_property_is_a_failure(provider: Stub, name: str) -> None:
    assert "unknown property 'lenght'" in failures(provider, name, MINIMAL[name] | {"lenght": 1})["lenght"]


@pytest.mark.parametrize("name", [name for name, inputs in MINIMAL.items() if inputs])
def test_missing_property_is_a_failure(provider: Stub, name: str) -> None:
    for missing in MINIMAL[name]:
        rest = {n: v for n, v in MINIMAL[name].items() if n != missing}
        assert failures(provider, name, rest) == {missing: f"missing required property {missing!r}"}


@pytest.mark.parametrize(
    ("name", "inputs", "property_", "reason"),
    [
        ("RandomPassword", {"length": "12"}, "length", "must be an integer"),
        ("RandomPassword", {"length": 1.5}, "length", "must be an integer"),
        ("RandomPassword", {"length": True}, "length", "must be an integer"),
        ("RandomPassword", {"length": 0}, "length", "at least 1"),
        ("RandomPassword", {"length": 4, "upper": "yes"}, "upper", "must be a boolean"),
        ("RandomPassword", {"length": 4, "minUpper": -1}, "minUpper", "at least 0"),
        ("RandomPassword", {"length": 4, "minUpper": 3, "minLower": 2}, "length", "less than the minimums"),
        ("RandomPassword", {"length": 4, "overrideSpecial": 7}, "overrideSpecial", "must be a string"),
        ("RandomPassword", {"length": 4, "keepers": {"a": 1}}, "keepers", "map of strings"),
        ("RandomPassword", {"length": 4, "number": True, "numeric": False}, "number", "must not differ"),
        (
            "RandomString",
            {"length": 4, "upper": False, "lower": False, "numeric": False, "special": False},
            "length",
            "no class of characters",
        ),
        ("RandomId", {"byteLength": 0}, "byteLength", "at least 1"),
        ("RandomInteger", {"min": 5, "max": 3}, "min", "more than 'max'"),
        ("RandomInteger", {"min": 1, "max": 3, "seed": "a"}, "seed", "another generator"),
    ],
)
def test_bad_inputs_fail(
    provider: Stub, name: str, inputs: dict[str, Any], property_: str, reason: str
) -> None:
    found = failures(provider, name, inputs)
    assert list(found) == [property_]
    assert reason in found[property_]
    with pytest.raises(grpc.RpcError) as raised:
        create(provider, name, inputs)
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_all_faults_are_reported_at_once(provider: Stub) -> None:
    assert failures(provider, "RandomPassword", {"upper": 1, "nope": 1}).keys() == {"length", "upper", "nope"}


def test_unknown_values_pass_the_check_and_replace(provider: Stub) -> None:
    assert failures(provider, "RandomPassword", {"length": UNKNOWN, "minUpper": 50}) == {}
    assert replaces(provider, "RandomPassword", {"length": 4}, {"length": UNKNOWN}) == ["length"]


@pytest.mark.parametrize("name", ["RandomPassword", "RandomString"])
def test_characters_honour_length_classes_and_minimums(provider: Stub, name: str) -> None:
    inputs = {
        "length": 20, "minUpper": 3, "minLower": 2, "minNumeric": 4, "minSpecial": 5, "overrideSpecial": "~^",
    }  # fmt: skip
    for _ in range(20):
        drawn = plain(create(provider, name, inputs)[1])["result"]
        assert len(drawn) == 20
        assert sum(c in string.ascii_uppercase for c in drawn) >= 3
        assert sum(c in string.ascii_lowercase for c in drawn) >= 2
        assert sum(c in string.digits for c in drawn) >= 4
        assert sum(c in "~^" for c in drawn) >= 5
        assert set(drawn) <= set(string.ascii_letters + string.digits + "~^")
    digits = plain(
        create(provider, name, {"length": 40, "upper": False, "lower": False, "special": False})[1]
    )
    assert set(digits["result"]) <= set(string.digits)
    none = plain(create(provider, name, {"length": 80, "number": False})[1])
    assert not set(none["result"]) & set(string.digits)
    assert (none["number"], none["numeric"]) == (False, False)


def test_password_state_is_that_of_the_official_plugin(provider: Stub) -> None:
    identifier, outputs = create(provider, "RandomPassword", {"length": 80})
    values = plain(outputs)
    assert identifier == "none"
    assert bcrypt.checkpw(values["result"].encode()[:72], values["bcryptHash"].encode())
    assert values["bcryptHash"].startswith("$2b$10$")
    del values["result"], values["bcryptHash"]
    assert values == {
        "__meta": '{"schema_version":"3"}', "id": "none", "length": 80, "lower": True, "minLower": 0,
        "minNumeric": 0, "minSpecial": 0, "minUpper": 0, "number": True, "numeric": True, "special": True,
        "upper": True,
    }  # fmt: skip


def test_a_default_spelled_out_is_no_change(provider: Stub) -> None:
    assert (
        replaces(provider, "RandomPassword", {"length": 4}, {"length": 4, "special": True, "minUpper": 0})
        == []
    )
    assert (
        replaces(provider, "RandomPassword", {"length": 4, "number": False}, {"length": 4, "numeric": False})
        == []
    )
    assert replaces(provider, "RandomPassword", {"length": 4}, {"length": 5, "upper": False}) == [
        "length",
        "upper",
    ]


def test_string_is_its_own_identifier(provider: Stub) -> None:
    identifier, outputs = create(provider, "RandomString", {"length": 6})
    assert outputs["result"] == identifier


def test_identity_is_the_same_bytes_in_four_forms(provider: Stub) -> None:
    for _ in range(20):
        identifier, outputs = create(provider, "RandomId", {"byteLength": 5, "prefix": "p-"})
        drawn = base64.urlsafe_b64decode(identifier + "===")
        assert len(drawn) == 5
        assert outputs["b64Url"] == f"p-{identifier}"
        assert outputs["b64Std"] == "p-" + base64.b64encode(drawn).decode()
        assert outputs["dec"] == f"p-{int.from_bytes(drawn, 'big')}"
        assert outputs["hex"] == "p-" + drawn.hex()


@pytest.mark.parametrize(
    ("inputs", "separator", "count"),
    [({}, "-", 2), ({"length": 1}, "-", 1), ({"length": 4, "separator": "_", "prefix": "a"}, "_", 5)],
)
def test_pet_has_as_many_words_as_asked(
    provider: Stub, inputs: dict[str, Any], separator: str, count: int
) -> None:
    identifier, outputs = create(provider, "RandomPet", inputs)
    assert len(identifier.split(separator)) == count
    assert outputs["separator"] == separator
    assert not inputs.get("prefix") or identifier.startswith("a_")


def test_integer_stays_within_its_bounds(provider: Stub) -> None:
    drawn = {create(provider, "RandomInteger", {"min": -1, "max": 1})[1]["result"] for _ in range(60)}
    assert drawn == {-1, 0, 1}


def test_refresh_returns_the_state_and_keeps_secrets_marked(provider: Stub) -> None:
    _, outputs = create(provider, "RandomPassword", {"length": 5})
    read = provider.Read(
        provider_pb2.ReadRequest(
            id="none",
            urn=urn("RandomPassword"),
            inputs=struct({"length": 5}),
            properties=struct(plain(outputs)),
        )
    )
    assert read.id == "none"
    assert MessageToDict(read.properties) == outputs
    assert MessageToDict(read.inputs) == {"length": 5}


@pytest.mark.parametrize(
    ("name", "identifier", "inputs", "outputs"),
    [
        ("RandomPassword", "sesame", {"length": 6}, {"result": "sesame", "id": "none"}),
        ("RandomString", "sesame", {"length": 6}, {"result": "sesame", "id": "sesame"}),
        ("RandomId", "pre,_-8", {"byteLength": 2, "prefix": "pre"}, {"hex": "preffef", "id": "_-8"}),
        (
            "RandomUuid",
            "6ba7b810-9dad-41d1-80b4-00c04fd430c8",
            {},
            {"result": "6ba7b810-9dad-41d1-80b4-00c04fd430c8"},
        ),
        ("RandomBytes", "AQI=", {"length": 2}, {"hex": "0102", "id": "none"}),
    ],
)
def test_import(
    provider: Stub, name: str, identifier: str, inputs: dict[str, Any], outputs: dict[str, Any]
) -> None:
    read = provider.Read(provider_pb2.ReadRequest(id=identifier, urn=urn(name)))
    assert MessageToDict(read.inputs) == inputs
    assert outputs.items() <= plain(MessageToDict(read.properties)).items()
    assert replaces(provider, name, MessageToDict(read.inputs), inputs) == []


@pytest.mark.parametrize(
    ("name", "identifier"),
    [("RandomPet", "a-b"), ("RandomUuid", "x"), ("RandomId", "a b"), ("RandomBytes", "a")],
)
def test_import_of_what_cannot_be_is_refused(provider: Stub, name: str, identifier: str) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        provider.Read(provider_pb2.ReadRequest(id=identifier, urn=urn(name)))
    assert raised.value.code() in (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INVALID_ARGUMENT)


def test_unknown_type_is_an_error_in_every_call(provider: Stub) -> None:
    other = "urn:pulumi:test::project::random:index/randomShuffle:RandomShuffle::instance"
    for call in (
        lambda: provider.Check(provider_pb2.CheckRequest(urn=other)),
        lambda: provider.Diff(provider_pb2.DiffRequest(urn=other)),
        lambda: provider.Create(provider_pb2.CreateRequest(urn=other)),
        lambda: provider.Read(provider_pb2.ReadRequest(urn=other)),
        lambda: provider.Update(provider_pb2.UpdateRequest(urn=other)),
        lambda: provider.Delete(provider_pb2.DeleteRequest(urn=other)),
    ):
        with pytest.raises(grpc.RpcError) as raised:
            call()
        assert "does not know the type random:index/randomShuffle:RandomShuffle" in raised.value.details()


def test_update_is_refused_and_delete_forgets(provider: Stub) -> None:
    with pytest.raises(grpc.RpcError, match="cannot change in place"):
        provider.Update(provider_pb2.UpdateRequest(urn=urn("RandomPet")))
    provider.Delete(provider_pb2.DeleteRequest(urn=urn("RandomPet"), id="a-b"))


def test_configuration_is_empty(provider: Stub) -> None:
    accepted = provider.CheckConfig(provider_pb2.CheckRequest(news=struct({"version": "4.21.4"})))
    assert not accepted.failures
    refused = provider.CheckConfig(provider_pb2.CheckRequest(news=struct({"region": "x"})))
    assert [failure.property for failure in refused.failures] == ["region"]
    assert provider.Configure(provider_pb2.ConfigureRequest()).supportsPreview
    assert provider.GetPluginInfo(empty_pb2.Empty()).version.startswith("4.")


def test_schema_agrees_with_the_sdk(provider: Stub) -> None:
    schema = json.loads(provider.GetSchema(provider_pb2.GetSchemaRequest()).schema)
    import pulumi_random

    for token, described in schema["resources"].items():
        resource = getattr(pulumi_random, token.rsplit(":", 1)[-1])
        for name in described["properties"]:
            snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
            assert hasattr(resource, snake), f"{token} has no {snake}"
