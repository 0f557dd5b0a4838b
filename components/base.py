"""What every Colonnade component has in common."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar, Union

import pulumi

Args = TypeVar("Args")


class ArgsError(ValueError):
    """Arguments of a component that do not fit its dataclass; names every fault at once."""


class Component(pulumi.ComponentResource, Generic[Args]):
    """Base of every component: token, argument coercion and the options of children.

    A subclass names its arguments' dataclass in `args_type` and builds its children in `build`. The token is
    `colonnade:index:<class name>`; a test freezes all tokens, since a changed token replaces what it stands for.

    Args:
        name: Unique name of the component in the stack.
        args: An instance of `args_type`, or the plain dict that the SDK hands to a packaged component.
        opts: The caller's options. Children get `parent=self` and nothing else of them.

    Raises:
        ArgsError: A dict lacks a required argument or has one that the dataclass does not know.
    """

    args_type: ClassVar[type[Any]]

    def __init__(
        self, name: str, args: Args | Mapping[str, Any], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        coerced: Args = coerce(self.args_type, args, type(self).__name__)
        super().__init__(f"colonnade:index:{type(self).__name__}", name, {}, opts)
        self.name = name
        self.register_outputs(dict(self.build(coerced)))

    def build(self, args: Args) -> Mapping[str, pulumi.Input[Any]]:
        """Creates the children and returns the outputs to register, outcome-named and few."""
        raise TypeError(f"{type(self).__name__} does not build anything: override build()")

    def child(
        self,
        *,
        depends_on: pulumi.Input[Any] | None = None,
        protect: bool | None = None,
        retain_on_delete: bool | None = None,
        delete_before_replace: bool | None = None,
        ignore_changes: list[str] | None = None,
        additional_secret_outputs: list[str] | None = None,
        aliases: list[pulumi.Input[pulumi.Alias | str]] | None = None,
        custom_timeouts: pulumi.CustomTimeouts | None = None,
    ) -> pulumi.ResourceOptions:
        """Returns the options of a child: its parent is always this component."""
        return pulumi.ResourceOptions(
            parent=self,
            depends_on=depends_on,
            protect=protect,
            retain_on_delete=retain_on_delete,
            delete_before_replace=delete_before_replace,
            ignore_changes=ignore_changes,
            additional_secret_outputs=additional_secret_outputs,
            aliases=aliases,
            custom_timeouts=custom_timeouts,
        )


def coerce(kind: type[Any], value: Any, where: str) -> Any:
    """Returns `value` as an instance of the dataclass `kind`, nested dataclasses included.

    Keys may be written as Python names or in the camelCase of packaged components.

    Raises:
        ArgsError: A required field is missing, a key is unknown, or the value is neither dataclass nor mapping.
    """
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        raise ArgsError(f"{where}: expected {kind.__name__} or a mapping, got {type(value).__name__}")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    # pulumi.Input refers to `Output[T]` by name, which the dataclass' own module need not import.
    hints = typing.get_type_hints(kind, localns={"Output": pulumi.Output, "T": Any})
    given = {_snake(key): item for key, item in value.items()}
    faults = [f"{where}.{key}: unknown argument" for key in given if key not in fields]
    faults += [
        f"{where}.{name}: missing"
        for name, field in fields.items()
        if name not in given
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if faults:
        raise ArgsError("; ".join(faults))
    return kind(**{key: _nested(hints[key], item, f"{where}.{key}") for key, item in given.items()})


def _nested(hint: Any, value: Any, where: str) -> Any:
    """Coerces mappings, and lists or dicts of them, where the hint names a dataclass."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return coerce(hint, value, where) if isinstance(value, Mapping) else value
    arguments = typing.get_args(hint)
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType):
        for choice in arguments:
            coerced = _nested(choice, value, where)
            if coerced is not value:
                return coerced
        return value
    if isinstance(value, list | tuple) and arguments and isinstance(origin, type):
        items = [_nested(arguments[0], item, f"{where}[{index}]") for index, item in enumerate(value)]
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    if isinstance(value, Mapping) and len(arguments) == 2:
        pairs = {key: _nested(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
        return pairs if any(pairs[key] is not value[key] for key in pairs) else value
    return value


def _snake(name: str) -> str:
    """Returns `camelCase` as `camel_case`; names that are snake_case already stay."""
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)
