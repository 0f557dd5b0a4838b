"""The tables against the SDK, which knows what each type has, and against what our components make."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.rehearsal.aws import aws, sources
from bootstrap.rehearsal.aws.rules import quotas
from bootstrap.rehearsal.standin.sdk import Sdk
from bootstrap.rehearsal.standin.table import TypeTable

CLOUD = aws()
SDK = Sdk(CLOUD.sdk)
COMPONENTS = Path(__file__).parents[5] / "components" / "foundation" / "aws"


def paths(table: TypeTable) -> Iterator[str]:
    for group in (table.refers, table.values, table.enums, table.required, table.replace, table.update):
        yield from group
    for shared in table.unique:
        yield from shared
    yield from (*table.weak, *table.keeps, *table.secret, *table.defaults)
    if table.protect:
        yield table.protect.property


def unknown(token: str, path: str) -> str | None:
    """Returns where the path leaves what the SDK knows, or None."""
    fields = SDK.type(token).inputs
    for part in path.split("."):
        name = part.removesuffix("[]")
        if name not in fields:
            return name
        shape = fields[name].shape
        if part != name:
            if shape.kind not in ("list", "map") or shape.element is None:
                return f"{name}, which is no list"
            shape = shape.element
        fields = shape.fields
    return None


@pytest.mark.parametrize("token", CLOUD.types)
def test_every_path_of_a_table_is_one_that_the_sdk_has(token: str) -> None:
    faults = {path: fault for path in paths(CLOUD.types[token]) if (fault := unknown(token, path))}
    assert faults == {}


@pytest.mark.parametrize("token", CLOUD.types)
def test_every_output_is_one_that_the_sdk_promises(token: str) -> None:
    assert set(CLOUD.types[token].outputs) <= SDK.type(token).outputs


@pytest.mark.parametrize("token", CLOUD.types)
def test_nothing_both_replaces_and_updates_and_only_references_are_weak(token: str) -> None:
    table = CLOUD.types[token]
    assert not set(table.replace) & set(table.update)
    assert set(table.weak) <= set(table.refers)
    assert table.source.startswith("hashicorp/terraform-provider-aws internal/service/")


def test_every_property_of_a_model_exists_and_can_be_judged() -> None:
    for table in CLOUD.types.values():
        for name in table.values.values():
            if name.startswith("botocore:"):
                CLOUD.validators[name]("a")
    with pytest.raises(LookupError, match="no 'Nmae'"):
        CLOUD.validators["botocore:iam.CreateRole.Nmae"]


@pytest.mark.parametrize("token", CLOUD.types)
def test_what_the_sdk_requires_already_is_not_said_again(token: str) -> None:
    already = {name for name, field in SDK.type(token).inputs.items() if field.required}
    assert not set(CLOUD.types[token].required) & already


def made() -> Iterator[tuple[str, str, set[str]]]:
    """Yields the class and the arguments of each resource that a component makes."""
    for file in sorted(COMPONENTS.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and re.fullmatch(r"aws\.\w+\.[A-Z]\w*(?<!Args)", name):
                given = {keyword.arg for keyword in node.keywords if keyword.arg}
                yield f"{file.name}:{node.lineno}", name, given - {"opts", "resource_name"}


def test_every_type_that_a_component_makes_has_a_table() -> None:
    classes = {f"aws.{folder.name}.{name}": token for token, (folder, name) in SDK.tokens.items()}
    missing = {(place, name) for place, name, _ in made() if classes.get(name) not in CLOUD.types}
    assert missing == set()


def test_every_argument_that_a_component_gives_may_change() -> None:
    classes = {f"aws.{folder.name}.{name}": token for token, (folder, name) in SDK.tokens.items()}
    missing = []
    for place, name, given in made():
        table = CLOUD.types[classes[name]]
        known = {path.split(".")[0].removesuffix("[]") for path in (*table.replace, *table.update)}
        wires = {re.sub(r"_(\w)", lambda m: m[1].upper(), argument) for argument in given}
        missing += [(place, name, wire) for wire in sorted(wires - known)]
    assert missing == []


def test_quotas_are_those_that_service_quotas_gives() -> None:
    known = quotas.quotas()
    assert known["aws:ec2/vpc:Vpc"].most == 5
    assert known["aws:ec2/subnet:Subnet"].most == 200
    assert all(re.fullmatch(r"L-[0-9A-F]{8}", quota.code) for quota in known.values())


def test_the_region_has_what_the_committed_environments_name() -> None:
    offered = sources.instance_types("eu-central-1")
    assert {"m6i.large", "m6i.xlarge", "g6.xlarge", "g6.2xlarge"} <= set(offered)
    assert sources.zones("eu-central-1") == ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
