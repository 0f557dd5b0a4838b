"""`preview-local`: what components cost, as a ratio to the same resources in a bare program."""

import json
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from tests.benchmarks.bare_program import bare_program
from tests.benchmarks.result import Result
from tests.end_to_end.platform import ROOT, Platform

GOAL = 1.25
RUNS = 5


def measure(platform: Platform) -> list[Result]:
    """Returns the median of alternating previews on empty stacks, in seconds."""
    with tempfile.TemporaryDirectory(prefix="colonnade-preview-") as directory:
        place = Path(directory)
        whole, bare = place / "whole", place / "bare"
        _copy_program(whole)
        for project in (whole, bare):
            backend = place / f"{project.name}-backend"
            backend.mkdir()
        exported = _preview(whole, platform, place, "--json")
        bare.mkdir()
        (bare / "Pulumi.yaml").write_text(
            f"name: colonnade\nruntime: {{name: python, options: {{virtualenv: {ROOT}/.venv}}}}\n"
        )
        (bare / "__main__.py").write_text(bare_program(json.loads(exported)))
        (bare / f"Pulumi.{platform.stack}.yaml").write_text(
            'config: {"pulumi:disable-default-providers": ["*"]}\n'
        )
        _preview(bare, platform, place)
        seconds: dict[str, list[float]] = {"whole": [], "bare": []}
        for _ in range(RUNS):
            for project in (whole, bare):
                started = time.monotonic()
                _preview(project, platform, place)
                seconds[project.name].append(time.monotonic() - started)
    value, floor = (round(statistics.median(seconds[name]), 2) for name in ("whole", "bare"))
    return [Result("preview-local", value, "s", floor, GOAL)]


def _copy_program(target: Path) -> None:
    """Lays out the project as it is, so that an empty backend previews the very program and stack file."""
    target.mkdir()
    shutil.copy(ROOT / "Pulumi.yaml", target)
    manifest = target / "Pulumi.yaml"
    manifest.write_text(manifest.read_text().replace("virtualenv: .venv", f"virtualenv: {ROOT}/.venv"))
    shutil.copytree(ROOT / "stacks", target / "stacks", ignore=shutil.ignore_patterns("__pycache__"))


def _preview(project: Path, platform: Platform, place: Path, *options: str) -> str:
    backend = f"file://{place / f'{project.name}-backend'}"
    environment = platform.environment | {"PULUMI_BACKEND_URL": backend}
    pulumi = [str(ROOT / ".venv" / "bin" / "pulumi")]
    for command in (
        ["stack", "select", "--create", platform.stack],
        ["preview", "--stack", platform.stack, *options],
    ):
        result = subprocess.run(
            [*pulumi, *command, "--non-interactive"],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise RuntimeError(f"pulumi {' '.join(command)} in {project}:\n{result.stdout}\n{result.stderr}")
    return result.stdout
