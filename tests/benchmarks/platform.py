"""`platform-warm` and `platform-cold`: what `make up` takes, by phase."""

import os
import tempfile
import time

from bootstrap.lifecycle.platform import bring_up, take_down
from bootstrap.lifecycle.setup import expected_seconds, make
from bootstrap.report.progress import Progress, Step
from tests.benchmarks.cluster_memory import MemoryWatch, processes_in
from tests.benchmarks.result import Result

WARM_GOAL = 4 * 60
COLD_GOAL = 45 * 60


def warm(stack: str) -> list[Result]:
    """Brings the platform up from an empty state directory; toolchain and images are there."""
    with Progress(f"Taking down stack {stack}") as progress:
        take_down(stack, progress)
    started = time.monotonic()
    memory = MemoryWatch(lambda: processes_in(f"colonnade-{stack}"))
    with memory, Progress(f"Bringing up stack {stack}") as progress:
        bring_up(stack, progress)
    seconds = time.monotonic() - started
    phases = [
        Result(
            f"platform-warm: {phase}",
            round(sum(s.seconds for s in progress.steps if _phase(s) == phase), 1),
            "s",
        )
        for phase in ("cluster", "images", "pulumi up")
    ]
    return [Result("platform-warm", round(seconds, 1), "s", goal=WARM_GOAL), *phases, memory.result()]


def _phase(step: Step) -> str:
    if step.name.startswith("image"):
        return "images"
    return step.name if step.name.startswith("pulumi") else "cluster"


def cold() -> list[Result]:
    """Builds toolchain and images with every cache empty, downloads included."""
    with tempfile.TemporaryDirectory(prefix="colonnade-cold-") as directory:
        caches = {
            "COLONNADE_CACHE": "colonnade",
            "GOCACHE": "go-build",
            "GOMODCACHE": "go-modules",
            "UV_CACHE_DIR": "uv",
            "PIP_CACHE_DIR": "pip",
        }
        before = {name: os.environ.get(name) for name in caches}
        os.environ |= {name: f"{directory}/{folder}" for name, folder in caches.items()}
        # Go writes its module cache read-only, which would stop the removal of the directory.
        os.environ["GOFLAGS"] = f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip()
        try:
            started = time.monotonic()
            with Progress("Setting up from nothing", expected=expected_seconds()) as progress:
                make(progress)
            seconds = time.monotonic() - started
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
    steps = [Result(f"platform-cold: {step.name}", round(step.seconds, 1), "s") for step in progress.steps]
    return [Result("platform-cold", round(seconds, 1), "s", goal=COLD_GOAL), *steps]
