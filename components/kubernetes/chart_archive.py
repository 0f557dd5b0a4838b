"""Looks into the archive of a chart: whether it is the pinned one, and whether it relies on Helm hooks."""

import hashlib
import re
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml

from components.catalog import Chart

_HOOK: Final = re.compile(r"""helm\.sh/hook["']?\s*:\s*["']?([^"'\n]*)""")
# `helm test` runs these, an installation never does.
_TESTS: Final = frozenset({"test", "test-success", "test-failure"})


class ChartError(ValueError):
    """A chart archive is not what the catalog pins; names file, value and fix."""


def check(archive: Path, chart: Chart) -> None:
    """Compares an archive with the catalog.

    Raises:
        ChartError: It is missing or unreadable, is another chart, version or digest, or has a template
            with a Helm hook that the catalog does not replace.
    """
    if not archive.is_file():
        raise ChartError(
            f"chart {archive} is missing; fix: put {chart.name} {chart.version} of {chart.repository} there"
        )
    digest = f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}"
    if chart.digest and digest != chart.digest:
        raise ChartError(
            f"chart {archive} has digest {digest}, the catalog pins {chart.digest}; fix: fetch it anew"
        )
    files = contents(archive)
    described: Any = yaml.safe_load(files.get("Chart.yaml", "{}"))
    found = (described.get("name"), str(described.get("version")))
    if found != (chart.name, chart.version):
        raise ChartError(
            f"chart {archive} is {found[0]} {found[1]}, the catalog pins {chart.name} {chart.version}; "
            "fix: fetch the pinned version"
        )
    lost = sorted(hooks(files) - set(chart.hooks))
    if lost:
        raise ChartError(
            f"chart {archive} has Helm hooks in {', '.join(lost)}, which never run here; "
            "fix: build what they do as a ProvisioningJob and name it under the chart's hooks in the catalog"
        )


def contents(archive: Path) -> dict[str, str]:
    """Returns the text files of a chart by path below the chart's own folder."""
    try:
        with tarfile.open(archive) as tar:
            texts = {}
            for member in tar:
                stream = tar.extractfile(member) if member.isfile() else None
                if stream is not None:
                    path = PurePosixPath(*PurePosixPath(member.name).parts[1:])
                    texts[str(path)] = stream.read().decode(errors="replace")
            return texts
    except tarfile.TarError as error:
        raise ChartError(f"chart {archive} is no archive: {error}; fix: fetch it anew") from error


def hooks(files: dict[str, str]) -> set[str]:
    """Returns the templates that hold Helm hooks, those of dependencies included, tests left out.

    A template counts also where the values at hand would not render it: values change, templates less often.
    """
    return {
        path
        for path, text in files.items()
        if "templates" in PurePosixPath(path).parts
        and any({kind.strip() for kind in kinds.split(",")} - _TESTS for kinds in _HOOK.findall(text))
    }
