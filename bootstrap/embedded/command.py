"""Runs the small tools of the system, and says plainly what they complained about."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bootstrap.errors import ColonnadeError


def run(command: Sequence[str | Path], stdin: str | None = None, timeout: float = 60) -> str:
    """Returns the standard output of a command that succeeded.

    Raises:
        ColonnadeError: The tool is missing, failed or took longer than `timeout` seconds.
    """
    words = [str(word) for word in command]
    # Whom these tools talk to is on this machine; a proxy would not find the way.
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    try:
        done = subprocess.run(
            words,
            input=stdin,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise ColonnadeError(f"{words[0]} is not installed", "make setup") from error
    except subprocess.TimeoutExpired as error:
        raise ColonnadeError(f"{' '.join(words)} did not end within {timeout:.0f} s") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]
        raise ColonnadeError(f"{' '.join(words)} failed with exit code {done.returncode}: {' / '.join(said)}")
    return done.stdout


def missing(tools: Sequence[str]) -> list[str]:
    """Returns those of the tools that are not on PATH."""
    return [tool for tool in tools if shutil.which(tool) is None]
