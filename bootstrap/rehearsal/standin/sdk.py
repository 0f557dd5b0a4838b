"""What a provider's SDK for Python says about its types, read from its source and never imported.

The SDKs that Pulumi generates look alike: classes of arguments with annotations, getters that give the names
on the wire, and a list of type tokens. Importing one would take long and much memory.
"""

import ast
import difflib
import importlib.util
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

_REGISTER = re.compile(r'resource_modules="""(.*?)"""', re.DOTALL)
_GETTER = re.compile(
    r'@pulumi\.getter(?:\(name="(\w+)"\))?\n(?: +@_utilities\.deprecated\(""".*?"""\)\n)?'
    r" +def (\w+)\(self\) -> ",
    re.DOTALL,
)
_SIGNATURE = re.compile(r"def __init__\(__self__(?:, \*)?,?(.*?)\):\n", re.DOTALL)
_MEMBER = re.compile(r"^    \w+ = (.+)$", re.MULTILINE)
_ALIAS = re.compile(r"^from (\.+)([\w.]*) import (\w+)(?: as (\w+))?$", re.MULTILINE)
_PRIMITIVES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "Any": "any"}


class UnknownTypeError(LookupError):
    """The SDK has no such type."""


@dataclass(frozen=True)
class Shape:
    """The shape of a value.

    Attributes:
        kind: string, integer, number, boolean, any, asset, list, map, object, enum or union.
        element: What a list or map holds.
        choices: The alternatives of a union.
        members: The values of an enumeration.
        fields: The properties of an object, by their names on the wire.
    """

    kind: str
    element: "Shape | None" = None
    choices: "tuple[Shape, ...]" = ()
    members: tuple[Any, ...] = ()
    arguments: "Arguments | None" = None

    @property
    def fields(self) -> "Mapping[str, Property]":
        """The properties of an object, by their names on the wire."""
        return self.arguments.properties if self.arguments else {}


@dataclass(frozen=True)
class Property:
    """A property of a type or of an object within it."""

    shape: Shape
    required: bool


@dataclass(frozen=True)
class Type:
    """A resource type: its inputs by wire names, and the wire names of all outputs."""

    token: str
    inputs: Mapping[str, Property]
    outputs: frozenset[str]


class Sdk:
    """The SDK of one provider.

    Args:
        package: The name of its package, as in `pulumi_aws`.

    Raises:
        ModuleNotFoundError: It is not installed.
    """

    def __init__(self, package: str) -> None:
        found = importlib.util.find_spec(package)
        if found is None or not found.submodule_search_locations:
            raise ModuleNotFoundError(f"the SDK {package} is not installed", name=package)
        self.package = package
        self.root = Path(found.submodule_search_locations[0])
        self.version = metadata.version(package)
        self._types: dict[str, Type] = {}
        self._classes: dict[tuple[Path, str], Shape] = {}

    @cached_property
    def tokens(self) -> Mapping[str, tuple[Path, str]]:
        """Type token to the folder and class that stand for it."""
        listed = _REGISTER.search((self.root / "__init__.py").read_text(encoding="utf-8"))
        return {
            token: (self.root.joinpath(*entry["fqn"].split(".")[1:]), name)
            for entry in json.loads(listed[1] if listed else "[]")
            for token, name in entry["classes"].items()
        }

    def type(self, token: str) -> Type:
        """Returns what the SDK says about a resource type.

        Raises:
            UnknownTypeError: It has no such type.
        """
        if token not in self._types:
            if token not in self.tokens:
                near = closest(token, list(self.tokens))
                raise UnknownTypeError(f"{self.package} {self.version} has no type {token}{near}")
            folder, name = self.tokens[token]
            # The file bears the name of the class, with underscores where the generator sees words.
            file = next(f for f in folder.glob("*.py") if _squeezed(f.stem) == _squeezed(name))
            self._types[token] = self._read(token, file, name)
        return self._types[token]

    @cached_property
    def provider(self) -> Type:
        """The provider resource itself, whose inputs are its configuration."""
        return self._read(self.package, self.root / "provider.py", "Provider")

    def shape(self, folder: Path, name: str, text: str) -> Shape | None:
        """Returns what a class of the SDK stands for, or None where it is no value.

        Args:
            folder: Where the reference is.
            name: The reference, with the alias of another module before it or not.
            text: The source with the reference, which says what an alias is.
        """
        alias, _, plain = name.rpartition(".")
        if alias and alias not in ("_inputs", "outputs"):
            found = next((m for m in _ALIAS.finditer(text) if (m[4] or m[3]) == alias), None)
            if found is None:
                return None
            above = folder.parents[len(found[1]) - 2] if len(found[1]) > 1 else folder
            folder = above.joinpath(*filter(None, found[2].split(".")), found[3])
        if (folder, plain) not in self._classes:
            shape = self._class(folder, plain)
            if shape is None:
                return None
            self._classes[folder, plain] = shape
        return self._classes[folder, plain]

    def _class(self, folder: Path, name: str) -> Shape | None:
        inputs = folder / "_inputs.py"
        if name.endswith("Args"):
            return Shape("object", arguments=Arguments(self, inputs, name))
        enums = folder / "_enums.py"
        body = _body(enums.read_text(encoding="utf-8"), name) if enums.is_file() else None
        if body is None:
            return None
        return Shape("enum", members=tuple(ast.literal_eval(value) for value in _MEMBER.findall(body)))

    def _read(self, token: str, file: Path, name: str) -> Type:
        text = file.read_text(encoding="utf-8")
        body = _body(text, name) or ""
        outputs = frozenset(wire or python for wire, python in _GETTER.findall(body))
        # Where an object within another resource has that very name, the generator gives way.
        arguments = f"{name}Args" if _body(text, f"{name}Args") else f"{name}InitArgs"
        return Type(token, Arguments(self, file, arguments).properties, outputs)


