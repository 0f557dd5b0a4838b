"""`platform-warm` and `platform-cold`: what `make up` takes, by phase."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from bootstrap.embedded import Cluster
from bootstrap.lifecycle.platform import bring_up, take_down
from bootstrap.lifecycle.setup import expected_seconds, make, setup
from bootstrap.report.progress import Progress
from tests.benchmarks.cluster_memory import MemoryWatch
from tests.benchmarks.result import Result
from tests.end_to_end.platform import ROOT

WARM_GOAL = 4 * 60
COLD_GOAL = 45 * 60


def warm(stack: str) -> list[Result]:
    """Does what `make up` does, from an empty state directory; toolchain and images are there."""
    with Progress(f"Taking down stack {stack}") as progress:
        take_down(stack, progress)
    started = time.monotonic()
    with Progress("Setting up") as progress:
        setup(progress)
    prepared = time.monotonic()
    memory = MemoryWatch(Cluster(stack).processes.members)
    with memory, Progress(f"Bringing up stack {stack}") as progress:
        bring_up(stack, progress)
    ended = time.monotonic()
    # What is there already is skipped in no time; what takes it is the filling of the cluster's registry.
    images = min(step.started for step in progress.steps if step.name.startswith("image "))
    stack_begun = next(step.started for step in progress.steps if step.name == "state of the stack")
    phases = {
        "setup": prepared - started,
        "cluster": images - prepared,
        "images": stack_begun - images,
        "pulumi up": ended - stack_begun,
    }
    return [
        Result("platform-warm", round(ended - started, 1), "s", goal=WARM_GOAL),
        *(Result(f"platform-warm: {name}", round(value, 1), "s") for name, value in phases.items()),
        memory.result(),
    ]


def cold() -> list[Result]:
    """Makes what the first `make up` makes before it comes to the cluster, with every cache empty."""
    # Below the checkout, since a temporary directory in memory would not hold it.
    with tempfile.TemporaryDirectory(prefix="cold-", dir=ROOT / "build") as directory:
        places = {
            "COLONNADE_CACHE": "colonnade",
            "GOCACHE": "go-build",
            "GOMODCACHE": "go-modules",
            "UV_CACHE_DIR": "uv",
            "UV_PROJECT_ENVIRONMENT": "venv",
        }
        before = dict(os.environ)
        os.environ |= {name: f"{directory}/{folder}" for name, folder in places.items()}
        started = time.monotonic()
        try:
            with Progress("Setting up from nothing", expected=expected_seconds()) as progress:
                with progress.step("Python environment"):
                    uv = [str(ROOT / "build" / "uv" / "bin" / "uv"), "sync", "--frozen", "--quiet"]
                    subprocess.run([*uv, "--python", sys.executable], cwd=ROOT, check=True)
                make(progress)
        finally:
            os.environ.clear()
            os.environ |= before
        seconds = time.monotonic() - started
    # Some steps run side by side, so that they add up to more than the whole.
    steps = [Result(f"platform-cold: {step.name}", round(step.seconds, 1), "s") for step in progress.steps]
    return [Result("platform-cold: setup", round(seconds, 1), "s"), *steps]


def first(setup_from_nothing: Sequence[Result], up: Sequence[Result]) -> Result:
    """Returns what a first `make up` takes: what `cold` measured, and after it what `warm` did."""
    seconds = {result.name: result.value for result in (*setup_from_nothing, *up)}
    whole = seconds["platform-cold: setup"] + seconds["platform-warm"]
    return Result("platform-cold", round(whole, 1), "s", goal=COLD_GOAL)
