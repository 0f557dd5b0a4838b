"""Puts the engine, its plugins and kubectl on the PATH of the virtual environment."""

import tempfile
from pathlib import Path

from bootstrap.toolchain import official, store
from bootstrap.toolchain.manifest import manifest

_SCRIPT = """#!{python}
import runpy

runpy.run_module("{module}", run_name="__main__", alter_sys=True)
"""


def link(venv_bin: Path) -> list[Path]:
    """Makes plain `pulumi` and `kubectl` work in an activated environment.

    Links what is built and writes the scripts that start Colonnade's own plugins. Where an official Pulumi
    installation is on PATH, what it replaces is removed instead. Doing it again changes nothing.

    Returns:
        What is there afterwards.

    Raises:
        ColonnadeError: Something that should be linked is not built.
    """
    theirs = official.find() is not None
    placed: list[Path] = []
    for tool in manifest().go:
        names = tool.binaries if tool.group == "engine" else [n for n in tool.binaries if n == "kubectl"]
        for name in names:
            if tool.official and theirs:
                (venv_bin / name).unlink(missing_ok=True)
            else:
                placed.append(_symlink(venv_bin / name, store.binary(name)))
    for script in manifest().python:
        if script.official and theirs:
            (venv_bin / script.name).unlink(missing_ok=True)
        else:
            text = _SCRIPT.format(python=venv_bin / "python", module=script.module)
            placed.append(_write(venv_bin / script.name, text))
    return placed


def _symlink(path: Path, target: Path) -> Path:
    if path.is_symlink() and path.readlink() == target:
        return path
    with tempfile.TemporaryDirectory(dir=path.parent) as temporary:
        fresh = Path(temporary) / path.name
        fresh.symlink_to(target)
        fresh.replace(path)
    return path


def _write(path: Path, text: str) -> Path:
    if path.is_file() and not path.is_symlink() and path.read_text(encoding="utf-8") == text:
        return path
    with tempfile.TemporaryDirectory(dir=path.parent) as temporary:
        fresh = Path(temporary) / path.name
        fresh.write_text(text, encoding="utf-8")
        fresh.chmod(0o755)
        fresh.replace(path)
    return path
