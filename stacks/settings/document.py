"""Reads a stack file as the engine does, keeping lines and finding what the engine would let pass."""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from stacks.settings.faults import WHOLE_FILE, Fault, Location, show_path

ENCRYPTED = "[encrypted]"
_DEEPEST = 32
# Beyond it, JSON as the engine writes it has an exponent.
_LARGEST_WHOLE = 1e21


class _Loader(yaml.SafeLoader):
    """Types scalars as the engine does: YAML 1.2, where `yes` and `1:30` are text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)|0x[0-9a-fA-F]+|0o?[0-7]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("timestamp", r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?", "0123456789"),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))


@dataclass
class Document:
    """A YAML document as plain values.

    Attributes:
        tree: Mappings, lists and scalars; encrypted values are replaced by a mark.
        lines: The line of every location, counted from 1.
        encrypted: Locations whose values are encrypted.
        faults: What is wrong with the text itself.
    """

    tree: Any = None
    lines: dict[Location, int] = field(default_factory=dict)
    encrypted: set[Location] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)

    def line(self, location: Location) -> int | None:
        """Returns the line of a location, or of the nearest one above it that the file has."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location)


def read(text: str) -> Document:
    """Returns the document in a text; faults of the text are in it, never raised."""
    document = Document()
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" (column {mark.column + 1})" if mark else ""
        document.faults.append(
            Fault(
                WHOLE_FILE,
                None,
                f"is not YAML: {error.problem or error.context}{where}",
                "mend the syntax there",
                mark.line + 1 if mark else None,
            )
        )
        return document
    except yaml.reader.ReaderError as error:
        document.faults.append(
            Fault(
                WHOLE_FILE,
                None,
                f"is not YAML: {error.reason}",
                "remove the character",
                text[: error.position].count("\n") + 1,
            )
        )
        return document
    except RecursionError:
        document.faults.append(Fault(WHOLE_FILE, None, "is nested too deeply", "write it flatter"))
        return document
    if root is not None:
        _Reader(document).visit(root, (), ())
    return document


class _Reader:
    def __init__(self, document: Document) -> None:
        self.document = document

    def visit(self, node: Node, at: Location, above: tuple[Node, ...]) -> None:
        """Sets the document's tree to the value of its root."""
        self.document.tree = self._value(node, at, above)

    def _value(self, node: Node, at: Location, above: tuple[Node, ...]) -> Any:
        self.document.lines.setdefault(at, node.start_mark.line + 1)
        if len(above) > _DEEPEST or node in above:
            self._fault(at, node, "is nested too deeply", "write it flatter, without an alias to itself")
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, at, (*above, node))
        if isinstance(node, SequenceNode):
            return [self._value(item, (*at, index), (*above, node)) for index, item in enumerate(node.value)]
        return self._scalar(node, at)

    def _mapping(self, node: MappingNode, at: Location, above: tuple[Node, ...]) -> Any:
        found: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode) or key_node.tag.endswith(":merge"):
                self._fault(at, key_node, "has a key that is not text", "write each key as a plain word")
                continue
            key = str(key_node.value)
            here = (*at, key)
            if key in found:
                self._fault(
                    here, key_node, f"is given twice, first on line {lines[key]}", "keep one of the two"
                )
                continue
            lines[key] = line
            self.document.lines[here] = line
            found[key] = self._value(value_node, here, above)
        if set(found) == {"secure"} and isinstance(found["secure"], str):
            self.document.encrypted.add(at)
            return ENCRYPTED
        return found

    def _scalar(self, node: Node, at: Location) -> Any:
        text = str(node.value)
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        if kind == "null":
            return None
        if kind == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind == "int" and re.fullmatch(r"[-+]?[0-9_]+|0x[0-9a-fA-F]+|0o[0-7]+", text):
            return int(text, 8) if re.fullmatch(r"0[0-7]+", text) else int(text.replace("_", ""), 0)
        if kind == "float":
            number = float(text)
            return int(number) if number.is_integer() and abs(number) < _LARGEST_WHOLE else number
        if kind == "timestamp":
            self._fault(at, node, "reads as a date", "put it in quotes")
            return text
        if kind in ("str", "merge"):
            return text
        self._fault(at, node, f"has the YAML tag {node.tag}", "write it without a tag")
        return text

    def _fault(self, at: Location, node: Node, problem: str, fix: str) -> None:
        self.document.faults.append(Fault(show_path(at), None, problem, fix, node.start_mark.line + 1))
