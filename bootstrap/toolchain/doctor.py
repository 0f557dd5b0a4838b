"""Compares what Colonnade wants on this machine with what is there."""

import platform
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import ColonnadeError
from bootstrap.toolchain import debian, go, official, store
from bootstrap.toolchain.manifest import GoTool, PythonTool, manifest

_SETUP = "make setup"


@dataclass(frozen=True)
class Finding:
    """One tool as the doctor sees it; `fix` is empty where nothing is missing."""

    tool: str
    wanted: str
    found: str
    source: str
    fix: str = ""

    @property
    def ok(self) -> bool:
        """Tells that nothing needs to be done."""
        return not self.fix


def examine() -> list[Finding]:
    """Returns a finding for each tool; changes nothing, and raises no error for what is missing."""
    engine = official.find()
    findings = [_python()]
    go_findings = [_go_tool(tool, engine) for tool in manifest().go]
    findings.append(_go(all(finding.ok for finding in go_findings)))
    findings += go_findings
    findings += [_python_tool(tool, engine) for tool in manifest().python]
    if engine:
        findings.append(_official(engine))
    return findings + _debian()


def _python() -> Finding:
    return Finding("python", ">=3.11, <3.14", platform.python_version(), "this interpreter")


def _go(all_built: bool) -> Finding:
    wanted = max((go.wanted_version(tool.module_directory) for tool in manifest().go), key=go.parse_version)
    strictest = next(t for t in manifest().go if go.wanted_version(t.module_directory) == wanted)
    try:
        path = go.executable()
        return Finding(
            "go", f">={wanted}", go.version(strictest.module_directory).removeprefix("go"), str(path)
        )
    except ColonnadeError as error:
        if all_built:
            return Finding("go", f">={wanted}", "none; nothing is left to build", "")
        return Finding(
            "go", f">={wanted}", "missing" if "missing" in error.message else "too old", "", go.INSTALL
        )


def _go_tool(tool: GoTool, engine: Path | None) -> Finding:
    if engine and tool.official:
        return Finding(tool.name, tool.version, "not needed", f"official Pulumi {engine}")
    # The address needs Go, whose absence is a finding of its own.
    with suppress(ColonnadeError):
        if store.is_built(tool):
            return Finding(tool.name, tool.version, tool.version, str(store.directory(tool)))
    return Finding(tool.name, tool.version, "missing", f"Go module, group {tool.group}", _SETUP)


def _python_tool(tool: PythonTool, engine: Path | None) -> Finding:
    if engine and tool.official:
        return Finding(tool.name, "any", "not needed", f"official Pulumi {engine}")
    try:
        return Finding(tool.name, "any", "ours", str(store.binary(tool.name)))
    except ColonnadeError:
        return Finding(tool.name, "any", "missing", tool.module, _SETUP)


def _official(engine: Path) -> Finding:
    minimum = manifest().official.minimum
    fix = f"update {engine} to {minimum} or newer, or take it off PATH"
    try:
        found = official.version(engine)
    except ColonnadeError as error:
        return Finding("official pulumi", f">={minimum}", error.message, str(engine), error.fix or fix)
    new_enough = go.parse_version(found) >= go.parse_version(minimum)
    return Finding("official pulumi", f">={minimum}", found, str(engine), "" if new_enough else fix)


def _debian() -> list[Finding]:
    findings = []
    for package in manifest().debian:
        if lacking := debian.lacks(package):
            fix = f"apt-get install {package.name}"
            findings.append(
                Finding(package.name, "any", f"missing: {', '.join(lacking)}", "Debian package", fix)
            )
        else:
            version = debian.installed_version(package.name)
            source = "Debian package" if version else "PATH"
            findings.append(Finding(package.name, "any", version or "present", source))
    return findings
