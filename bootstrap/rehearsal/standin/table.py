"""The table of a resource type: how the real cloud behaves, as data, each with its source."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError


class TableError(Exception):
    """A table that is not what a table has to be; the message names file, type and fault."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Name(_Model):
    """The property that holds the physical name, and the validator that it has to pass."""

    property: str
    limit: str


class Protection(_Model):
    """The property that forbids deletion while it is true, and what to do about it."""

    property: str
    fix: str


def _list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _sourced(value: Any) -> Any:
    return dict.fromkeys(value, "") if isinstance(value, list) else value


Alternatives = Annotated[list[str], BeforeValidator(_list)]
Behaviours = Annotated[dict[str, str], BeforeValidator(_sourced)]


class TypeTable(_Model):
    """One type. Paths are dotted wire names; `[]` stands for each element of a list or mapping.

    Templates may hold {hex:N}, {digits:N} and {upper:N}, drawn once, {inputs.PATH} with the defaults filled
    in, {host:PATH} for a URL among the inputs without its scheme, {crc:PATH} for the checksum of an input,
    {account}, {region}, {partition} and, in outputs, {id}. A string that is nothing but one {inputs.PATH}
    takes the value as it is.

    Attributes:
        source: Where the behaviours are stated, unless an entry says otherwise.
        id: Template of the id.
        found_by: The output by which a read finds it as well as by its id.
        outputs: Computed outputs, merged beneath the inputs: what the program gives wins.
        renews: Outputs that each update computes anew.
        defaults: What the real API fills in where nothing is given, merged beneath the inputs.
        secret: Outputs that are secret.
        name: The rule that the physical name has to meet.
        unique: Groups of properties that no two living resources of the type share; in a region, or anywhere
            where `global` is true.
        refers: Path to what it has to name: `TYPE` by id, `TYPE#OUTPUT` by an output, `TYPE#TEMPLATE` by a
            template over the outputs, as in `aws:s3/bucket:Bucket#{arn}/logs`, or `/EXPRESSION/`, which the
            whole value matches where the cloud itself owns what it names.
        weak: Paths of `refers` that do not keep their target from being deleted.
        values: Path to the name of a validator.
        enums: Path to the values that are allowed, instead of those that the SDK knows.
        required: Inputs that the API requires beyond the SDK.
        replace: Paths whose change replaces the resource, with sources where they differ.
        update: Paths whose change updates it in place.
        protect: What forbids deletion.
        keeps: Paths that something else than the program changes, such as an autoscaler.
    """

    source: str
    id: str
    found_by: str | None = None
    outputs: dict[str, Any] = {}
    renews: list[str] = []
    defaults: dict[str, Any] = {}
    secret: list[str] = []
    name: Name | None = None
    unique: list[list[str]] = []
    everywhere: bool = Field(default=False, alias="global")
    refers: dict[str, Alternatives] = {}
    weak: list[str] = []
    values: dict[str, str] = {}
    enums: dict[str, list[Any]] = {}
    required: list[str] = []
    replace: Behaviours = {}
    update: Behaviours = {}
    protect: Protection | None = None
    keeps: list[str] = []


def read(paths: Sequence[Path]) -> Mapping[str, TypeTable]:
    """Reads tables, a mapping of type token to table in each file.

    Raises:
        TableError: A file holds something else, or two hold the same type.
    """
    tables: dict[str, TypeTable] = {}
    for path in paths:
        for token, entry in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
            if token in tables:
                raise TableError(f"{path.name}: {token} has a table already")
            try:
                tables[token] = TypeTable.model_validate(entry)
            except ValidationError as error:
                faults = "; ".join(
                    f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
                )
                raise TableError(f"{path.name}: {token}: {faults}") from error
    return tables
