"""`preview-<stack>`: what components cost, as a ratio to the same resources in a bare program."""

import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.bare_program import bare_program
from tests.benchmarks.result import Result
from tests.end_to_end.platform import ROOT

GOAL = 1.25
RUNS = 5


def measure(
    stack: str,
    project: Path,
    environment: Mapping[str, str],
    remote_inputs: Mapping[str, Mapping[str, Any]],
    name: str | None = None,
) -> list[Result]:
    """Returns the medians of alternating previews on empty stacks, in seconds.

    The floor has the program's resources with the order among them, without which `up` would fail; a second,
    flat one has no order at all, and tells what waiting costs beside the components.

    Args:
        stack: The stack.
        project: A project with the program and the file of the stack.
        environment: The complete environment of the engine.
        remote_inputs: Inputs of remote components by name, since previews do not tell them.
        name: What the benchmark is called, where not after the stack.

    Raises:
        RuntimeError: A preview failed, or a floor does not hold the same resources as the program.
    """
    with tempfile.TemporaryDirectory(prefix="colonnade-preview-") as directory:
        place = Path(directory)
        whole = place / "whole"
        shutil.copytree(project, whole, ignore=shutil.ignore_patterns("__pycache__"))
        _create(whole, stack, environment, place)
        exported = json.loads(_preview(whole, stack, environment, place, "--json"))
        ordered, flat = place / "ordered", place / "flat"
        for floor in (ordered, flat):
            floor.mkdir()
            (floor / "Pulumi.yaml").write_text(
                f"name: colonnade\nruntime: {{name: python, options: {{virtualenv: {ROOT}/.venv}}}}\n"
            )
            (floor / "__main__.py").write_text(bare_program(exported, remote_inputs, floor is ordered))
            (floor / f"Pulumi.{stack}.yaml").write_text(
                'config: {"pulumi:disable-default-providers": ["*"]}\n'
            )
            _create(floor, stack, environment, place)
            previewed = json.loads(_preview(floor, stack, environment, place, "--json"))
            if differing := _resources(exported) ^ _resources(previewed):
                raise RuntimeError(f"a floor of preview-{stack} has other resources: {sorted(differing)}")
        seconds: dict[Path, list[float]] = {program: [] for program in (whole, ordered, flat)}
        for _ in range(RUNS):
            for program in seconds:
                seconds[program].append(timed(program, stack, environment, place))
    value, least, unordered = (round(statistics.median(taken), 2) for taken in seconds.values())
    called = name or f"preview-{stack}"
    return [
        Result(called, value, "s", least, GOAL),
        Result(f"{called}: against no order at all", value, "s", unordered),
    ]


def timed(project: Path, stack: str, environment: Mapping[str, str], place: Path) -> float:
    """Returns the seconds of one preview."""
    started = time.monotonic()
    _preview(project, stack, environment, place)
    return time.monotonic() - started


def _create(project: Path, stack: str, environment: Mapping[str, str], place: Path) -> None:
    (place / f"{project.name}-backend").mkdir()
    _pulumi(project, environment, place, "stack", "select", "--create", stack)


def _resources(preview: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Returns type and name of what is previewed, without the stack, our own components and providers."""
    states = [step["newState"] for step in preview["steps"] if "newState" in step]
    return {
        (state["type"], state["urn"].rsplit("::", 1)[1])
        for state in states
        if not state["type"].startswith(("colonnade:", "pulumi:"))
    }


def copy_program(target: Path) -> None:
    """Lays out the project as it is, so that an empty backend previews the very program and stack file."""
    target.mkdir()
    shutil.copy(ROOT / "Pulumi.yaml", target)
    manifest = target / "Pulumi.yaml"
    manifest.write_text(manifest.read_text().replace("virtualenv: .venv", f"virtualenv: {ROOT}/.venv"))
    shutil.copytree(ROOT / "stacks", target / "stacks", ignore=shutil.ignore_patterns("__pycache__"))


def _preview(project: Path, stack: str, environment: Mapping[str, str], place: Path, *options: str) -> str:
    return _pulumi(project, environment, place, "preview", "--stack", stack, *options)


def _pulumi(project: Path, environment: Mapping[str, str], place: Path, *command: str) -> str:
    backend = f"file://{place / f'{project.name}-backend'}"
    variables = {**environment, "PULUMI_BACKEND_URL": backend}
    # Where bytecode may not be kept, modules are compiled anew at each run, which is no cost of components.
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    result = subprocess.run(
        [str(ROOT / ".venv" / "bin" / "pulumi"), *command, "--non-interactive"],
        cwd=project,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(f"pulumi {' '.join(command)} in {project}:\n{result.stdout}\n{result.stderr}")
    return result.stdout
