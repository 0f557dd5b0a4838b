"""`preview-local`: what components cost, as a ratio to the same resources in a bare program."""

import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bootstrap.toolchain import module_file
from components.catalog import part
from tests.benchmarks.bare_program import bare_program
from tests.benchmarks.result import Result
from tests.end_to_end.platform import ROOT, Platform

GOAL = 1.25
RUNS = 5


def measure(platform: Platform) -> list[Result]:
    """Returns the median of alternating previews on empty stacks, in seconds.

    Raises:
        RuntimeError: A preview failed, or the floor does not hold the same resources as the program.
    """
    with tempfile.TemporaryDirectory(prefix="colonnade-preview-") as directory:
        place = Path(directory)
        whole, bare = place / "whole", place / "bare"
        _copy_program(whole)
        for project in (whole, bare):
            backend = place / f"{project.name}-backend"
            backend.mkdir()
        _pulumi(whole, platform, place, "stack", "select", "--create", platform.stack)
        exported = json.loads(_preview(whole, platform, place, "--json"))
        bare.mkdir()
        (bare / "Pulumi.yaml").write_text(
            f"name: colonnade\nruntime: {{name: python, options: {{virtualenv: {ROOT}/.venv}}}}\n"
        )
        definitions = module_file("gateway-api", f"gateway-api-{part('gateway-api').version}.yaml")
        (bare / "__main__.py").write_text(
            bare_program(exported, {"edge-definitions": {"files": [str(definitions)]}})
        )
        (bare / f"Pulumi.{platform.stack}.yaml").write_text(
            'config: {"pulumi:disable-default-providers": ["*"]}\n'
        )
        _pulumi(bare, platform, place, "stack", "select", "--create", platform.stack)
        floor = json.loads(_preview(bare, platform, place, "--json"))
        if differing := _resources(exported) ^ _resources(floor):
            raise RuntimeError(f"the floor of preview-local is another set of resources: {sorted(differing)}")
        seconds: dict[str, list[float]] = {"whole": [], "bare": []}
        for _ in range(RUNS):
            for project in (whole, bare):
                started = time.monotonic()
                _preview(project, platform, place)
                seconds[project.name].append(time.monotonic() - started)
    value, least = (round(statistics.median(seconds[name]), 2) for name in ("whole", "bare"))
    return [Result("preview-local", value, "s", least, GOAL)]


def _resources(preview: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Returns type and name of what is previewed, without the stack, our own components and providers."""
    states = [step["newState"] for step in preview["steps"] if "newState" in step]
    return {
        (state["type"], state["urn"].rsplit("::", 1)[1])
        for state in states
        if not state["type"].startswith(("colonnade:", "pulumi:"))
    }


def _copy_program(target: Path) -> None:
    """Lays out the project as it is, so that an empty backend previews the very program and stack file."""
    target.mkdir()
    shutil.copy(ROOT / "Pulumi.yaml", target)
    manifest = target / "Pulumi.yaml"
    manifest.write_text(manifest.read_text().replace("virtualenv: .venv", f"virtualenv: {ROOT}/.venv"))
    shutil.copytree(ROOT / "stacks", target / "stacks", ignore=shutil.ignore_patterns("__pycache__"))


def _preview(project: Path, platform: Platform, place: Path, *options: str) -> str:
    return _pulumi(project, platform, place, "preview", "--stack", platform.stack, *options)


def _pulumi(project: Path, platform: Platform, place: Path, *command: str) -> str:
    backend = f"file://{place / f'{project.name}-backend'}"
    result = subprocess.run(
        [str(ROOT / ".venv" / "bin" / "pulumi"), *command, "--non-interactive"],
        cwd=project,
        env=platform.environment | {"PULUMI_BACKEND_URL": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(f"pulumi {' '.join(command)} in {project}:\n{result.stdout}\n{result.stderr}")
    return result.stdout
