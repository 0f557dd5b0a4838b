"""The provider protocol over the operations of a rehearsed cloud."""

# The protocol fixes names and signatures of the methods, and says what they mean.
# ruff: noqa: N802, ARG002, D102

import json
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import grpc
from google.protobuf import any_pb2, empty_pb2, struct_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc, status_pb2
from pulumi.runtime.proto import provider_pb2 as provider

from bootstrap.rehearsal.standin import check
from bootstrap.rehearsal.standin.account import Store
from bootstrap.rehearsal.standin.diff import UnknownBehaviourError
from bootstrap.rehearsal.standin.faults import Faults
from bootstrap.rehearsal.standin.model import UNKNOWN, Refusal, RefusedError, select
from bootstrap.rehearsal.standin.operations import Operations
from bootstrap.rehearsal.standin.sdk import UnknownTypeError
from bootstrap.rehearsal.standin.table import TableError

# The protocol fixes how a secret value is marked.
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a marker, not a secret
# What the engine itself adds to the configuration of a provider.
_ENGINES = {"version", "pluginDownloadURL", "pluginChecksums"}


@dataclass(frozen=True)
class Event:
    """One operation that the provider was asked for; `refusal` says why it did not happen."""

    operation: str
    type: str
    name: str
    seconds: float
    refusal: str | None


