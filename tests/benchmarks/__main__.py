"""`make bench`: measures, prints, and writes `build/benchmarks.json`; exit code 1 where a goal is missed.

`COLD=1 make bench` also measures a first `make up`, which builds everything with empty caches: that takes
most of an hour, and 40 GB of disk below `build`.
"""

import json
import os
import sys

from rich.console import Console
from rich.table import Table

from tests.benchmarks import aws, platform, preview_local
from tests.benchmarks.result import Result
from tests.end_to_end.platform import ROOT, running_platform

STACK = "local-bench"


def main() -> int:
    """Runs every benchmark."""
    results: list[Result] = []
    if os.environ.get("COLD"):
        results += platform.cold()
    with running_platform(STACK) as running:
        os.environ["PULUMI_BACKEND_URL"] = running.environment["PULUMI_BACKEND_URL"]
        warm = platform.warm(STACK)
        if results:
            results.insert(0, platform.first(results, warm))
        results += warm
        results += preview_local.measure(running)
    results += aws.measure()
    target = ROOT / "build" / "benchmarks.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps([result.as_dict() for result in results], indent=2) + "\n")
    table = Table("name", "value", "unit", "floor", "ratio", "goal", "", box=None)
    for result in results:
        cells = (result.name, result.value, result.unit, result.floor, result.ratio, result.goal)
        table.add_row(*("" if cell is None else str(cell) for cell in cells), "" if result.met else "MISSED")
    Console().print(table)
    return 0 if all(result.met for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
