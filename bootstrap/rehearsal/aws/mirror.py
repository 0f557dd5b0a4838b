"""The account once more, in moto: so that boto3 sees it, and moto is a second opinion on every change."""

import logging
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from types import ModuleType
from typing import Any, Final

from botocore.model import ListShape, MapShape, Shape, StructureShape

from bootstrap.rehearsal.aws.copies import COPIES, Act
from bootstrap.rehearsal.standin.model import Account, Refusal, RefusedError, Resource

# What ends something that is gone already has nothing to do.
_GONE: Final = re.compile(r"NotFound|NoSuch|NotExist|NotAssociated")
# How moto says that it does not know how.
_UNKNOWN_TO_MOTO: Final = frozenset({"NotImplemented", "NotYetImplemented", "InternalError", "500", "501"})
_SETTINGS: Final = {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true", "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}


class Mirror:
    """Repeats what the account holds into moto, which answers on 127.0.0.1 as long as it is entered.

    An observer; it comes first, so that what moto refuses has not reached anybody else. Identifiers are the
    same on both sides where the API draws them; addresses are not.

    Args:
        account: The number of the account.
        region: The region that clients name where the program names none.

    Attributes:
        gaps: What could not be repeated, since moto does not know how; by operation.
    """

    def __init__(self, account: str, region: str) -> None:
        self._account, self.region = account, region
        self._lock = threading.RLock()
        self._drawn: dict[str, list[str]] = {}
        self._clients: dict[tuple[str, str], Any] = {}
        self.gaps: dict[str, str] = {}
        self.endpoint = ""

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which boto3 and its like are pointed at the rehearsed account."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "rehearsed",
            "AWS_SECRET_ACCESS_KEY": "rehearsed",
            "AWS_DEFAULT_REGION": self.region,
        }

    @contextmanager
    def serving(self) -> Iterator["Mirror"]:
        """Serves moto; what it held before and holds at the end is forgotten."""
        before = {name: os.environ.get(name) for name in (*_SETTINGS, "MOTO_ACCOUNT_ID")}
        os.environ.update(_SETTINGS, MOTO_ACCOUNT_ID=self._account)
        # It takes a second, which nobody should pay who does not rehearse.
        from moto.server import ThreadedMotoServer

        # Each request would be told on standard error.
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        try:
            with self._drawing():
                _forget()
                server.start()
                host, port = server.get_host_and_port()
                self.endpoint = f"http://{host}:{port}"
                try:
                    yield self
                finally:
                    server.stop()
                    _forget()
        finally:
            self._clients.clear()
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def replay(self, resources: Iterable[Resource], account: Account) -> None:
        """Repeats what an account holds already, in the order in which it was made."""
        for resource in resources:
            self.created(resource, account)

    def created(self, resource: Resource, account: Account) -> None:  # noqa: ARG002
        """See `cloud.Observer`.

        Raises:
            RefusedError: Moto refuses it.
        """
        if copy := COPIES.get(resource.type):
            begun: list[str] = []
            try:
                self._act(copy.make, resource, begun)
            except RefusedError:
                # What was refused half-way must not stand in the way of the next attempt.
                if begun:
                    with suppress(RefusedError):
                        self._act(copy.end, resource, ending=True)
                raise

    def updated(self, resource: Resource, account: Account) -> None:  # noqa: ARG002
        """See `cloud.Observer`.

        Raises:
            RefusedError: Moto refuses it.
        """
        if copy := COPIES.get(resource.type):
            self._act(copy.change, resource)

    def deleted(self, resource: Resource, account: Account) -> None:  # noqa: ARG002
        """See `cloud.Observer`.

        Raises:
            RefusedError: Moto refuses it: the bucket is not empty, for one.
        """
        if copy := COPIES.get(resource.type):
            self._act(copy.end, resource, ending=True)

    def _act(
        self, act: Act, resource: Resource, served: list[str] | None = None, ending: bool = False
    ) -> None:
        """Acts; adds each operation that moto served."""
        with self._lock:
            self._drawn.clear()
            try:
                act(_Calls(self, resource, [] if served is None else served, ending), resource)
            finally:
                self._drawn.clear()

    def draw(self, ids: tuple[str, ...]) -> None:
        """Has moto take these identifiers for what it makes next."""
        for id in ids:
            self._drawn.setdefault(id.rpartition("-")[0], []).append(id)

    def client(self, service: str, region: str) -> Any:
        """Returns the client of a service."""
        import boto3
        from botocore.config import Config

        key = (service, region)
        if key not in self._clients:
            self._clients[key] = boto3.client(
                service,
                region_name=region,
                endpoint_url=self.endpoint,
                aws_access_key_id="rehearsed",
                aws_secret_access_key="rehearsed",  # noqa: S106  (moto takes any)
                # A retry changes nothing: the server is here. And it is behind no proxy.
                config=Config(retries={"max_attempts": 0}, proxies={}, s3={"addressing_style": "path"}),
            )
            if service == "ec2":
                # At its first call moto makes the VPC that an account has in each region, of its own drawing.
                drawn, self._drawn = self._drawn, {}
                self._clients[key].describe_vpcs()
                self._drawn = drawn
        return self._clients[key]

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        """Gives moto the account's identifiers where it would draw others."""
        import moto.ec2.utils
        import moto.kms.models

        def of_ec2(own: Callable[..., Any], prefix: str = "", size: int = 17) -> str:
            waiting = self._drawn.get(prefix)
            return waiting.pop(0) if waiting else str(own(prefix, size))

        def of_kms(own: Callable[..., Any], multi_region: bool = False) -> str:
            # Only keys have identifiers of several parts.
            waiting = next((ids for prefix, ids in self._drawn.items() if "-" in prefix and ids), None)
            return waiting.pop(0) if waiting else str(own(multi_region))

        with (
            _replaced(moto.ec2.utils, "random_id", of_ec2),
            _replaced(moto.kms.models, "generate_key_id", of_kms),
        ):
            yield