@dataclass
class _Outcome:
    refusal: str | None = None
    partial: provider.ErrorResourceInitFailed | None = None


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Serves all engines of a rehearsal, one connection for each provider resource of a program.

    Attributes:
        events: What was asked for, in the order in which it ended.
        faults: What goes wrong on purpose; may be replaced at any time.
    """

    def __init__(self, account: Store, faults: Faults) -> None:
        self._account, self.faults = account, faults
        self._operations = Operations(account)
        self._configurations: dict[str, dict[str, Any]] = {}
        self.events: list[Event] = []

    def Handshake(
        self, request: provider.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider.ProviderHandshakeResponse:
        # Without them the engine hands over plain values and marks again what was secret.
        return provider.ProviderHandshakeResponse(accept_secrets=False)

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self._operations.sdk.version)

    def GetSchema(
        self, request: provider.GetSchemaRequest, context: grpc.ServicerContext
    ) -> provider.GetSchemaResponse:
        named = {"name": self._account.cloud.name, "version": self._operations.sdk.version}
        return provider.GetSchemaResponse(schema=json.dumps(named))

    def CheckConfig(
        self, request: provider.CheckRequest, context: grpc.ServicerContext
    ) -> provider.CheckResponse:
        with self._event("check", request.urn, context) as event:
            refusals = self._misconfigured(self._configuration(_plain(request.news)))
            event.refusal = str(RefusedError(refusals)) if refusals else None
        return provider.CheckResponse(inputs=request.news, failures=_failures(refusals))

    def DiffConfig(
        self, request: provider.DiffRequest, context: grpc.ServicerContext
    ) -> provider.DiffResponse:
        same = _plain(request.old_inputs) == _plain(request.news)
        kinds = provider.DiffResponse
        return provider.DiffResponse(changes=kinds.DIFF_NONE if same else kinds.DIFF_SOME)

    def Configure(
        self, request: provider.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider.ConfigureResponse:
        configuration = self._configuration(_plain(request.args))
        refusals = self._misconfigured(configuration)
        if refusals:
            _abort(context, grpc.StatusCode.INVALID_ARGUMENT, str(RefusedError(refusals)))
        # Each provider resource starts a plugin, and each plugin is a connection.
        self._configurations[context.peer()] = configuration
        return provider.ConfigureResponse(acceptSecrets=False, supportsPreview=True, acceptResources=False)

    def Invoke(
        self, request: provider.InvokeRequest, context: grpc.ServicerContext
    ) -> provider.InvokeResponse:
        with self._event("invoke", f"::::{request.tok}::", context):
            function = self._account.cloud.functions.get(request.tok)
            if function is None:
                raise TableError(f"the rehearsal has no function {request.tok}")
            result = function(_plain(request.args), self._account)
        return provider.InvokeResponse(**{"return": _struct(result)})

    def Check(self, request: provider.CheckRequest, context: grpc.ServicerContext) -> provider.CheckResponse:
        with self._event("check", request.urn, context) as event:
            token, news = _type(request.urn), _plain(request.news)
            refusals = self._operations.check(token, news)
            event.refusal = str(RefusedError(refusals)) if refusals else None
            inputs = self._operations.tagged(token, news, self._configured(context))
        return provider.CheckResponse(inputs=_struct(inputs), failures=_failures(refusals))

    def Diff(self, request: provider.DiffRequest, context: grpc.ServicerContext) -> provider.DiffResponse:
        with self._event("diff", request.urn, context):
            found = self._operations.compare(
                _type(request.urn),
                _plain(request.old_inputs),
                _plain(request.news),
                request.ignoreChanges,
            )
        kinds, kind = provider.DiffResponse, provider.PropertyDiff.Kind
        return provider.DiffResponse(
            changes=kinds.DIFF_SOME if found.changes else kinds.DIFF_NONE,
            replaces=sorted({change.property for change in found.changes if change.replaces}),
            diffs=sorted({change.property for change in found.changes}),
            detailedDiff={
                change.path: provider.PropertyDiff(kind=kind.Value(change.kind), inputDiff=True)
                for change in found.changes
            },
            hasDetailedDiff=True,
            deleteBeforeReplace=found.delete_first,
        )

    def Create(
        self, request: provider.CreateRequest, context: grpc.ServicerContext
    ) -> provider.CreateResponse:
        token, inputs = _type(request.urn), _plain(request.properties)
        configuration = self._configured(context)
        if request.preview:
            with self._event("preview", request.urn, context):
                outputs = self._operations.preview(token, inputs, configuration)
            return provider.CreateResponse(properties=self._state(token, outputs))
        with self._event("create", request.urn, context, mutates=True) as event:
            resource = self._operations.create(token, inputs, configuration)
            state = self._state(token, resource.outputs)
            event.partial = provider.ErrorResourceInitFailed(
                id=resource.id, inputs=request.properties, properties=state
            )
        return provider.CreateResponse(id=resource.id, properties=state)

    def Read(self, request: provider.ReadRequest, context: grpc.ServicerContext) -> provider.ReadResponse:
        """Returns what the account holds; nothing, where it is gone."""
        token = _type(request.urn)
        with self._event("read", request.urn, context):
            other = self._operations.table(token).found_by
            resource = self._account.get(token, request.id)
            if resource is None and other is not None:
                resource = next(iter(self._account.find(token, other, request.id)), None)
        if resource is None:
            return provider.ReadResponse()
        return provider.ReadResponse(
            id=resource.id, inputs=_struct(resource.inputs), properties=self._state(token, resource.outputs)
        )

    def Update(
        self, request: provider.UpdateRequest, context: grpc.ServicerContext
    ) -> provider.UpdateResponse:
        token, preview = _type(request.urn), request.preview
        inputs = _plain(request.old_inputs), _plain(request.news)
        configuration = self._configured(context)
        with self._event("preview" if preview else "update", request.urn, context, mutates=not preview):
            resource = self._operations.update(token, request.id, *inputs, configuration, preview)
        return provider.UpdateResponse(properties=self._state(token, resource.outputs))

    def Delete(self, request: provider.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        with self._event("delete", request.urn, context, mutates=True):
            self._operations.delete(_type(request.urn), request.id)
        return empty_pb2.Empty()

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    @contextmanager
    def _event(
        self, operation: str, urn: str, context: grpc.ServicerContext, mutates: bool = False
    ) -> Iterator[_Outcome]:
        """Records an operation, with faults around it where it mutates; what is raised ends the call."""
        outcome, start, type = _Outcome(), time.monotonic(), _type(urn)
        code, late, refused = None, False, grpc.StatusCode.INVALID_ARGUMENT
        try:
            late = mutates and self.faults.before(operation, type, urn, self._account)
            yield outcome
            if mutates:
                self.faults.after(operation, type)
            if late:
                refused = grpc.StatusCode.DEADLINE_EXCEEDED
                codes = self._account.cloud.codes
                raise RefusedError([Refusal("id", "not done in time", "rehearsed fault", codes.timeout)])
        except RefusedError as error:
            outcome.refusal, code = str(error), refused
        except (TableError, UnknownBehaviourError, UnknownTypeError) as error:
            outcome.refusal, code = str(error), grpc.StatusCode.UNIMPLEMENTED
        name = urn.rpartition("::")[2]
        self.events.append(Event(operation, type, name, time.monotonic() - start, outcome.refusal))
        if code is not None:
            _abort(context, code, str(outcome.refusal), outcome.partial if late else None)

    def _configuration(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the configuration as values: the SDKs write all that is no string as JSON."""
        known = self._operations.sdk.provider.inputs
        return {
            name: _parsed(value) if name in known and known[name].shape.kind != "string" else value
            for name, value in given.items()
            if name not in _ENGINES and not name.startswith("__")
        }

    def _configured(self, context: grpc.ServicerContext) -> Mapping[str, Any]:
        configuration = self._configurations.get(context.peer())
        if configuration is None:
            _abort(context, grpc.StatusCode.FAILED_PRECONDITION, "the provider was not configured")
        return configuration

    def _misconfigured(self, configuration: Mapping[str, Any]) -> list[Refusal]:
        refusals = check.configuration(self._operations.sdk, configuration)
        accounts = self._account.cloud.accounts
        allowed = [id for _, id in select(configuration, accounts)] if accounts and not refusals else []
        if accounts and allowed and self._account.id not in [*allowed, UNKNOWN]:
            reason = f"the account is {self._account.id}, not {' or '.join(allowed)}"
            refusals.append(Refusal(accounts, reason, "the account's own number"))
        return refusals

    def _state(self, token: str, outputs: Mapping[str, Any]) -> struct_pb2.Struct:
        return _struct(outputs, self._operations.table(token).secret)


