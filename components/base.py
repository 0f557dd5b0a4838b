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
    `colonnade:index:<class name>`; a test freezes all tokens, since a changed token replaces what it stands
    for.

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
        inputs = dict(self.inputs(coerced))
        super().__init__(f"colonnade:index:{type(self).__name__}", name, inputs, opts)
        self.name = name
        self.register_outputs(dict(self.build(coerced)))

    def inputs(self, args: Args) -> Mapping[str, pulumi.Input[Any]]:  # noqa: ARG002 - for subclasses
        """Returns what is registered as its own inputs, for policies to see; by default nothing."""
        return {}

    def build(self, args: Args) -> Mapping[str, pulumi.Input[Any]]:  # noqa: ARG002 - for subclasses
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

    Keys may be written as Python names or in the camelCase of packaged components, and whole numbers may come
    as floats, as they do over the engine's protocol.

    Raises:
        ArgsError: A required field is missing, a key is unknown, a value that shapes the component is an
            output, or the value is neither dataclass nor mapping. Every fault is named, at any depth.
    """
    faults: list[str] = []
    coerced = _instance(kind, value, where, faults)
    if faults:
        raise ArgsError("; ".join(faults))
    return coerced


def _instance(kind: type[Any], value: Any, where: str, faults: list[str]) -> Any:
    """Returns `value` as an instance of `kind`, or adds to `faults` what keeps it from being one."""
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        faults.append(f"{where}: expected {kind.__name__} or a mapping, got {type(value).__name__}")
        return value
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    hints = _hints(kind)
    given = {_snake(key): item for key, item in value.items()}
    before = len(faults)
    faults += [f"{where}.{key}: unknown argument" for key in given if key not in fields]
    faults += [
        f"{where}.{name}: missing"
        for name, field in fields.items()
        if name not in given
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    nested = {
        key: _value(hints[key], item, f"{where}.{key}", faults)
        for key, item in given.items()
        if key in fields
    }
    return kind(**nested) if len(faults) == before else value


def _value(hint: Any, value: Any, where: str, faults: list[str]) -> Any:
    """Returns `value` as the hint wants it: dataclasses, sequences, mappings and whole numbers."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(value, pulumi.Output):
        if not _admits_output(hint):
            faults.append(f"{where}: shapes the component, so it must be a plain value, not an output")
        return value
    if origin in (Union, types.UnionType):
        # A union of ours has one shape besides None and the asynchronous forms of that shape.
        shapes = [
            choice
            for choice in arguments
            if choice is not type(None) and "Awaitable" not in str(choice) and "Output" not in str(choice)
        ]
        return _value(shapes[0], value, where, faults) if value is not None and len(shapes) == 1 else value
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _instance(hint, value, where, faults)
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list | tuple) and arguments and isinstance(origin, type):
        fixed = origin is tuple and Ellipsis not in arguments
        if fixed and len(value) != len(arguments):
            faults.append(f"{where}: expected {len(arguments)} items, got {len(value)}")
            return value
        wanted = arguments if fixed else [arguments[0]] * len(value)
        items = [
            _value(item_hint, item, f"{where}[{index}]", faults)
            for index, (item_hint, item) in enumerate(zip(wanted, value, strict=True))
        ]
        return tuple(items) if isinstance(value, tuple) or fixed else items
    if isinstance(value, Mapping) and len(arguments) == 2 and isinstance(origin, type):
        return {key: _value(arguments[1], item, f"{where}.{key}", faults) for key, item in value.items()}
    return value


def _admits_output(hint: Any) -> bool:
    """Tells whether a value of that hint may become known only while the stack is updated."""
    return hint is Any or any(typing.get_origin(choice) is pulumi.Output for choice in typing.get_args(hint))


def _hints(kind: type[Any]) -> dict[str, Any]:
    """Returns the resolved hints of a dataclass' fields."""
    # pulumi.Input refers to `Output[T]` by names that the dataclass' own module does not have.
    return typing.get_type_hints(kind, localns={"Output": pulumi.Output, "T": Any})


def _snake(name: str) -> str:
    """Returns `camelCase` as `camel_case`; names that are snake_case already stay."""
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)
