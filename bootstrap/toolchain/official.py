"""An official Pulumi installation on PATH, which is used instead of a built engine."""

import os
import subprocess
import sys
from pathlib import Path

from bootstrap.errors import ColonnadeError
from bootstrap.paths import cache_root


def _is_executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def find() -> Path | None:
    """Returns the `pulumi` of the first official installation on PATH, or None.

    Official is one that brings its own Python language host and is not what `link` put there.
    """
    ours = (cache_root().resolve(), Path(sys.prefix).resolve())
    for entry in os.environ.get("PATH", "").split(os.pathsep):
        if not entry:
            continue
        pulumi = Path(entry) / "pulumi"
        if not _is_executable(pulumi):
            continue
        real = pulumi.resolve()
        if any(real.is_relative_to(place) or Path(entry).resolve().is_relative_to(place) for place in ours):
            continue
        for candidate in (pulumi, real):
            if _is_executable(candidate.parent / "pulumi-language-python"):
                return candidate
    return None


def version(engine: Path) -> str:
    """Returns the version of an engine, without a leading `v`.

    Raises:
        ColonnadeError: It does not run.
    """
    try:
        asked = subprocess.run(
            [engine, "version"],
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ColonnadeError(
            f"{engine} does not run: {error}", "reinstall Pulumi, or take it off PATH"
        ) from error
    if asked.returncode:
        raise ColonnadeError(
            f"`{engine} version` ended with code {asked.returncode}: {asked.stderr.strip()[-200:]}",
            "reinstall Pulumi, or take it off PATH",
        )
    return asked.stdout.strip().removeprefix("v")