@contextmanager
def _replaced(module: ModuleType, name: str, function: Callable[..., Any]) -> Iterator[None]:
    """Has a function of a module be another, which gets it as its first argument."""
    own = getattr(module, name)
    setattr(module, name, partial(function, own))
    try:
        yield
    finally:
        setattr(module, name, own)


class _Calls:
    """Calls moto for one resource; implements `copies.Calls`."""

    def __init__(self, mirror: Mirror, resource: Resource, served: list[str], ending: bool) -> None:
        self._mirror, self._resource, self._served, self._ending = mirror, resource, served, ending

    def draw(self, *ids: str) -> None:
        self._mirror.draw(ids)

    def __call__(self, operation: str, given: Mapping[str, Any] | None = None, /, **parameters: Any) -> Any:
        from botocore.exceptions import ClientError, ParamValidationError
        from moto import __version__

        service, _, name = operation.partition(".")
        client = self._mirror.client(service, self._resource.outputs.get("region") or self._mirror.region)
        method = next(m for m, api in client.meta.method_to_api_mapping.items() if api == name)
        shape = client.meta.service_model.operation_model(name).input_shape
        arguments = {**shaped(shape, given or {}), **shaped(shape, parameters)}
        try:
            answer = getattr(client, method)(**arguments)
            self._served.append(operation)
            return answer
        except ParamValidationError as error:
            raise RefusedError([self._refusal(str(error), "botocore", "ParamValidation")]) from error
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
            if code in _UNKNOWN_TO_MOTO:
                self._mirror.gaps[operation] = message
                return {}
            if self._ending and _GONE.search(code):
                return {}
            raise RefusedError([self._refusal(message, f"moto {__version__} {operation}", code)]) from error

    def _refusal(self, reason: str, source: str, code: str) -> Refusal:
        named = (
            name
            for name, value in self._resource.inputs.items()
            if isinstance(value, str) and len(value) > 1 and value in reason
        )
        return Refusal(next(named, "id"), " ".join(reason.split()), source, code)


def shaped(shape: Shape | None, value: Any) -> Any:
    """Returns what of a value the API's shape has, under the API's names and in the API's types.

    Names agree but for capitals; what a list has one of may be given without the list, and the reverse.
    """
    if isinstance(shape, StructureShape):
        if isinstance(value, list):
            value = value[0] if value else {}
        given = {str(name).lower(): entry for name, entry in value.items() if entry is not None}
        return {
            name: shaped(member, given[name.lower()])
            for name, member in shape.members.items()
            if name.lower() in given
        }
    if isinstance(shape, ListShape):
        pair = _pair(shape.member)
        if isinstance(value, Mapping) and pair:
            return [dict(zip(pair, entry, strict=True)) for entry in value.items()]
        return [shaped(shape.member, entry) for entry in (value if isinstance(value, list) else [value])]
    if isinstance(shape, MapShape):
        return {key: shaped(shape.value, entry) for key, entry in value.items()}
    kind = shape.type_name if shape is not None else ""
    if kind in ("integer", "long"):
        return int(value)
    if kind == "boolean":
        return value if isinstance(value, bool) else value == "true"
    return value


def _pair(shape: Shape) -> tuple[str, str] | None:
    """Returns the names of key and value in a shape of tags."""
    if not isinstance(shape, StructureShape) or len(shape.members) != 2:
        return None
    key, value = shape.members
    return (key, value) if key.lower().endswith("key") and value.lower().endswith("value") else None


def _forget() -> None:
    """Empties moto, whatever it holds."""
    from moto.moto_api._internal.models import moto_api_backend

    moto_api_backend.reset()
