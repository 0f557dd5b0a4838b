"""`preview-aws-prod`, its growth with pools and buckets, and `aws-imports`."""

import json
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bootstrap.rehearsal.rehearsal import Rehearsal
from bootstrap.report.progress import Progress
from components import catalog
from tests.benchmarks import preview
from tests.benchmarks.result import Result
from tests.end_to_end.platform import ROOT

STACK = "aws-prod"
IMPORTS_GOAL = 1.2
# The cost of each further pool and bucket may not grow with how many there are.
GROWTH_GOAL = 1.25
SIZES = (1, 10, 50)
RUNS = 3
_PROGRAM = "import stacks.composition, stacks.foundations.aws"
_MEASURE = """
import json, sys, time
started = time.process_time()
{imports}
seconds = time.process_time() - started
with open("/proc/self/status") as status:
    memory = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
loaded = sorted(
    name
    for name, module in list(sys.modules.items())
    if name.startswith("pulumi_aws") and name.count(".") <= 1 and type(module).__name__ != "_LazyModule"
)
print(json.dumps({{"seconds": seconds, "memory": memory, "loaded": loaded}}))
"""
# The SDK loads a module once something of it is asked for.
# What a run of the program asks the SDK for; the SDK loads a module once something of it is asked for.
_USED = sorted(
    {
        f"pulumi_aws.{module}"
        for path in (ROOT / "components" / "foundation" / "aws").glob("*.py")
        for module in re.findall(r"\baws\.([a-z0-9]+)\.[A-Z]", path.read_text())
    }
)
_LOAD = """
import pulumi_aws
for name in {names}:
    exec("from " + name + " import *")
"""


def measure() -> list[Result]:
    """Returns all figures of AWS, measured in a rehearsal."""
    with Progress(f"Rehearsing stack {STACK}") as progress, Rehearsal(STACK, progress) as rehearsal:
        charts = rehearsal.place.root / "charts"
        remote: dict[str, dict[str, Any]] = {
            entry.name: {
                "chart": str(charts / f"{entry.chart.name}-{entry.chart.version}.tgz"),
                "version": entry.chart.version,
                "name": entry.name,
            }
            for entry in catalog.PARTS.values()
            if entry.chart is not None
        }
        manifest = charts / f"gateway-api-{catalog.part('gateway-api').version}.yaml"
        remote["edge-definitions"] = {"files": [str(manifest)]}
        environment = rehearsal.stack.environment()
        results = preview.measure(STACK, rehearsal.place.project, environment, remote)
        return [*results, *_growth(rehearsal), *imports()]


def _growth(rehearsal: Rehearsal) -> list[Result]:
    """Returns what a pool and a bucket more cost among many, against what they cost among few."""
    document = rehearsal.place.read(STACK)
    seconds: dict[int, float] = {}
    for size in SIZES:
        config = dict(document["config"])
        first = config["colonnade:cluster"]["pools"]
        pools = [*first, *({**first[1], "name": f"more{index}", "default": False} for index in range(size))]
        config["colonnade:cluster"] = {**config["colonnade:cluster"], "pools": pools}
        config["colonnade:storage"] = {"additional_buckets": [f"more-{index}" for index in range(size)]}
        rehearsal.place.write(STACK, {**document, "config": config})
        with tempfile.TemporaryDirectory(prefix="colonnade-growth-") as directory:
            place = Path(directory)
            preview._create(rehearsal.place.project, STACK, rehearsal.stack.environment(), place)
            taken = [
                preview.timed(rehearsal.place.project, STACK, rehearsal.stack.environment(), place)
                for _ in range(RUNS)
            ]
        seconds[size] = statistics.median(taken)
    few, some, many = (seconds[size] for size in SIZES)
    among_few = (some - few) / (SIZES[1] - SIZES[0])
    among_many = (many - some) / (SIZES[2] - SIZES[1])
    return [
        *(
            Result(f"preview with {size} pools and buckets more", round(seconds[size], 2), "s")
            for size in SIZES
        ),
        Result(
            "growth: a pool and a bucket among many",
            round(among_many, 3),
            "s",
            round(among_few, 3),
            GROWTH_GOAL,
        ),
    ]


def imports() -> list[Result]:
    """Returns import time and memory of the program on AWS, against its modules of the SDK alone."""
    load = _LOAD.format(names=_USED)
    ours = [_imported(f"{_PROGRAM}\n{load}") for _ in range(RUNS)]
    floors = [_imported(load) for _ in range(RUNS)]
    if floors[0]["loaded"] != ours[0]["loaded"]:
        raise RuntimeError(f"the floor of aws-imports has other modules: {floors[0]['loaded']}")
    results = []
    for what, unit in (("seconds", "s"), ("memory", "MiB")):
        value, floor = (statistics.median(it[what] for it in each) for each in (ours, floors))
        results.append(Result(f"aws-imports: {what}", round(value, 2), unit, round(floor, 2), IMPORTS_GOAL))
    return results


def _imported(statement: str) -> dict[str, Any]:
    program = _MEASURE.format(imports=statement)
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    loaded: dict[str, Any] = json.loads(ended.stdout)
    return loaded
