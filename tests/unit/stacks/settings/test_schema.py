"""The schema for editors accepts what the loader accepts, and rejects what one field alone can show."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stacks.settings import Settings
from stacks.settings.document import read
from stacks.settings.schema import stack_file_schema

from .test_fixtures import FIXTURES

SCHEMA = stack_file_schema()

# Annotations say nothing about validity.
SILENT = {"$schema", "$defs", "title", "description", "examples", "x-foundations"}


def errors(schema: Any, value: Any, at: str = "") -> Iterator[str]:
    """Yields where a value breaks a schema; a keyword that is not in JSON Schema's vocabulary raises."""
    for keyword, wanted in schema.items():
        if keyword not in SILENT:
            yield from KEYWORDS[keyword](schema, wanted, value, at)


def _reference(_: Any, wanted: str, value: Any, at: str) -> Iterator[str]:
    yield from errors(SCHEMA["$defs"][wanted.removeprefix("#/$defs/")], value, at)


def _type(_: Any, wanted: Any, value: Any, at: str) -> Iterator[str]:
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "null": type(None),
    }
    names = [wanted] if isinstance(wanted, str) else wanted
    if not any(
        isinstance(value, kinds[name]) and (name == "boolean" or not isinstance(value, bool))
        for name in names
    ):
        yield at


def _properties(_: Any, wanted: Any, value: Any, at: str) -> Iterator[str]:
    for name, inner in wanted.items():
        if isinstance(value, dict) and name in value:
            yield from errors(inner, value[name], f"{at}.{name}")


def _closed(schema: Any, wanted: Any, value: Any, at: str) -> Iterator[str]:
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for name in value if isinstance(value, dict) else ():
        if name not in known and not any(re.search(pattern, name) for pattern in patterns):
            if wanted is False:
                yield f"{at}.{name}"
            else:
                yield from errors(wanted, value[name], f"{at}.{name}")


def _patterns(_: Any, wanted: Any, value: Any, at: str) -> Iterator[str]:
    for name in value if isinstance(value, dict) else ():
        for pattern, inner in wanted.items():
            if re.search(pattern, name):
                yield from errors(inner, value[name], f"{at}.{name}")


def _required(_: Any, wanted: Any, value: Any, at: str) -> Iterator[str]:
    yield from (f"{at}.{name}" for name in wanted if isinstance(value, dict) and name not in value)


def _any_of(_: Any, wanted: Any, value: Any, at: str) -> Iterator[str]:
    if all(any(True for _ in errors(inner, value)) for inner in wanted):
        yield at


def _items(_: Any, wanted: Any, value: Any, at: str) -> Iterator[str]:
    for index, item in enumerate(value if isinstance(value, list) else ()):
        yield from errors(wanted, item, f"{at}[{index}]")


def _names(_: Any, wanted: Any, value: Any, at: str) -> Iterator[str]:
    for name in value if isinstance(value, dict) else ():
        yield from errors(wanted, name, f"{at}.{name}")


def _when(kind: Any, holds: Any) -> Any:
    def check(_: Any, wanted: Any, value: Any, at: str) -> Iterator[str]:
        if isinstance(value, kind) and not holds(value, wanted):
            yield at

    return check


KEYWORDS = {
    "$ref": _reference,
    "type": _type,
    "properties": _properties,
    "patternProperties": _patterns,
    "additionalProperties": _closed,
    "required": _required,
    "anyOf": _any_of,
    "items": _items,
    "propertyNames": _names,
    "const": _when(object, lambda value, wanted: value == wanted),
    "enum": _when(object, lambda value, wanted: value in wanted),
    "pattern": _when(str, lambda value, wanted: re.search(wanted, value)),
    "maxLength": _when(str, lambda value, wanted: len(value) <= wanted),
    "minimum": _when(int, lambda value, wanted: value >= wanted),
    "maximum": _when(int, lambda value, wanted: value <= wanted),
}


def tree(path: Path) -> Any:
    """Returns a stack file as an editor reads it: encrypted values are mappings there."""
    document = read(path.read_text())
    value = copy.deepcopy(document.tree)
    for location in document.encrypted:
        here = value
        for step in location[:-1]:
            here = here[step]
        here[location[-1]] = {"secure": "v1:abc"}
    return value


def test_it_is_plain_json_of_a_named_draft() -> None:
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_setting_has_its_key_and_a_description() -> None:
    properties = SCHEMA["properties"]["config"]["properties"]
    for name, field in Settings.model_fields.items():
        assert properties[f"colonnade:{name}"]["description"] == field.description


@pytest.mark.parametrize(
    "path", [path for path in FIXTURES if ".ok." in path.name], ids=lambda path: path.stem
)
def test_it_accepts_every_sound_file(path: Path) -> None:
    assert list(errors(SCHEMA, tree(path))) == []


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("on-premises.error.unknown-key", ".config.colonnade:storage.sise"),
        ("on-premises.error.unknown-section", ".config.colonnade:storge"),
        ("on-premises.error.missing-owner", ".config.colonnade:owner"),
        ("on-premises.error.invalid-domain", ".config.colonnade:edge.domain"),
        ("on-premises.error.invalid-owner", ".config.colonnade:owner"),
        ("on-premises.error.image-by-tag", ".config.colonnade:images.mlflow"),
        ("on-premises.error.default-providers-missing", ".config.pulumi:disable-default-providers"),
        ("on-premises.error.default-providers-on", ".config.pulumi:disable-default-providers"),
        ("on-premises.error.secret-in-plain-text", ".config.colonnade:edge.single_sign_on"),
        ("on-premises.error.settings-outside-config", ".colonnade:protect"),
        ("on-premises.error.missing-prefix", ".config.owner"),
        ("aws.error.unknown-tier", ".config.colonnade:tier"),
        ("aws.error.out-of-range", ".config.colonnade:cluster.pools[1].max"),
        ("aws.error.unknown-pool-key", ".config.colonnade:cluster.pools[1].minimum"),
    ],
)
def test_it_rejects_what_one_field_shows(name: str, at: str) -> None:
    (path,) = (path for path in FIXTURES if path.stem == name)
    assert at in list(errors(SCHEMA, tree(path)))


def test_secrets_are_only_described_as_encrypted() -> None:
    secret = SCHEMA["$defs"]["SingleSignOn"]["properties"]["client_secret"]
    assert list(errors(secret, "plain")) == [""]
    assert list(errors(secret, {"secure": "v1:abc"})) == []
