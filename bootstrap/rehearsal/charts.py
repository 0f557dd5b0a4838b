"""The charts of a rehearsal: as far as Go modules hold them, else a place that is kept and named."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bootstrap.errors import ColonnadeError
from bootstrap.toolchain import archive, module_file
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
    manifest = f"gateway-api-{part.version}.yaml"
    shutil.copy(module_file("gateway-api", manifest), directory / manifest)
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
    found, lacks = _kept(f"{chart.name}.tgz"), []
    if found is None:
        files: dict[str, bytes] = {}
        described: dict[str, Any] = {"apiVersion": "v2", "name": chart.name}
        lacks.append("its source cannot be had here; nothing of it was installed")
    else:
        # Helm takes every file below templates for one; a release leaves notes for developers out.
        files = {
            path.partition("/")[2]: text
            for path, text in archive.read(found).items()
            if not path.endswith(".md")
        }
        described = yaml.safe_load(files["Chart.yaml"])
        if str(described.get("version")) != chart.version:
            lacks.append(f"rehearsed with what its module holds, version {described.get('version')}")
    described["version"] = chart.version
    files["Chart.yaml"] = yaml.safe_dump(_offline(described, files)).encode()
    definitions = _kept(f"{chart.name}.yaml")
    if definitions is not None:
        files["crds/definitions.yaml"] = definitions.read_bytes()
    return files, lacks


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
