"""The Go command: finding it, asking it, building with it."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bootstrap.errors import ColonnadeError
from bootstrap.toolchain import disk

INSTALL = "install Go from https://go.dev/dl/ and put its bin directory on PATH"

# What else the user sets in GOFLAGS or GOWORK would change what is built from the same inputs.
_FIXED = {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false -mod=readonly", "GOWORK": "off"}


def parse_version(text: str) -> tuple[int, ...]:
    """Returns the numbers of a version such as `go1.26.8`, `1.26rc1` or `v3.274.1`."""
    found = re.match(r"\D*(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def wanted_version(module_directory: Path) -> str:
    """Returns the Go version that a go.mod asks for."""
    found = re.search(r"^go (\S+)$", (module_directory / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise ColonnadeError(f"{module_directory / 'go.mod'} names no Go version", "add a `go` line")
    return found[1]


def executable() -> Path:
    """Returns the `go` command.

    Raises:
        ColonnadeError: There is none on PATH.
    """
    found = shutil.which("go")
    if not found:
        raise ColonnadeError("Go is missing: no `go` on PATH", INSTALL)
    return Path(found)


def version(module_directory: Path) -> str:
    """Returns the Go version that builds a module, e.g. `go1.26.8`.

    Go may select a newer toolchain than the installed one for a module that asks for it.

    Raises:
        ColonnadeError: Go is missing, or older than the module asks for and unable to fetch a newer one.
    """
    go = executable()
    wanted = wanted_version(module_directory)
    asked = subprocess.run(
        [go, "env", "GOVERSION"],
        cwd=module_directory,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    found = asked.stdout.strip()
    if asked.returncode or parse_version(found) < parse_version(wanted):
        said = found or " ".join(asked.stderr.split()) or f"exit code {asked.returncode}"
        raise ColonnadeError(f"{go} cannot build with Go {wanted} or newer: {said}", INSTALL)
    return found


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Returns the environment of every Go command: the caller's, with what decides the result fixed."""
    return {**os.environ, **_FIXED, **(extra or {})}


def cache_directories() -> list[Path]:
    """Returns the directories that Go fills: its build cache and its module cache."""
    asked = subprocess.run(
        [executable(), "env", "GOCACHE", "GOMODCACHE"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return [Path(line) for line in asked.stdout.splitlines() if line.strip()]


def run(arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path) -> str:
    """Runs `go` with all output appended to a log; returns standard output.

    An interrupt ends the command before it is passed on.

    Raises:
        ColonnadeError: The command failed, with its last lines and the log's path, or the disk is full.
    """
    command = [str(executable()), *arguments]
    with log.open("a+", encoding="utf-8") as out:
        out.write(f"$ {' '.join(command)}\n")
        out.flush()
        start = out.tell()
        process = subprocess.Popen(
            command, cwd=cwd, env=environment(env), stdout=subprocess.PIPE, stderr=out, text=True
        )
        try:
            output, _ = process.communicate()
        except BaseException:
            process.send_signal(signal.SIGTERM)
            process.wait()
            raise
        out.seek(start)
        said = out.read()
        out.write(output)
    if process.returncode:
        # `go mod download -json` tells its errors on standard output.
        lines = [line.strip() for line in (said + output).splitlines() if line.strip()]
        if disk.is_full("\n".join(lines)):
            raise disk.full(cwd)
        last = " | ".join(lines[-4:]) or f"exit code {process.returncode}"
        raise ColonnadeError(
            f"`go {arguments[0]}` failed: {last}", f"read {log}, then run `make setup` again"
        )
    return output


def module_source(module: str, *, cwd: Path, env: Mapping[str, str], log: Path) -> Path:
    """Returns the folder of a module at the version that go.mod selects, downloading it if needed.

    Guarantees that the content is the one that go.sum pins.

    Raises:
        ColonnadeError: It cannot be had, or go.sum does not pin it.
    """
    answer = json.loads(run(["mod", "download", "-json", module], cwd=cwd, env=env, log=log))
    pin = f"{answer['Path']} {answer['Version']} {answer['Sum']}"
    if pin not in (cwd / "go.sum").read_text(encoding="utf-8").splitlines():
        raise ColonnadeError(f"go.sum does not pin {pin}", "restore go.sum from the repository")
    return Path(answer["Dir"])
