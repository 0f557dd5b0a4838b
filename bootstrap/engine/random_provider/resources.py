"""The resource types: their inputs, how values are drawn, and what the state holds.

Values come from the operating system's cryptographic generator. Inputs, outputs and identifiers are those of
the official plugin, so that a stack can move between both: neither sees a difference in the other's state.
"""

import base64
import binascii
import secrets
import string
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bootstrap.engine.random_provider import words

Inputs = Mapping[str, Any]
Outputs = dict[str, Any]

# Stands for a value that is not known before an update; the protocol fixes it.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
_BCRYPT_ROUNDS = 10
_BCRYPT_BYTES = 72


class UnadoptableError(Exception):
    """An identifier that no resource of the type can have."""


@dataclass(frozen=True)
class Property:
    """An input property.

    Args:
        kind: `integer`, `boolean`, `string`, or `strings` for a map of strings.
        required: Whether the resource cannot do without.
        default: What the state holds where the program says nothing.
        minimum: The least value of an integer.
    """

    kind: str
    required: bool = False
    default: Any = None
    minimum: int | None = None


@dataclass(frozen=True)
class Drawn:
    """A drawn resource: its identifier and the outputs beyond the inputs."""

    identifier: str
    outputs: Outputs


@dataclass(frozen=True)
class ResourceType:
    """A resource type.

    Args:
        token: Its type token.
        properties: Its inputs by name; a change of any of them replaces the resource.
        draw: Makes a new resource of complete inputs.
        results: The outputs beyond the inputs, by name.
        secret: Those of the outputs that the state encrypts.
        faults: Rules across inputs, as pairs of property and reason; the inputs are known and well typed.
        adopt: Makes the inputs and the resource that an imported identifier stands for.
        schema_version: Version of the state as the official plugin writes it.
    """

    token: str
    properties: Mapping[str, Property]
    draw: Callable[[Inputs], Drawn]
    results: tuple[str, ...]
    secret: frozenset[str] = frozenset()
    faults: Callable[[Inputs], list[tuple[str, str]]] = lambda _: []
    adopt: Callable[[str], tuple[Outputs, Drawn]] | None = None
    schema_version: int = 0

    def complete(self, inputs: Inputs) -> Outputs:
        """Returns the inputs with all defaults, as the state holds them."""
        values = {name: p.default for name, p in self.properties.items() if p.default is not None}
        values |= {
            name: value for name, value in inputs.items() if name in self.properties and value is not None
        }
        if "numeric" in self.properties:
            # `number` is the old name of `numeric`; the state holds both.
            given = inputs.get("numeric") if inputs.get("numeric") is not None else inputs.get("number")
            values["number"] = values["numeric"] = True if given is None else given
        return values

    def check(self, inputs: Inputs) -> list[tuple[str, str]]:
        """Returns all faults of the inputs as pairs of property and reason."""
        found = [
            (name, f"unknown property {name!r}; {self.token} has {', '.join(sorted(self.properties))}")
            for name in sorted(inputs)
            if name not in self.properties and not name.startswith("__")
        ]
        for name, expected in self.properties.items():
            value = inputs.get(name)
            if value is None:
                if expected.required:
                    found.append((name, f"missing required property {name!r}"))
            elif value != UNKNOWN and (reason := _mistyped(value, expected)):
                found.append((name, f"property {name!r} {reason}"))
        if found or any(value == UNKNOWN for value in inputs.values()):
            return found
        return self.faults(inputs)


def _mistyped(value: Any, expected: Property) -> str | None:
    if expected.kind == "integer":
        # The wire knows floats only, and booleans are integers to Python.
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            return f"must be an integer, not {value!r}"
        if expected.minimum is not None and value < expected.minimum:
            return f"must be at least {expected.minimum}, not {int(value)}"
    elif expected.kind == "boolean" and not isinstance(value, bool):
        return f"must be a boolean, not {value!r}"
    elif expected.kind == "string" and not isinstance(value, str):
        return f"must be a string, not {value!r}"
    elif expected.kind == "strings" and not (
        isinstance(value, dict) and all(isinstance(entry, str | None) for entry in value.values())
    ):
        return "must be a map of strings"
    return None


