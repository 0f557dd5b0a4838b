"""Where built tools lie: one directory for each content address, published whole or not at all."""

import hashlib
import json
import os
import platform
import shutil
import sys
from functools import cache
from pathlib import Path

from bootstrap.errors import ColonnadeError
from bootstrap.paths import cache_root
from bootstrap.toolchain import go, official
from bootstrap.toolchain.manifest import GoTool, PythonTool, manifest

# Raise it when the builder makes something else of the same inputs.
_FORMAT = "1"

# What weighs the estimate or sorts the list does not change what is built.
_IMMATERIAL = {"seconds", "megabytes", "group", "official"}


def root() -> Path:
    """Returns the directory of all built tools."""
    return cache_root() / "toolchain"


def _go_version_record() -> Path:
    return root() / "go-version"


def record_go_version(version: str) -> None:
    """Keeps the Go version of the last build, so that its tools are found after Go is gone."""
    root().mkdir(parents=True, exist_ok=True)
    _go_version_record().write_text(version + "\n", encoding="utf-8")


@cache
def _go_version(path: str, module_directory: Path, record: Path) -> str:  # noqa: ARG001
    if shutil.which("go") is None and record.is_file():
        return record.read_text(encoding="utf-8").strip()
    return go.version(module_directory)


def address(tool: GoTool) -> str:
    """Returns the content address of a tool: equal inputs, equal address.

    Inputs are the files of its module directory, its entry in the manifest and the Go version.

    Raises:
        ColonnadeError: Go is missing or too old.
    """
    digest = hashlib.sha256()
    version = _go_version(os.environ.get("PATH", ""), tool.module_directory, _go_version_record())
    entry = tool.model_dump(mode="json", exclude=_IMMATERIAL)
    for part in (_FORMAT, version, platform.machine(), json.dumps(entry, sort_keys=True)):
        digest.update(part.encode() + b"\0")
    for name in ("go.mod", "go.sum", "main.go"):
        path = tool.module_directory / name
        digest.update(path.read_bytes() if path.is_file() else b"")
        digest.update(b"\0")
    return digest.hexdigest()[:24]


def directory(tool: GoTool) -> Path:
    """Returns the directory of a tool's content address, which exists once it is built."""
    return root() / tool.name / address(tool)


def is_built(tool: GoTool) -> bool:
    """Tells whether a tool is there, complete."""
    place = directory(tool)
    return place.is_dir() and all((place / output).is_file() for output in tool.outputs)


def publish(tool: GoTool, staged: Path, place: Path) -> None:
    """Moves a finished build to the directory of its address; whoever looks sees all of it or nothing."""
    for output in tool.outputs:
        with (staged / output).open("rb") as file:
            os.fsync(file.fileno())
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():  # damaged, else it would not have been built again
        shutil.rmtree(place)
    staged.rename(place)
    parent = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def binary(name: str) -> Path:
    """Returns the path of an executable of the toolchain, e.g. `kubelet`.

    What an official Pulumi installation brings is taken from there where one is on PATH.

    Raises:
        ColonnadeError: It is unknown, or not built.
    """
    tool = manifest().owner(name)
    engine = official.find() if tool.official else None
    if engine and (engine.parent / name).is_file():
        return engine.parent / name
    home = Path(sys.prefix) if isinstance(tool, PythonTool) else directory(tool)
    path = home / "bin" / name
    if not path.is_file():
        raise ColonnadeError(f"{name} is not built: {path} is missing", "make setup")
    return path


def module_file(tool: str, relative: str) -> Path:
    """Returns a file that was taken out of a tool's Go module, e.g. `gateway-api`, `gateway-api-1.4.0.yaml`.

    Raises:
        ColonnadeError: The tool is unknown, declares no such file, or is not built.
    """
    entry = manifest().tool(tool)
    declared = f"files/{relative}"
    if declared not in entry.outputs:
        known = ", ".join(output.removeprefix("files/") for output in entry.outputs) or "nothing"
        raise ColonnadeError(f"{tool} keeps no file {relative!r}", f"name one of: {known}")
    path = directory(entry) / declared
    if not path.is_file():
        raise ColonnadeError(f"{tool} is not built: {path} is missing", "make setup")
    return path
