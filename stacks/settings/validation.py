"""From plain values to settings, or to every fault that they have."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import SecretStr, ValidationError

from stacks.settings.faults import (
    Fault,
    Location,
    SettingsError,
    choose,
    closest,
    show_example,
    show_path,
    show_value,
)
from stacks.settings.fields import MISFORMED
from stacks.settings.implied import complete
from stacks.settings.model import Section, Settings
from stacks.settings.partial import build, nested
from stacks.settings.rules import judge

PLACEHOLDER = "CHANGE-ME"

IsSecret = Callable[[Location], bool]


def parse(given: Mapping[str, Any], stack: str = "test") -> Settings:
    """Returns the settings in a plain mapping, as the loaders would.

    Args:
        given: Settings by name, without the `colonnade:` prefix.
        stack: Name of the stack, which names the environment where `given` does not.

    Raises:
        SettingsError: With every fault there is.
    """
    settings, faults = validate(given, stack, lambda _: True)
    if settings is None:
        raise SettingsError(faults, stack)
    return settings


def validate(
    given: Mapping[str, Any], stack: str, is_secret: IsSecret
) -> tuple[Settings | None, list[Fault]]:
    """Returns the settings, or None and every fault.

    Args:
        given: Settings by name, without the `colonnade:` prefix.
        stack: Name of the stack.
        is_secret: Whether the value at a location is encrypted at rest.
    """
    completed = complete({"name": stack, **given})
    placeholders = list(_placeholders(given))
    try:
        settings = Settings.model_validate_json(json.dumps(completed))
        faulted: list[Location] = []
        faults: list[Fault] = []
    except ValidationError as error:
        found = [
            (location, fault)
            for location, fault in _translate(error, is_secret)
            if location not in placeholders
        ]
        faulted = [_field(tuple(problem["loc"])) for problem in error.errors(include_url=False)]
        faults = [fault for _, fault in found]
        settings = None
    faults += [
        Fault(
            show_path(location),
            PLACEHOLDER,
            "is still a placeholder",
            "write the value of this environment",
        )
        for location in placeholders
    ]
    faults += list(_plain_secrets(given, is_secret))
    faulted += placeholders
    judged = settings if settings and not faulted else build(Settings, completed, faulted)
    # Of several faults at one place the first is the plainest.
    unique: dict[str, Fault] = {}
    for fault in (*faults, *judge(judged, given)):
        unique.setdefault(fault.path, fault)
    return (_settle(settings) if settings and not unique else None), list(unique.values())


def _settle(settings: Settings) -> Settings:
    """Returns settings in which the fields that follow another field's value have it."""
    if settings.database.class_name is None:
        followed = settings.database.model_copy(update={"class_name": settings.storage.class_name})
        return settings.model_copy(update={"database": followed})
    return settings


def _field(location: Location) -> Location:
    # Faults in a mapping's key end with a mark that is no part of the path.
    return location[:-1] if location and location[-1] == "[key]" else location


