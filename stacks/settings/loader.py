"""The two entrances to the settings of a stack: its file, and the running program's configuration."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_origin

from stacks.settings import document
from stacks.settings.faults import WHOLE_FILE, Fault, Location, SettingsError, closest, show_path
from stacks.settings.model import Settings
from stacks.settings.partial import plain_type
from stacks.settings.validation import secret_fields, validate

PROJECT = "colonnade"
DEFAULT_PROVIDERS_OFF = "pulumi:disable-default-providers"
STACK_KEYS = ("config", "encryptionsalt", "encryptedkey", "secretsprovider", "environment")

_FILE_NAME = re.compile(r"Pulumi\.(.+)\.ya?ml")


def load_file(path: str | Path) -> Settings:
    """Returns the settings in a stack file.

    Secrets in them are marks, since nothing is decrypted here.

    Raises:
        SettingsError: With every fault of the file, in the order of its lines.
    """
    path = Path(path)
    settings, faults = check_file(path)
    if settings is None:
        raise SettingsError(faults, str(path))
    return settings


def check_file(path: Path) -> tuple[Settings | None, list[Fault]]:
    """Returns the settings in a stack file, or None and every fault of it."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        return None, [
            Fault(WHOLE_FILE, None, f"cannot be read: {error.strerror}", "name a readable stack file")
        ]
    except UnicodeDecodeError as error:
        return None, [Fault(WHOLE_FILE, None, f"is not UTF-8 text at byte {error.start}", "save it as UTF-8")]
    read = document.read(text)
    faults, config = _config(read)
    if config is None:
        return None, faults
    plain = {location[1:] for location in read.encrypted if location[0] == "config" and len(location) > 1}
    encrypted = {(_bare(str(location[0])), *location[1:]) for location in plain}
    scalars = {
        key: value if isinstance(value, dict | list) else _as_engine(value) for key, value in config.items()
    }
    settings, found = _settings(scalars, _stack_of(path), encrypted.__contains__)
    secrets = set(secret_fields())
    opaque = [
        Fault(
            show_path(location),
            None,
            "is encrypted, but is no secret and must be checked",
            "write it in plain",
        )
        for location in sorted(encrypted - secrets, key=str)
    ]
    lines = {_without_prefix(location): line for location, line in read.lines.items()}
    by_path = {show_path(location): line for location, line in lines.items()}
    faults += [replace(fault, line=_line(fault.path, by_path)) for fault in (*opaque, *found)]
    unique = {fault.path: fault for fault in reversed(faults)}
    ordered = sorted(unique.values(), key=lambda fault: (fault.line or 0, fault.path))
    return (settings if not ordered else None), ordered


def from_pulumi() -> Settings:
    """Returns the settings of the stack that the program runs for.

    Raises:
        SettingsError: With every fault of the configuration, in the words of `load_file`.
    """
    # Imported here: the SDK takes most of a second, and who checks a file has no engine.
    import pulumi
    from pulumi.runtime import is_config_secret
    from pulumi.runtime.config import CONFIG

    config = {key: value for key, value in CONFIG.get().items() if isinstance(value, str)}
    stack = pulumi.get_stack()

    def is_secret(location: Location) -> bool:
        # The engine tells only which top-level keys hold secrets.
        return is_config_secret(f"{PROJECT}:{location[0]}")

    settings, faults = _settings(config, stack, is_secret)
    if settings is None:
        raise SettingsError(faults, stack)
    return settings


def _config(read: document.Document) -> tuple[list[Fault], dict[str, Any] | None]:
    faults = [replace(fault, path=_without_prefix_text(fault.path)) for fault in read.faults]
    if read.tree is None:
        if not faults:
            faults.append(Fault(WHOLE_FILE, None, "is empty", "write the settings below `config:`"))
        return faults, None
    if not isinstance(read.tree, dict):
        faults.append(
            Fault(WHOLE_FILE, None, "is not a mapping", "write the settings below `config:`", read.line(()))
        )
        return faults, None
    for key in read.tree:
        if key not in STACK_KEYS:
            near = closest(key, STACK_KEYS)
            fix = (
                f"did you mean `{near}`?" if near else "write it below `config:` with the prefix `colonnade:`"
            )
            faults.append(Fault(key, None, "is not a key of a stack file", fix, read.line((key,))))
    config = read.tree.get("config")
    if not isinstance(config, dict):
        faults.append(
            Fault(
                "config",
                None,
                "is not a mapping",
                "write `config:` and the settings below it",
                read.line(("config",)),
            )
        )
        return faults, None
    return faults, config


def _settings(config: Mapping[str, Any], stack: str, is_secret: Any) -> tuple[Settings | None, list[Fault]]:
    """Returns what both entrances agree on: settings from configuration keys with their prefixes."""
    given: dict[str, Any] = {}
    faults: list[Fault] = list(_default_providers(config))
    for key, value in config.items():
        namespace, colon, name = key.partition(":")
        if colon and namespace == PROJECT:
            given[name] = _decode(name, value)
        elif not colon:
            faults.append(
                Fault(
                    key,
                    None,
                    "has no prefix",
                    f"write {PROJECT}:{closest(key, Settings.model_fields) or key}",
                )
            )
        elif namespace != "pulumi":
            near = closest(namespace, [PROJECT])
            faults.append(
                Fault(
                    key,
                    None,
                    "has no effect: default providers are off",
                    f"did you mean {PROJECT}:{name}?"
                    if near
                    else "remove it; region and account are settings of Colonnade",
                )
            )
    settings, found = validate(given, stack, is_secret)
    faults += found
    return (settings if not faults else None), faults


def _default_providers(config: Mapping[str, Any]) -> Iterable[Fault]:
    value = config.get(DEFAULT_PROVIDERS_OFF)
    if isinstance(value, str):
        value = _json(value)
    if value is None:
        yield Fault(
            DEFAULT_PROVIDERS_OFF, None, "is missing", f'add `{DEFAULT_PROVIDERS_OFF}: ["*"]` below `config:`'
        )
    elif value != ["*"]:
        yield Fault(
            DEFAULT_PROVIDERS_OFF,
            json.dumps(value),
            "leaves default providers on",
            f'write `{DEFAULT_PROVIDERS_OFF}: ["*"]`',
        )


def _decode(name: str, value: Any) -> Any:
    """Returns the value of a top-level key, which the engine hands over as text."""
    if not isinstance(value, str):
        return value
    if value in ("", "null"):
        # The engine calls a key without value the one today and says that it will call it the other.
        return None
    field = Settings.model_fields.get(name)
    decoded = _json(value)
    if decoded is None or field is None:
        return value
    kind = plain_type(field.annotation)
    return value if kind is str or get_origin(kind) is Literal else decoded


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _as_engine(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _bare(key: str) -> str:
    return key.removeprefix(f"{PROJECT}:")


def _without_prefix(location: Location) -> Location:
    if len(location) > 1 and location[0] == "config":
        return (_bare(str(location[1])), *location[2:])
    return location


def _without_prefix_text(path: str) -> str:
    return path.removeprefix("config.").removeprefix(f"{PROJECT}:") if path.startswith("config.") else path


def _line(path: str, lines: Mapping[str, int]) -> int | None:
    while path and path not in lines:
        path = path.rpartition("[")[0] if path.endswith("]") else path.rpartition(".")[0]
    return lines.get(path) if path else lines.get("config")


def _stack_of(path: Path) -> str:
    match = _FILE_NAME.fullmatch(path.name)
    return match[1] if match else path.name.partition(".")[0]
