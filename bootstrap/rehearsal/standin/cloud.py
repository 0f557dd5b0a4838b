"""A cloud as the engine sees it: tables, and code only for what no table can say."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bootstrap.rehearsal.standin.model import Account, Resource, Rule
from bootstrap.rehearsal.standin.table import TableError, TypeTable

# Returns why a value is wrong, or None where it is right.
Validator = Callable[[Any], str | None]
# Returns the result of a function of the provider.
Function = Callable[[dict[str, Any], Account], dict[str, Any]]
# Returns outputs that depend on other resources or on what the resource was before.
Computation = Callable[[Resource, Account], Mapping[str, Any]]


class Observer(Protocol):
    """Hears of each change once the account holds it, before the engine does.

    One that raises `RefusedError` undoes the change in the account; observers before it have heard of it.
    """

    def created(self, resource: Resource, account: Account) -> None:
        """Hears of a new resource."""

    def updated(self, resource: Resource, account: Account) -> None:
        """Hears of a resource as it is after an update."""

    def deleted(self, resource: Resource, account: Account) -> None:
        """Hears of a resource as it was before it went."""


@dataclass(frozen=True)
class Codes:
    """The error codes of the real API."""

    dependents: str = "DependencyViolation"
    duplicate: str = "ResourceAlreadyExists"
    invalid: str = "ValidationException"
    missing: str = "ResourceNotFound"
    protected: str = "OperationNotPermitted"
    quota: str = "LimitExceeded"
    throttled: str = "ThrottlingException"
    timeout: str = "RequestTimeout"


@dataclass(frozen=True)
class Tagging:
    """How tags of the provider come to every resource that can carry tags.

    Attributes:
        configuration: Path in the provider's configuration.
        given: The input that holds the tags of a resource.
        all: The output that holds both.
    """

    configuration: str
    given: str
    all: str


@dataclass(frozen=True)
class Cloud:
    """Everything that is known about a cloud.

    Attributes:
        name: The package, the first part of its type tokens.
        sdk: The module of its SDK, which is read and never imported.
        types: Type token to table.
        validators: Name to validator, for the tables.
        creating: Type token to the rules that a new resource has to meet.
        updating: The same for what an update makes of a resource; the account still holds what it was.
        deleting: The same for a resource that is to go.
        computing: Type token to outputs that no template can say; they win over the table's. The resource
            that is given has all other outputs; the account holds what it was before, if anything.
        functions: Token to function of the provider.
        observers: Who hears of each change, in this order.
        tagging: How the provider's own tags reach resources.
        accounts: The path of the configuration that lists the accounts that the provider may work in.
        partition: What {partition} stands for.
        codes: Error codes.

    Raises:
        TableError: A table names a validator or type that the cloud does not have, or rules name a type
            without a table.
    """

    name: str
    sdk: str
    types: Mapping[str, TypeTable]
    validators: Mapping[str, Validator] = field(default_factory=dict)
    creating: Mapping[str, Sequence[Rule]] = field(default_factory=dict)
    updating: Mapping[str, Sequence[Rule]] = field(default_factory=dict)
    deleting: Mapping[str, Sequence[Rule]] = field(default_factory=dict)
    computing: Mapping[str, Computation] = field(default_factory=dict)
    functions: Mapping[str, Function] = field(default_factory=dict)
    observers: Sequence[Observer] = ()
    tagging: Tagging | None = None
    accounts: str | None = None
    partition: str = ""
    codes: Codes = Codes()

    def __post_init__(self) -> None:
        faults = [
            f"{token}: no validator {name!r}"
            for token, table in self.types.items()
            for name in [*table.values.values(), *([table.name.limit] if table.name else [])]
            if name not in self.validators
        ]
        faults += [
            f"{token}: {path} refers to {target}, which has no table"
            for token, table in self.types.items()
            for path, targets in table.refers.items()
            for target in targets
            if not target.startswith("/") and target.partition("#")[0] not in self.types
        ]
        faults += [
            f"{token}: a rule, but no table"
            for rules in (self.creating, self.updating, self.deleting, self.computing)
            for token in rules
            if token not in self.types
        ]
        if faults:
            raise TableError("; ".join(faults))
