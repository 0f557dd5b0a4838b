"""The commands of the first page, run as a reader would type them."""

import os
import re
import subprocess

from tests.end_to_end.platform import ROOT, STACK, Platform

PAGE = ROOT / "docs" / "getting-started.md"


def commands(stack: str) -> list[str]:
    """The lines behind `$ ` in the page, for another stack than `local`."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [re.sub(r"\blocal\b", stack, line) for line in lines]


def test_the_page_runs(platform: Platform) -> None:
    lines = commands(STACK)
    assert len(lines) >= 15
    environment = {
        name: value
        for name, value in platform.environment.items()
        # What activating the environment must bring by itself.
        if not name.startswith("PULUMI_") or name == "PULUMI_BACKEND_URL"
    }
    environment["PATH"] = os.environ["PATH"].replace(f"{ROOT}/.venv/bin:", "")
    script = "set -euo pipefail\n" + "\n".join(lines)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert '"id":"lake"' in done.stdout.replace(" ", "")
    assert '"name":"Default"' in done.stdout.replace(" ", "")
