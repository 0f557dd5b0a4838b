"""The charts of a rehearsal: as far as Go modules hold them, else a place that is kept and named."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bootstrap.errors import ColonnadeError
from bootstrap.toolchain import archive, module_file
from bootstrap.toolchain.manifest import manifest
from components import catalog
from components.catalog import Chart


@dataclass(frozen=True)
class Missing:
    """What of a chart is not rehearsed as it will be installed."""

    chart: str
    version: str
    what: str

    def __str__(self) -> str:
        return f"chart {self.chart} {self.version}: {self.what}"


def prepare(directory: Path) -> list[Missing]:
    """Fills a directory that a stack can take its charts and manifests from.

    Returns:
        What is not the real thing, chart by chart.

    Raises:
        ColonnadeError: The toolchain is not built.
    """
    directory.mkdir(parents=True, exist_ok=True)
    part = catalog.part("gateway-api")
    definitions = f"gateway-api-{part.version}.yaml"
    shutil.copy(module_file("gateway-api", definitions), directory / definitions)
    missing = []
    for entry in catalog.PARTS.values():
        if entry.chart is not None:
            files, lacks = _chart(entry.chart)
            target = directory / f"{entry.chart.name}-{entry.chart.version}.tgz"
            archive.write({f"{entry.chart.name}/{path}": text for path, text in files.items()}, target)
            missing += [Missing(entry.chart.name, entry.chart.version, what) for what in lacks]
    return missing


def _chart(chart: Chart) -> tuple[dict[str, bytes], list[str]]:
    """Returns the files of a chart below its own folder, and what is not the real thing."""
    found, definitions = _kept(f"{chart.name}.tgz"), _kept(f"{chart.name}.yaml")
    lacks = []
    if found is None:
        files: dict[str, bytes] = {}
        described: dict[str, Any] = {"apiVersion": "v2", "name": chart.name}
        rest = "nothing of it was" if definitions is None else "its definitions alone were"
        lacks.append(f"its source cannot be had here; {rest} installed")
    else:
        # Helm takes every file below templates for one; a release leaves notes for developers out.
        files = {
            path.partition("/")[2]: text
            for path, text in archive.read(found).items()
            if not path.endswith(".md")
        }
        described = yaml.safe_load(files["Chart.yaml"])
        held = _held_version(chart.name, str(described["version"]))
        if held != chart.version:
            lacks.append(f"rehearsed with version {held}, the nearest that a module holds")
        if held != str(described["version"]):
            described["appVersion"] = f"v{held}"
    described["version"] = chart.version
    files["Chart.yaml"] = yaml.safe_dump(_offline(described, files)).encode()
    if definitions is not None:
        files["crds/definitions.yaml"] = definitions.read_bytes()
    return files, lacks


def _held_version(chart: str, described: str) -> str:
    """Returns the version of a chart that a module holds; where a release fills it in, the module's."""
    if described.removeprefix("v") != "0.0.0":
        return described
    tool = manifest().tool("charts")
    module = next(file.module for file in tool.files if file.to == f"files/{chart}.tgz")
    pins = (tool.module_directory / "go.mod").read_text(encoding="utf-8").split()
    return pins[pins.index(module) + 1].removeprefix("v")


def _offline(described: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
    """Returns a chart's description without dependencies that are not in it; those are off by default."""
    inside = [
        entry
        for entry in described.get("dependencies", [])
        if any(path.startswith(f"charts/{entry['name']}") for path in files)
    ]
    return {**described, "dependencies": inside}


def _kept(name: str) -> Path | None:
    try:
        return module_file("charts", name)
    except ColonnadeError as error:
        if "keeps no file" in str(error):
            return None
        raise