_KEEPERS = Property("strings")
_CLASSES = {"Lower": "lower", "Numeric": "numeric", "Special": "special", "Upper": "upper"}
_CHARACTERS: dict[str, Property] = {
    "keepers": _KEEPERS,
    "length": Property("integer", required=True, minimum=1),
    "lower": Property("boolean", default=True),
    "minLower": Property("integer", default=0, minimum=0),
    "minNumeric": Property("integer", default=0, minimum=0),
    "minSpecial": Property("integer", default=0, minimum=0),
    "minUpper": Property("integer", default=0, minimum=0),
    "number": Property("boolean"),
    "numeric": Property("boolean"),
    "overrideSpecial": Property("string"),
    "special": Property("boolean", default=True),
    "upper": Property("boolean", default=True),
}


def _alphabets(values: Inputs) -> dict[str, str]:
    return {
        "Lower": string.ascii_lowercase,
        "Numeric": string.digits,
        "Special": values.get("overrideSpecial") or _SPECIAL,
        "Upper": string.ascii_uppercase,
    }


def _characters(values: Inputs) -> str:
    """Draws characters: the minimum of each class first, the rest from all allowed ones, in random order."""
    generator = secrets.SystemRandom()
    alphabets = _alphabets(values)
    drawn: list[str] = []
    for kind, alphabet in alphabets.items():
        drawn += [generator.choice(alphabet) for _ in range(int(values[f"min{kind}"]))]
    allowed = "".join(alphabet for kind, alphabet in alphabets.items() if values[_CLASSES[kind]])
    drawn += [generator.choice(allowed) for _ in range(int(values["length"]) - len(drawn))]
    generator.shuffle(drawn)
    return "".join(drawn)


def _character_faults(inputs: Inputs) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    numbers = [inputs[name] for name in ("number", "numeric") if inputs.get(name) is not None]
    if len(set(numbers)) > 1:
        found.append(("number", "properties 'number' and 'numeric' are the same and must not differ"))
    classes = {name: inputs.get(name) for name in ("lower", "special", "upper")}
    classes["numeric"] = numbers[-1] if numbers else None
    least = sum(int(inputs.get(f"min{kind}") or 0) for kind in _CLASSES)
    length = int(inputs["length"])
    if length < least:
        found.append(
            ("length", f"property 'length' is {length}, less than the minimums together, which are {least}")
        )
    elif all(allowed is False for allowed in classes.values()) and length > least:
        found.append(
            ("length", "no class of characters is allowed: set one of lower, numeric, special, upper")
        )
    return found


def _hash(value: str) -> str:
    import bcrypt  # only passwords need it, and it costs the start of each other use

    return bcrypt.hashpw(value.encode()[:_BCRYPT_BYTES], bcrypt.gensalt(_BCRYPT_ROUNDS)).decode()


def _password(value: str) -> Drawn:
    return Drawn("none", {"result": value, "bcryptHash": _hash(value)})


def _imported_characters(value: str) -> Outputs:
    return {"length": len(value)}


def _identity(values: Inputs, drawn: bytes) -> Drawn:
    prefix = values.get("prefix") or ""
    identifier = base64.urlsafe_b64encode(drawn).decode().rstrip("=")
    return Drawn(
        identifier,
        {
            "b64Std": prefix + base64.b64encode(drawn).decode(),
            "b64Url": prefix + identifier,
            "dec": prefix + str(int.from_bytes(drawn, "big")),
            "hex": prefix + drawn.hex(),
        },
    )


def _adopt_identity(identifier: str) -> tuple[Outputs, Drawn]:
    prefix, _, encoded = identifier.rpartition(",")
    try:
        drawn = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise UnadoptableError(
            f"{identifier!r} is not [PREFIX,]ID with an ID in unpadded URL-safe base64"
        ) from error
    inputs: Outputs = {"byteLength": len(drawn)} | ({"prefix": prefix} if prefix else {})
    return inputs, _identity(inputs, drawn)


