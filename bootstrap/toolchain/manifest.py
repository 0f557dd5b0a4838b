"""What the toolchain consists of: the typed form of `toolchain.toml`."""

import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bootstrap.errors import ColonnadeError

Group = Literal["engine", "cluster", "images"]

HOME = Path(__file__).resolve().parent


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModuleFile(_Entry):
    """A file, a directory, or a pattern of files, that is taken out of a Go module.

    Attributes:
        module: The module's path; its version is the one that go.mod selects.
        path: The path inside the module; a pattern takes every match, in order of name, and a directory
            becomes a compressed archive, with itself as the only folder at the top.
        to: Where it goes, relative to the tool's directory.
    """

    module: str
    path: str
    to: str


class GoTool(_Entry):
    """A tool that is built from a Go module, see the head of `toolchain.toml`."""

    name: str
    version: str
    group: Group
    seconds: int = Field(gt=0)
    megabytes: int = Field(gt=0)
    official: bool = False
    packages: dict[str, str] = {}
    ldflags: str = ""
    env: dict[str, str] = {}
    embed: tuple[ModuleFile, ...] = ()
    files: tuple[ModuleFile, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        # One `go build` names several binaries after their packages, so only a lone one can be renamed.
        wrong = [name for name, package in self.packages.items() if PurePosixPath(package).name != name]
        if len(self.packages) > 1 and wrong:
            raise ValueError(f"binaries {wrong} are not named like their packages")
        if not self.packages and not self.files:
            raise ValueError("neither packages nor files")
        return self

    @property
    def module_directory(self) -> Path:
        """The directory that holds the tool's go.mod and go.sum."""
        return HOME / "modules" / self.name

    @property
    def binaries(self) -> tuple[str, ...]:
        """The names of all executables of the tool."""
        scripts = [PurePosixPath(file.to).name for file in self.files if file.to.startswith("bin/")]
        return (*self.packages, *scripts)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The paths of all that a finished build holds, relative to its directory."""
        return (*(f"bin/{name}" for name in self.packages), *(file.to for file in self.files))


class PythonTool(_Entry):
    """A module of Colonnade that the engine starts as an executable."""

    name: str
    module: str
    official: bool = False


class DebianPackage(_Entry):
    """A package of the distribution, and the commands or absolute paths that show that it is there."""

    name: str
    provides: tuple[str, ...] = Field(min_length=1)


class OfficialEngine(_Entry):
    """What an official Pulumi installation must be to be used."""

    minimum: str


class Manifest(_Entry):
    """All tools; names are unique over all kinds."""

    official: OfficialEngine
    go: tuple[GoTool, ...]
    python: tuple[PythonTool, ...] = ()
    debian: tuple[DebianPackage, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [tool.name for tool in self.go] + [tool.name for tool in self.python]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"declared twice: {', '.join(doubled)}")
        return self

    def tool(self, name: str) -> GoTool:
        """Returns the Go tool of that name.

        Raises:
            ColonnadeError: There is none; the message names those that exist.
        """
        for tool in self.go:
            if tool.name == name:
                return tool
        raise _unknown(name, (tool.name for tool in self.go))

    def owner(self, binary: str) -> GoTool | PythonTool:
        """Returns the tool that an executable belongs to.

        Raises:
            ColonnadeError: No tool has such an executable.
        """
        for tool in self.go:
            if binary in tool.binaries:
                return tool
        for script in self.python:
            if binary == script.name:
                return script
        raise _unknown(binary, (name for tool in self.go for name in tool.binaries))

    def select(self, names: Iterable[str]) -> list[GoTool]:
        """Returns the Go tools that names of tools, binaries or groups stand for; all of them for no names.

        Raises:
            ColonnadeError: A name stands for nothing.
        """
        wanted = list(names)
        if not wanted:
            return list(self.go)
        chosen: set[str] = set()
        for name in wanted:
            found = {t.name for t in self.go if name in (t.name, t.group) or name in t.binaries}
            if not found:
                raise _unknown(name, (tool.name for tool in self.go))
            chosen |= found
        return [tool for tool in self.go if tool.name in chosen]


def _unknown(name: str, known: Iterable[str]) -> ColonnadeError:
    return ColonnadeError(f"unknown tool {name!r}", f"name one of {', '.join(sorted(known))}")


def manifest() -> Manifest:
    """Returns the declared toolchain.

    Raises:
        ColonnadeError: The file is not valid; the message names every fault.
    """
    return _read(HOME / "toolchain.toml")


@cache
def _read(path: Path) -> Manifest:
    try:
        return Manifest.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise ColonnadeError(f"{path}: {error}", "restore the file from the repository") from error
