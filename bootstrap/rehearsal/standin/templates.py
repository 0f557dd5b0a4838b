"""Templates of the tables: what the real cloud draws or derives."""

import re
import secrets
import string
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bootstrap.rehearsal.standin.model import UNKNOWN, select
from bootstrap.rehearsal.standin.table import TableError

_FIELD = re.compile(r"\{([a-z]+)(?:([.:])([^{}]+))?\}")
_ALPHABETS = {
    "hex": string.hexdigits[:16],
    "digits": string.digits,
    "upper": string.ascii_uppercase + string.digits,
}


@dataclass(frozen=True)
class Context:
    """What templates may speak of; `words` are region, account, partition and, once there is one, id."""

    words: Mapping[str, str]
    inputs: Mapping[str, Any]


def render(template: Any, context: Context) -> Any:
    """Returns the template with every field filled in; UNKNOWN where it names an input not known yet.

    Raises:
        TableError: A field is unknown, or names an input that is absent.
    """
    if isinstance(template, Mapping):
        return {name: render(entry, context) for name, entry in template.items()}
    if isinstance(template, list):
        return [render(entry, context) for entry in template]
    if not isinstance(template, str):
        return template
    whole = _FIELD.fullmatch(template)
    if whole and whole[1] == "inputs":
        return _field(whole, context)
    values = [_field(match, context) for match in _FIELD.finditer(template)]
    if UNKNOWN in values:
        return UNKNOWN
    rest = iter(values)
    return _FIELD.sub(lambda _: str(next(rest)), template)


def draws(template: Any) -> bool:
    """Returns whether rendering the template twice gives two values."""
    return any(match[1] in _ALPHABETS for text in _texts(template) for match in _FIELD.finditer(text))


def fill(template: str, outputs: Mapping[str, Any]) -> str:
    """Returns a template over the outputs of a resource, such as `{arn}/logs`, filled in."""
    return re.sub(r"\{([\w.]+)\}", lambda m: next((str(v) for _, v in select(outputs, m[1])), ""), template)


def _field(match: re.Match[str], context: Context) -> Any:
    word, _, rest = match.groups()
    if word in _ALPHABETS and rest and rest.isdigit():
        # No leading zero: a number that starts with one is read as octal, or not at all.
        first = "".join(secrets.choice(_ALPHABETS[word].replace("0", "")) for _ in range(min(1, int(rest))))
        return first + "".join(secrets.choice(_ALPHABETS[word]) for _ in range(int(rest) - 1))
    if word == "inputs" and rest:
        known = [value for _, value in select(context.inputs, rest)]
        if known:
            return known[0]
        above = [value for _, value in select(context.inputs, rest.partition(".")[0])]
        if UNKNOWN in above:
            return UNKNOWN
        raise TableError(f"the template field {match[0]} names an input that was not given")
    if word == "crc" and rest:
        return zlib.crc32(str(next(value for _, value in select(context.inputs, rest))).encode())
    if word == "host" and rest:
        return str(next(value for _, value in select(context.inputs, rest))).removeprefix("https://")
    if rest is None and word in context.words:
        return context.words[word]
    raise TableError(f"the template field {match[0]} is unknown")


def _texts(template: Any) -> Iterator[str]:
    if isinstance(template, str):
        yield template
    elif isinstance(template, Mapping | list):
        for entry in template.values() if isinstance(template, Mapping) else template:
            yield from _texts(entry)
