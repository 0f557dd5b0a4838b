"""What is wrong with inputs, judged by the SDK and the table alone."""

from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.rehearsal.standin.cloud import Cloud
from bootstrap.rehearsal.standin.model import UNKNOWN, Refusal, select
from bootstrap.rehearsal.standin.sdk import Property, Sdk, Shape, closest

# The protocol fixes how a value that is more than a value, such as an asset, is marked.
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_PYTHON: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "list": list,
    "map": dict,
    "object": dict,
    "asset": dict,
}


def faults(cloud: Cloud, sdk: Sdk, token: str, inputs: Mapping[str, Any]) -> list[Refusal]:
    """Returns every fault of the inputs of a resource; what is not known yet has none.

    Raises:
        UnknownTypeError: The SDK does not have the type.
    """
    table = cloud.types[token]
    source = f"{sdk.package} {sdk.version}"
    found = [
        Refusal(path, reason, source, cloud.codes.invalid)
        for path, reason in _object(sdk.type(token).inputs, inputs, "", frozenset(table.enums | table.values))
    ]

    def refuse(path: str, reason: str) -> None:
        found.append(Refusal(path, reason, table.source, cloud.codes.invalid))

    for name in table.required:
        if not any(True for _ in select(inputs, name)):
            refuse(name, "missing; the API requires it")
    for wanted, allowed in table.enums.items():
        for path, value in _known(inputs, wanted):
            if value not in allowed:
                refuse(path, f"{value!r} is none of {', '.join(map(str, allowed))}")
    named = {table.name.property: table.name.limit} if table.name else {}
    for wanted, validator in [*table.values.items(), *named.items()]:
        for path, value in _known(inputs, wanted):
            # A value of the wrong type was refused already, and validators rely on the type.
            reason = None if _refused(found, path) else cloud.validators[validator](value)
            if reason is not None:
                refuse(path, reason)
    return found


def configuration(sdk: Sdk, inputs: Mapping[str, Any]) -> list[Refusal]:
    """Returns every fault of the configuration of the provider."""
    source = f"{sdk.package} {sdk.version}"
    known = sdk.provider.inputs
    return [Refusal(path, reason, source) for path, reason in _object(known, inputs, "", frozenset())]


def unknown(value: Any) -> bool:
    """Returns whether the value, or anything within it, is not known yet."""
    if isinstance(value, Mapping):
        return any(unknown(entry) for entry in value.values())
    return any(unknown(entry) for entry in value) if isinstance(value, list) else value == UNKNOWN


def _known(inputs: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    return ((place, value) for place, value in select(inputs, path) if not unknown(value))


def _refused(found: list[Refusal], path: str) -> bool:
    return any(
        refusal.property == path or refusal.property.startswith((f"{path}.", f"{path}[")) for refusal in found
    )


def _object(
    properties: Mapping[str, Property], value: Mapping[str, Any], path: str, judged: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """Yields path and reason; enumerations of the SDK are not asked about `judged` paths."""
    at = f"{path}." if path else ""
    for name, entry in value.items():
        if name.startswith("__") or entry is None:
            continue
        if name in properties:
            yield from _value(properties[name].shape, entry, f"{at}{name}", judged)
        else:
            yield f"{at}{name}", f"unknown property{closest(name, list(properties))}"
    for name, expected in properties.items():
        if expected.required and value.get(name) is None:
            yield f"{at}{name}", "missing; it is required"


def _value(shape: Shape, value: Any, path: str, judged: frozenset[str]) -> Iterator[tuple[str, str]]:
    if value == UNKNOWN or shape.kind == "any":
        return
    if shape.kind == "enum":
        if value not in shape.members and _general(path) not in judged:
            yield path, f"{value!r} is none of {_short(shape.members)}"
    elif shape.kind == "union":
        tried = [list(_value(choice, value, path, judged)) for choice in shape.choices]
        if all(tried):
            yield from min(tried, key=len)
    elif not _fits(shape.kind, value):
        yield path, f"{value!r} is no {shape.kind}"
    elif shape.kind == "object":
        yield from _object(shape.fields, value, path, judged)
    elif shape.element is not None:
        for key, entry in value.items() if shape.kind == "map" else enumerate(value):
            if entry is not None:
                yield from _value(shape.element, entry, f"{path}[{key}]", judged)


def _fits(kind: str, value: Any) -> bool:
    if kind in ("integer", "number"):
        # The wire knows only one kind of number.
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return not isinstance(value, bool) and (whole or (kind == "number" and isinstance(value, float)))
    marked = isinstance(value, dict) and _SIGNATURE in value
    return isinstance(value, _PYTHON[kind]) and marked == (kind == "asset")


def _general(path: str) -> str:
    """Returns the path as tables write it, with `[]` for each element."""
    head, *rest = path.split("[")
    return head + "".join("[]" + part.partition("]")[2] for part in rest)


def _short(members: tuple[Any, ...]) -> str:
    more = f" and {len(members) - 12} more" if len(members) > 12 else ""
    return ", ".join(map(str, members[:12])) + more
