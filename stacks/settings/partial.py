"""Settings of which some fields are at fault, so that rules can still judge the others."""

import json
import types
import typing
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import TypeAdapter

from stacks.settings.faults import Location
from stacks.settings.model import Section

S = TypeVar("S", bound=Section)


def nested(annotation: Any) -> tuple[type[Section] | None, bool]:
    """Returns the section that an annotation holds, if any, and whether it holds a list of them."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return nested(typing.get_args(annotation)[0])
    if origin in (types.UnionType, typing.Union):
        found = [nested(argument) for argument in typing.get_args(annotation)]
        return next((one for one in found if one[0]), (None, False))
    if origin is tuple:
        return nested(typing.get_args(annotation)[0])[0], True
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation, False
    return None, False


def plain_type(annotation: Any) -> Any:
    """Returns an annotation without its marks and without None."""
    if typing.get_origin(annotation) is Annotated:
        return plain_type(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        inner = [argument for argument in typing.get_args(annotation) if argument is not types.NoneType]
        return plain_type(inner[0])
    return annotation


@cache
def _adapter(section: type[Section], name: str) -> TypeAdapter[Any]:
    field = section.model_fields[name]
    marked: Any = Annotated[(field.annotation, field, *field.metadata)]
    return TypeAdapter(marked)


def build(section: type[S], raw: Mapping[str, Any], faulted: Iterable[Location], at: Location = ()) -> S:
    """Returns a section that holds every field without fault; reading another raises `UnknownSettingError`.

    Args:
        section: The model.
        raw: What was given for it, completed by defaults.
        faulted: Locations of all faults.
        at: Where `raw` is.
    """
    faulted = list(faulted)
    values: dict[str, Any] = {}
    unknown: list[str] = []
    for name, field in section.model_fields.items():
        here = (*at, name)
        within = [location for location in faulted if location[: len(here)] == here]
        inner, many = nested(field.annotation)
        if not within:
            if name in raw:
                values[name] = _adapter(section, name).validate_json(json.dumps(raw[name]), strict=True)
        elif inner and not many and isinstance(raw.get(name), Mapping):
            values[name] = build(inner, raw[name], within, here)
        elif inner and many and _all_mappings(raw.get(name)):
            values[name] = tuple(
                build(inner, item, within, (*here, index)) for index, item in enumerate(raw[name])
            )
        else:
            unknown.append(name)
    partial = typing.cast(S, section.model_construct(None, **values))
    for name in unknown:
        partial.__dict__.pop(name, None)
    return partial


def _all_mappings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)
