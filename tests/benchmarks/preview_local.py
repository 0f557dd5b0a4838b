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
    """Returns the medians of alternating previews on empty stacks, in seconds.

    The floor has the program's resources with the order among them, without which `up` would fail; a second,
    flat one has no order at all, and tells what waiting costs beside the components.

    Raises:
        RuntimeError: A preview failed, or a floor does not hold the same resources as the program.
    """
    with tempfile.TemporaryDirectory(prefix="colonnade-preview-") as directory:
        place = Path(directory)
        whole, ordered, flat = projects = [place / name for name in ("whole", "ordered", "flat")]
        _copy_program(whole)
        _create(whole, platform, place)
        exported = json.loads(_preview(whole, platform, place, "--json"))
        definitions = module_file("gateway-api", f"gateway-api-{part('gateway-api').version}.yaml")
        for floor in (ordered, flat):
            floor.mkdir()
            (floor / "Pulumi.yaml").write_text(
                f"name: colonnade\nruntime: {{name: python, options: {{virtualenv: {ROOT}/.venv}}}}\n"
            )
            remote_inputs = {"edge-definitions": {"files": [str(definitions)]}}
            (floor / "__main__.py").write_text(bare_program(exported, remote_inputs, floor is ordered))
            (floor / f"Pulumi.{platform.stack}.yaml").write_text(
                'config: {"pulumi:disable-default-providers": ["*"]}\n'
            )
            _create(floor, platform, place)
            previewed = json.loads(_preview(floor, platform, place, "--json"))
            if differing := _resources(exported) ^ _resources(previewed):
                raise RuntimeError(
                    f"a floor of preview-local is another set of resources: {sorted(differing)}"
                )
        seconds: dict[Path, list[float]] = {project: [] for project in projects}
        for _ in range(RUNS):
            for project in projects:
                started = time.monotonic()
                _preview(project, platform, place)
                seconds[project].append(time.monotonic() - started)
    value, least, unordered = (round(statistics.median(seconds[project]), 2) for project in projects)
    return [
        Result("preview-local", value, "s", least, GOAL),
        Result("preview-local: against no order at all", value, "s", unordered),
    ]


def _create(project: Path, platform: Platform, place: Path) -> None:
    (place / f"{project.name}-backend").mkdir()
    _pulumi(project, platform, place, "stack", "select", "--create", platform.stack)


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
    environment = platform.environment | {"PULUMI_BACKEND_URL": backend}
    # Where bytecode may not be kept, modules are compiled anew at each run, which is no cost of components.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    result = subprocess.run(
        [str(ROOT / ".venv" / "bin" / "pulumi"), *command, "--non-interactive"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(f"pulumi {' '.join(command)} in {project}:\n{result.stdout}\n{result.stderr}")
    return result.stdout
