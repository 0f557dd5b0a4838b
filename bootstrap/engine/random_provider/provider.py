"""The provider protocol over the resource types."""

# The protocol fixes names and signatures of the methods, and says what they mean.
# ruff: noqa: N802, ARG002, D102

import json
from collections.abc import Mapping
from importlib import metadata
from typing import Any, NoReturn

import grpc
from google.protobuf import empty_pb2, struct_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as provider

from bootstrap.engine.random_provider.resources import TYPES, UNKNOWN, Drawn, ResourceType, UnadoptableError

# The protocol fixes how a secret value is marked.
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a marker, not a secret
# What the engine itself adds to the configuration of a provider.
_CONFIGURATION = {"version", "pluginDownloadURL", "pluginChecksums"}


def version() -> str:
    """Returns the version of the installed SDK, whose resources this plugin serves."""
    return metadata.version("pulumi-random")


class RandomProvider(provider_pb2_grpc.ResourceProviderServicer):
    """Serves one engine.

    Every fault of a resource's inputs is a check failure; a type that is not known is an error, never a pass.
    """

    def Handshake(
        self, request: provider.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider.ProviderHandshakeResponse:
        # Without them the engine hands over plain values and marks again what was secret.
        return provider.ProviderHandshakeResponse(accept_secrets=False)

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=version())

    def GetSchema(
        self, request: provider.GetSchemaRequest, context: grpc.ServicerContext
    ) -> provider.GetSchemaResponse:
        return provider.GetSchemaResponse(schema=json.dumps(schema()))

    def CheckConfig(
        self, request: provider.CheckRequest, context: grpc.ServicerContext
    ) -> provider.CheckResponse:
        failures = [
            provider.CheckFailure(property=name, reason=f"unknown property {name!r}; the provider has none")
            for name in sorted(request.news)
            if name not in _CONFIGURATION and not name.startswith("__")
        ]
        return provider.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(
        self, request: provider.DiffRequest, context: grpc.ServicerContext
    ) -> provider.DiffResponse:
        return provider.DiffResponse(changes=provider.DiffResponse.DIFF_NONE)

    def Configure(
        self, request: provider.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider.ConfigureResponse:
        return provider.ConfigureResponse(acceptSecrets=False, supportsPreview=True, acceptResources=False)

    def Invoke(
        self, request: provider.InvokeRequest, context: grpc.ServicerContext
    ) -> provider.InvokeResponse:
        _refuse(context, grpc.StatusCode.UNIMPLEMENTED, f"the random provider has no function {request.tok}")

    def Check(self, request: provider.CheckRequest, context: grpc.ServicerContext) -> provider.CheckResponse:
        faults = _type(request.urn, context).check(MessageToDict(request.news))
        return provider.CheckResponse(
            inputs=request.news,
            failures=[provider.CheckFailure(property=name, reason=reason) for name, reason in faults],
        )

    def Diff(self, request: provider.DiffRequest, context: grpc.ServicerContext) -> provider.DiffResponse:
        """Compares complete inputs: a default that is spelled out changes nothing, all else replaces."""
        resource = _type(request.urn, context)
        old = request.old_inputs if request.HasField("old_inputs") else request.olds
        before = resource.complete(MessageToDict(old))
        after = resource.complete(MessageToDict(request.news))
        for ignored in request.ignoreChanges:
            after.pop(ignored, None)
            before.pop(ignored, None)
        changed = [name for name in resource.properties if _value(before, name) != _value(after, name)]
        kinds = provider.PropertyDiff
        detail = {
            name: provider.PropertyDiff(
                kind=kinds.ADD_REPLACE
                if name not in before
                else kinds.DELETE_REPLACE
                if name not in after
                else kinds.UPDATE_REPLACE,
                inputDiff=True,
            )
            for name in changed
        }
        return provider.DiffResponse(
            changes=provider.DiffResponse.DIFF_SOME if changed else provider.DiffResponse.DIFF_NONE,
            replaces=changed,
            diffs=changed,
            detailedDiff=detail,
            hasDetailedDiff=True,
        )

    def Create(
        self, request: provider.CreateRequest, context: grpc.ServicerContext
    ) -> provider.CreateResponse:
        resource = _type(request.urn, context)
        inputs = MessageToDict(request.properties)
        if request.preview:
            drawn = Drawn("", dict.fromkeys((*resource.results, "id"), UNKNOWN))
        else:
            faults = resource.check(inputs)
            if faults:
                _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "; ".join(reason for _, reason in faults))
            drawn = resource.draw(resource.complete(inputs))
        return provider.CreateResponse(id=drawn.identifier, properties=_state(resource, inputs, drawn))

    def Read(self, request: provider.ReadRequest, context: grpc.ServicerContext) -> provider.ReadResponse:
        """Returns the state as it is, for nothing outside holds the value; without a state, imports."""
        resource = _type(request.urn, context)
        outputs = MessageToDict(request.properties)
        if outputs:
            return provider.ReadResponse(
                id=request.id, inputs=request.inputs, properties=_struct(outputs, resource.secret)
            )
        if resource.adopt is None:
            _refuse(context, grpc.StatusCode.UNIMPLEMENTED, f"{resource.token} cannot be imported")
        try:
            inputs, drawn = resource.adopt(request.id)
        except UnadoptableError as error:
            _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        return provider.ReadResponse(
            id=drawn.identifier, inputs=_struct(inputs), properties=_state(resource, inputs, drawn)
        )

    def Update(
        self, request: provider.UpdateRequest, context: grpc.ServicerContext
    ) -> provider.UpdateResponse:
        token = _type(request.urn, context).token
        _refuse(
            context, grpc.StatusCode.FAILED_PRECONDITION, f"{token} cannot change in place, only be replaced"
        )

    def Delete(self, request: provider.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Forgets: a value exists in the state alone."""
        _type(request.urn, context)
        return empty_pb2.Empty()

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()


def schema() -> dict[str, Any]:
    """Returns the Pulumi schema of the types that this plugin serves."""
    kinds: dict[str, dict[str, Any]] = {
        "strings": {"type": "object", "additionalProperties": {"type": "string"}},
    }
    resources: dict[str, Any] = {}
    for token, resource in TYPES.items():
        inputs = {name: kinds.get(p.kind, {"type": p.kind}) for name, p in resource.properties.items()}
        number = token.endswith("RandomInteger")
        results: dict[str, Any] = {
            name: {"type": "integer" if number else "string"}
            | ({"secret": True} if name in resource.secret else {})
            for name in resource.results
        }
        resources[token] = {
            "inputProperties": inputs,
            "requiredInputs": [name for name, p in resource.properties.items() if p.required],
            "properties": inputs | results,
            "required": sorted(
                [*resource.results, *(n for n, p in resource.properties.items() if p.required)]
            ),
        }
    return {"name": "random", "version": version(), "resources": resources, "provider": {}}


def _type(urn: str, context: grpc.ServicerContext) -> ResourceType:
    token = urn.split("::")[2].rsplit("$", 1)[-1]
    if token not in TYPES:
        known = ", ".join(sorted(name.rsplit(":", 1)[-1] for name in TYPES))
        _refuse(
            context,
            grpc.StatusCode.UNIMPLEMENTED,
            f"Colonnade's random provider does not know the type {token}; it knows {known}",
        )
    return TYPES[token]


def _value(values: Mapping[str, Any], name: str) -> Any:
    value = values.get(name)
    # Keepers that hold nothing keep nothing: the official plugin replaces for values alone.
    return (
        {key: entry for key, entry in value.items() if entry is not None} or None
        if isinstance(value, dict)
        else value
    )


def _state(resource: ResourceType, inputs: Mapping[str, Any], drawn: Drawn) -> struct_pb2.Struct:
    outputs = resource.complete(inputs) | {"id": drawn.identifier} | drawn.outputs
    if resource.schema_version:
        outputs["__meta"] = json.dumps(
            {"schema_version": str(resource.schema_version)}, separators=(",", ":")
        )
    return _struct(outputs, resource.secret)


def _struct(values: Mapping[str, Any], secret: frozenset[str] = frozenset()) -> struct_pb2.Struct:
    message = struct_pb2.Struct()
    message.update(
        {
            n: {_SIGNATURE: _SECRET, "value": v} if n in secret and v is not None else v
            for n, v in values.items()
        }
    )
    return message


def _refuse(context: grpc.ServicerContext, code: grpc.StatusCode, message: str) -> NoReturn:
    context.abort(code, message)
    raise AssertionError("abort returns never")
