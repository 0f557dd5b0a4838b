"""JSON Schema of a whole stack file, for editors."""

from typing import Any

from stacks.settings.loader import DEFAULT_PROVIDERS_OFF, PROJECT, STACK_KEYS
from stacks.settings.model import Settings

_ENCRYPTED: dict[str, Any] = {
    "type": "object",
    "description": "text encrypted by `pulumi config set --secret`",
    "properties": {"secure": {"type": "string"}},
    "required": ["secure"],
    "additionalProperties": False,
}


def stack_file_schema() -> dict[str, Any]:
    """Returns the schema (draft 2020-12) that every stack file without fault fulfils.

    Rules across settings and those of one foundation are beyond it: `colonnade settings check` knows them.
    """
    settings = Settings.model_json_schema()
    definitions = {name: _strict(body) for name, body in settings.pop("$defs").items()}
    # The stack's name stands in for the environment's.
    required = [name for name in settings["required"] if name != "name"]
    # The engine passes the values of top-level keys as text, so that numbers are as good as text there.
    properties = {
        f"{PROJECT}:{name}": _scalar_or(_strict(body)) for name, body in settings["properties"].items()
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Colonnade stack file",
        "type": "object",
        "properties": {
            **{key: {} for key in STACK_KEYS},
            "config": {
                "type": "object",
                "properties": {
                    DEFAULT_PROVIDERS_OFF: {
                        "const": ["*"],
                        "description": "every resource names its provider; none comes from the surroundings",
                    },
                    **properties,
                },
                "patternProperties": {"^pulumi:": {}},
                "required": [DEFAULT_PROVIDERS_OFF, *(f"{PROJECT}:{name}" for name in required)],
                "additionalProperties": False,
            },
        },
        "required": ["config"],
        "additionalProperties": False,
        "$defs": definitions,
    }


def _strict(schema: Any) -> Any:
    """Returns a schema without generated titles and defaults, with secrets as their encrypted form."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "password":
        return {**_ENCRYPTED, "description": schema["description"]}
    return {
        key: {name: _strict(body) for name, body in value.items()} if key == "properties" else _strict(value)
        for key, value in schema.items()
        # Tier and foundation change defaults, so that one number here would mislead.
        if key not in ("title", "default")
    }


def _scalar_or(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type") == "string" and "enum" not in schema:
        return {**schema, "type": ["string", "number"]}
    return schema
