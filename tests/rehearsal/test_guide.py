"""The commands of the guide for AWS, run as a reader would type them, in a rehearsal."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bootstrap.rehearsal.rehearsal import Rehearsal

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "aws.md"
OFF = {"enabled": False}
# The services say nothing about the cloud, and take the most time.
BARE: dict[str, Any] = {"data": {"lakefs": OFF, "feast": OFF}, "experimentation": {"mlflow": OFF}}


def commands() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]


def test_the_guide_runs(rehearse: Callable[..., Rehearsal]) -> None:
    rehearsal = rehearse("aws-dev", **BARE)
    lines = commands()
    assert len(lines) >= 10
    done = subprocess.run(
        ["bash", "-c", "set -euo pipefail\n" + "\n".join(lines)],
        cwd=rehearsal.place.project,
        env=rehearsal.stack.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert "aws-dev" in done.stdout
    assert rehearsal.leftovers() == []