def _type(urn: str) -> str:
    return urn.split("::")[2].rsplit("$", 1)[-1]


def _failures(refusals: list[Refusal]) -> list[provider.CheckFailure]:
    return [
        provider.CheckFailure(property=refusal.property, reason=f"{refusal.reason} ({refusal.source})")
        for refusal in refusals
    ]


def _plain(message: struct_pb2.Struct) -> dict[str, Any]:
    """Returns the values; whole numbers are integers again, which the wire does not know."""

    def whole(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: whole(entry) for name, entry in value.items() if entry is not None}
        if isinstance(value, list):
            return [whole(entry) for entry in value]
        return int(value) if isinstance(value, float) and value.is_integer() else value

    return dict(whole(MessageToDict(message)))


def _parsed(value: Any) -> Any:
    if not isinstance(value, str) or value == UNKNOWN:
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value  # the check says what is wrong with it


def _struct(values: Mapping[str, Any], secret: Collection[str] = ()) -> struct_pb2.Struct:
    message = struct_pb2.Struct()
    message.update(
        {
            n: {_SIGNATURE: _SECRET, "value": v} if n in secret and v is not None else v
            for n, v in values.items()
        }
    )
    return message


class _Status(NamedTuple):
    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, bytes], ...]


def _abort(
    context: grpc.ServicerContext,
    code: grpc.StatusCode,
    message: str,
    partial: provider.ErrorResourceInitFailed | None = None,
) -> NoReturn:
    """Ends a call with an error; with `partial` the engine learns what exists in spite of it."""
    if partial is None:
        context.abort(code, message)
    else:
        partial.reasons.append(message)
        detail = any_pb2.Any()
        detail.Pack(partial)
        status = status_pb2.Status(code=code.value[0], message=message, details=[detail])
        context.abort_with_status(
            _Status(code, message, (("grpc-status-details-bin", status.SerializeToString()),))
        )
    raise AssertionError("abort returns never")