def _pet(values: Inputs) -> Drawn:
    length = int(values["length"])
    chosen = [secrets.choice(words.ADVERBS) for _ in range(length - 2)]
    chosen += [secrets.choice(words.ADJECTIVES)] if length > 1 else []
    chosen.append(secrets.choice(words.ANIMALS))
    return Drawn(values["separator"].join(([values["prefix"]] if values.get("prefix") else []) + chosen), {})


def _uuid(value: str) -> Drawn:
    return Drawn(value, {"result": value})


def _adopt_uuid(identifier: str) -> tuple[Outputs, Drawn]:
    try:
        return {}, _uuid(str(uuid.UUID(identifier)))
    except ValueError as error:
        raise UnadoptableError(f"{identifier!r} is not a UUID") from error


def _integer(values: Inputs) -> Drawn:
    low, high = int(values["min"]), int(values["max"])
    drawn = low + secrets.randbelow(high - low + 1)
    return Drawn(str(drawn), {"result": drawn})


def _integer_faults(inputs: Inputs) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if inputs["min"] > inputs["max"]:
        found.append(
            ("min", f"property 'min' is {int(inputs['min'])}, more than 'max', {int(inputs['max'])}")
        )
    if inputs.get("seed"):
        found.append(
            ("seed", "a seed asks for the numbers of another generator, which this plugin does not have")
        )
    return found


def _bytes(drawn: bytes) -> Drawn:
    return Drawn("none", {"base64": base64.b64encode(drawn).decode(), "hex": drawn.hex()})


def _adopt_bytes(identifier: str) -> tuple[Outputs, Drawn]:
    try:
        drawn = base64.b64decode(identifier, validate=True)
    except binascii.Error as error:
        raise UnadoptableError("the identifier of random bytes is not base64") from error
    return {"length": len(drawn)}, _bytes(drawn)


TYPES = {
    resource.token: resource
    for resource in (
        ResourceType(
            "random:index/randomPassword:RandomPassword",
            _CHARACTERS,
            lambda values: _password(_characters(values)),
            ("bcryptHash", "result"),
            secret=frozenset({"bcryptHash", "result"}),
            faults=_character_faults,
            adopt=lambda identifier: (_imported_characters(identifier), _password(identifier)),
            schema_version=3,
        ),
        ResourceType(
            "random:index/randomString:RandomString",
            _CHARACTERS,
            lambda values: _uuid(_characters(values)),
            ("result",),
            faults=_character_faults,
            adopt=lambda identifier: (_imported_characters(identifier), _uuid(identifier)),
            schema_version=2,
        ),
        ResourceType(
            "random:index/randomId:RandomId",
            {
                "byteLength": Property("integer", required=True, minimum=1),
                "keepers": _KEEPERS,
                "prefix": Property("string"),
            },
            lambda values: _identity(values, secrets.token_bytes(int(values["byteLength"]))),
            ("b64Std", "b64Url", "dec", "hex"),
            adopt=_adopt_identity,
        ),
        ResourceType(
            "random:index/randomPet:RandomPet",
            {
                "keepers": _KEEPERS,
                "length": Property("integer", default=2, minimum=1),
                "prefix": Property("string"),
                "separator": Property("string", default="-"),
            },
            _pet,
            (),
        ),
        ResourceType(
            "random:index/randomUuid:RandomUuid",
            {"keepers": _KEEPERS},
            lambda _: _uuid(str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))),
            ("result",),
            adopt=_adopt_uuid,
        ),
        ResourceType(
            "random:index/randomInteger:RandomInteger",
            {
                "keepers": _KEEPERS,
                "max": Property("integer", required=True),
                "min": Property("integer", required=True),
                "seed": Property("string"),
            },
            _integer,
            ("result",),
            faults=_integer_faults,
        ),
        ResourceType(
            "random:index/randomBytes:RandomBytes",
            {"keepers": _KEEPERS, "length": Property("integer", required=True, minimum=1)},
            lambda values: _bytes(secrets.token_bytes(int(values["length"]))),
            ("base64", "hex"),
            secret=frozenset({"base64", "hex"}),
            adopt=_adopt_bytes,
        ),
    )
}
