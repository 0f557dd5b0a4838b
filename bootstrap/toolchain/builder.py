"""Builds what the manifest declares and the cache lacks."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bootstrap.errors import ColonnadeError
from bootstrap.report.progress import Progress, Step
from bootstrap.toolchain import archive, disk, go, official, store
from bootstrap.toolchain.manifest import GoTool, ModuleFile, manifest


def wanted(names: Iterable[str] = ()) -> list[GoTool]:
    """Returns the tools that names stand for, without those that an official Pulumi installation brings.

    Args:
        names: Names of tools, binaries or groups; none means all.

    Raises:
        ColonnadeError: A name stands for nothing.
    """
    named = list(names)
    tools = manifest().select(named)
    return [tool for tool in tools if not tool.official] if official.find() else tools


def missing(names: Iterable[str] = ()) -> list[GoTool]:
    """Returns those of the wanted tools that are not built yet.

    Raises:
        ColonnadeError: A name stands for nothing, or Go is missing or too old.
    """
    return [tool for tool in wanted(names) if not store.is_built(tool)]


def expected_seconds(tools: Iterable[GoTool]) -> int:
    """Returns what a cold build of the tools is expected to take on two cores."""
    return sum(tool.seconds for tool in tools)


def build(tools: Sequence[GoTool], progress: Progress) -> None:
    """Builds those of the tools that are missing, one after another.

    Each tool appears in the cache complete or not at all, and stays there when a later one fails or the build
    is interrupted; the next build goes on from there. One build runs at a time on a cache.

    Raises:
        ColonnadeError: Go is missing or too old, the disk is full, or a build failed.
    """
    try:
        store.root().mkdir(parents=True, exist_ok=True)
        with _locked(progress):
            todo = [tool for tool in tools if not store.is_built(tool)]
            if done := [tool for tool in tools if tool not in todo]:
                progress.skip(f"{len(done)} of {len(tools)} tools", "built before", expected_seconds(done))
            if not todo:
                return
            _make_room(todo)
            store.record_go_version(go.version(todo[0].module_directory))
            for tool in todo:
                with progress.step(_title(tool), expected=tool.seconds):
                    _build(tool)
    except OSError as error:
        if disk.is_full(error):
            raise disk.full(store.root()) from error
        raise ColonnadeError(
            f"cannot write {error.filename or store.root()}: {error.strerror}",
            "set COLONNADE_CACHE to a directory that can be written",
        ) from error


def _title(tool: GoTool) -> str:
    return f"{tool.name} {tool.version}"


def _make_room(todo: Sequence[GoTool]) -> None:
    need = sum(tool.megabytes for tool in todo)
    disk.require([store.root(), *go.cache_directories()], need)
    # What an interrupted build left; nobody else builds while the lock is held.
    shutil.rmtree(_workshop(), ignore_errors=True)


def _workshop() -> Path:
    return store.root() / ".building"


def _build(tool: GoTool) -> None:
    # Of the inputs as they are now: an edit during the build must not be filed as what it did not build.
    place = store.directory(tool)
    _workshop().mkdir(exist_ok=True)
    logs = store.root() / "logs"
    logs.mkdir(exist_ok=True)
    log = logs / f"{tool.name}.log"
    log.unlink(missing_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f"{tool.name}-", dir=_workshop()))
    try:
        source, staged = work / "source", work / "result"
        source.mkdir()
        (staged / "bin").mkdir(parents=True)
        for name in ("go.mod", "go.sum", "main.go"):
            if (tool.module_directory / name).is_file():
                shutil.copyfile(tool.module_directory / name, source / name)
        for file in tool.embed:
            _take(file, source, source, tool, log)
        for file in tool.files:
            _take(file, source, staged, tool, log)
        if tool.packages:
            _compile(tool, source, staged / "bin", log)
        store.publish(tool, staged, place)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _compile(tool: GoTool, source: Path, target: Path, log: Path) -> None:
    flags = f"-s -w {tool.ldflags.format(version=tool.version)}".strip()
    # A lone binary is named by its path, several by their packages.
    output = target / next(iter(tool.packages)) if len(tool.packages) == 1 else f"{target}{os.sep}"
    arguments = ["build", "-trimpath", "-ldflags", flags, "-o", str(output), *tool.packages.values()]
    go.run(arguments, cwd=source, env=tool.env, log=log)


def _take(file: ModuleFile, source: Path, target: Path, tool: GoTool, log: Path) -> None:
    folder = go.module_source(file.module, cwd=source, env=tool.env, log=log)
    found = sorted(folder.glob(file.path))
    if not found:
        raise ColonnadeError(f"{file.module} holds no {file.path}", f"correct the entry of {tool.name}")
    place = target / file.to
    place.parent.mkdir(parents=True, exist_ok=True)
    if found[0].is_dir():
        archive.pack(found[0], place)
    elif len(found) == 1:
        place.write_bytes(found[0].read_bytes())
    else:
        place.write_text("---\n".join(path.read_text(encoding="utf-8") for path in found), encoding="utf-8")
    if file.to.startswith("bin/"):
        place.chmod(0o755)


@contextmanager
def _locked(progress: Progress) -> Iterator[None]:
    """Holds the build lock, which the system releases when its owner dies."""
    with (store.root() / ".lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress.step("Another build of the toolchain") as step:
                _wait(file.fileno(), Path(file.name), step)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _wait(descriptor: int, lock: Path, step: Step) -> None:
    step.waiting_for(f"process {lock.read_text(encoding='utf-8') or 'unknown'} to finish")
    fcntl.flock(descriptor, fcntl.LOCK_EX)