class Arguments:
    """A class of arguments, read when first asked for: objects may hold themselves."""

    def __init__(self, sdk: Sdk, file: Path, name: str) -> None:
        self._sdk, self._file, self._name = sdk, file, name

    @cached_property
    def properties(self) -> Mapping[str, Property]:
        """The properties by their names on the wire.

        Raises:
            LookupError: The class is not where it is looked for.
        """
        text = self._file.read_text(encoding="utf-8")
        body = _body(text, self._name)
        signature = _SIGNATURE.search(body) if body else None
        if body is None or signature is None:
            raise LookupError(f"{self._file} has no class {self._name} of arguments")
        wires = {python: wire or python for wire, python in _GETTER.findall(body)}
        parameters = signature[1].strip()
        if not parameters:
            return {}
        (function,) = ast.parse(f"def f(*, {parameters}): pass").body
        assert isinstance(function, ast.FunctionDef)  # noqa: S101 - for the type checker: it was parsed as one
        return {
            wires[parameter.arg]: Property(self._shape(parameter.annotation, text), default is None)
            for parameter, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
        }

    def _shape(self, annotation: ast.expr | None, text: str) -> Shape:
        if isinstance(annotation, ast.Subscript):
            generic = ast.unparse(annotation.value).rpartition(".")[2]
            inner = annotation.slice
            if generic in ("Input", "Optional", "InputType"):
                return self._shape(inner, text)
            if generic == "Sequence":
                return Shape("list", element=self._shape(inner, text))
            if generic == "Mapping" and isinstance(inner, ast.Tuple):
                return Shape("map", element=self._shape(inner.elts[1], text))
            if generic == "Union" and isinstance(inner, ast.Tuple):
                return self._union(inner.elts, text)
        if isinstance(annotation, ast.Constant | ast.Name | ast.Attribute):
            shape = self._named(annotation, text)
            if shape is not None:
                return shape
        written = ast.unparse(annotation) if annotation else "nothing"
        raise LookupError(f"{self._file}: {self._name}: cannot read the annotation {written}")

    def _named(self, annotation: ast.expr, text: str) -> Shape | None:
        name = str(annotation.value) if isinstance(annotation, ast.Constant) else ast.unparse(annotation)
        last = name.rpartition(".")[2]
        if last in _PRIMITIVES and not isinstance(annotation, ast.Constant):
            return Shape(_PRIMITIVES[last])
        if name in ("pulumi.Asset", "pulumi.Archive"):
            return Shape("asset")
        return self._sdk.shape(self._file.parent, name, text)

    def _union(self, alternatives: Sequence[ast.expr], text: str) -> Shape:
        """Returns the union; what only the program may write, such as a resource for its id, falls out."""
        shapes = []
        for alternative in alternatives:
            if isinstance(alternative, ast.Constant | ast.Name | ast.Attribute):
                shape = self._named(alternative, text)
                shapes += [] if shape is None else [shape]
            else:
                shapes.append(self._shape(alternative, text))
        enums = [shape for shape in shapes if shape.kind == "enum"]
        # The wire knows no enumerations: each comes along with the type of its members.
        shapes = enums or list(dict.fromkeys(shapes))
        return shapes[0] if len(shapes) == 1 else Shape("union", choices=tuple(shapes))


def closest(name: str, known: Sequence[str]) -> str:
    """Returns what to append to a message about a name that is not known: the nearest one, if any is near."""
    near = difflib.get_close_matches(name, known, 1)
    return f"; the closest is {near[0]}" if near else ""


def _body(text: str, name: str) -> str | None:
    found = re.search(rf"^class {name}\b.*?(?=^(?:@|class |if |else)|\Z)", text, re.MULTILINE | re.DOTALL)
    return found[0] if found else None


def _squeezed(name: str) -> str:
    return name.replace("_", "").lower()