def _placeholders(value: Any, at: Location = ()) -> Iterator[Location]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if PLACEHOLDER in key:
                yield (*at, key)
            else:
                yield from _placeholders(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _placeholders(item, (*at, index))
    elif isinstance(value, str) and PLACEHOLDER in value:
        yield at


def section_at(location: Location) -> type[Section] | None:
    """Returns the section at a location, or None where there is none."""
    section: type[Section] | None = Settings
    for step in location:
        if isinstance(step, int):
            continue
        if section is None or step not in section.model_fields:
            return None
        section = nested(section.model_fields[step].annotation)[0]
    return section


def secret_fields(section: type[Section] = Settings, at: Location = ()) -> Iterator[Location]:
    """Yields the location of every setting that holds a secret."""
    for name, field in section.model_fields.items():
        inner, many = nested(field.annotation)
        if field.annotation is SecretStr:
            yield (*at, name)
        elif inner and not many:
            yield from secret_fields(inner, (*at, name))


def _plain_secrets(given: Mapping[str, Any], is_secret: IsSecret) -> Iterator[Fault]:
    for location in secret_fields():
        value: Any = given
        for step in location:
            value = value.get(step) if isinstance(value, Mapping) else None
        if isinstance(value, str) and PLACEHOLDER not in value and not is_secret(location):
            yield Fault(
                show_path(location),
                None,
                "is a secret in plain text",
                f"encrypt it: pulumi config set --secret --path 'colonnade:{show_path(location)}', "
                "and replace it where it was used, since it has been readable",
            )


def _translate(error: ValidationError, is_secret: IsSecret) -> Iterator[tuple[Location, Fault]]:
    problems = error.errors(include_url=False)
    meant = set()
    for problem in problems:
        if problem["type"] == "extra_forbidden":
            *parent, key = problem["loc"]
            section = section_at(tuple(parent))
            near = closest(str(key), section.model_fields) if section else None
            meant.add((*parent, near))
    secrets = set(secret_fields())
    secret_sections = {secret[:1] for secret in secrets}
    for problem in problems:
        location: Location = _field(tuple(problem["loc"]))
        if problem["type"] == "missing" and location in meant:
            # The unknown key next to it is this one, misspelt.
            continue
        text, fix = _explain(problem["type"], location, problem)
        # Whatever stands where a secret or a section with one belongs may be that secret.
        sealed = any(secret[: len(location)] == location for secret in secrets) or (
            location[:1] in secret_sections and is_secret(location)
        )
        hide = sealed or problem["type"] in ("missing", "extra_forbidden")
        value = None if hide else show_value(problem["input"])
        yield location, Fault(show_path(location), value, text, fix)


def _explain(kind: str, location: Location, problem: Any) -> tuple[str, str]:
    """Returns what is wrong and what to do about it, for one of pydantic's error types."""
    context = problem.get("ctx", {})
    if kind == MISFORMED:
        return context["problem"], context["fix"]
    if kind == "missing":
        return "is missing", _set(location)
    if kind == "extra_forbidden":
        section = section_at(location[:-1])
        return "is not a setting", choose(str(location[-1]), section.model_fields if section else ())
    if kind == "literal_error":
        known = _choices(location)
        return f"is not one of {', '.join(known)}", choose(str(problem["input"]), known)
    if problem["input"] is None:
        return "has no value", _set(location) + ", or remove the key"
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        section = section_at(location)
        below = f": {', '.join(section.model_fields)}" if section else ""
        return "must be a mapping", f"write its keys on the lines below it{below}"
    if kind in _LIMITS:
        what, key = _LIMITS[kind]
        return f"must be {what} {context[key]}", f"write a number that is {what} {context[key]}"
    return problem["msg"], "correct it"


_PLAIN = {
    "string_type": ("must be text", "write one text value; put numbers and true or false in quotes"),
    "int_type": ("must be a whole number", "write a whole number without quotes"),
    "int_from_float": ("must be a whole number", "write a whole number without quotes"),
    "bool_type": ("must be true or false", "write true or false without quotes"),
    "tuple_type": ("must be a list", "write each item on a line of its own after a dash"),
}
_LIMITS = {"greater_than_equal": ("at least", "ge"), "less_than_equal": ("at most", "le")}


def _set(location: Location) -> str:
    section = section_at(location[:-1])
    field = section.model_fields.get(str(location[-1])) if section else None
    if field is None:
        return "set it"
    example = f", e.g. {show_example(field.examples[0])}" if field.examples else ""
    choices = _choices(location)
    return f"set {field.description}" + (f" ({', '.join(choices)})" if choices else example)


def _choices(location: Location) -> list[str]:
    section = section_at(location[:-1])
    field = section.model_fields.get(str(location[-1])) if section else None
    arguments = getattr(field.annotation, "__args__", ()) if field else ()
    return [argument for argument in arguments if isinstance(argument, str)]
