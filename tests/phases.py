"""Runs the phases of `make check`, `make test`, `make bench` and `make soak`, and prints what each took."""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / ".venv" / "bin"

CHECK = {
    "format": ["ruff", "format", "--check", "--quiet", "."],
    "lint": ["ruff", "check", "--quiet", "."],
    "types": ["mypy"],
    "import contracts": ["lint-imports"],
}
SETUP = {"setup": ["colonnade", "setup"]}
UNIT = {"unit tests": ["pytest", "-q", "tests/unit"]}
# Two at a time: each waits for controllers as long as it computes.
REHEARSAL = {
    "rehearsals": [
        *("pytest", "-q", "tests/rehearsal", "--timeout=1800", "-m", "not soak"),
        *("--numprocesses=2", "--dist=loadfile"),
    ]
}
END_TO_END = {
    "cluster tests": ["pytest", "-q", "tests/end_to_end/cluster", "--timeout=1200"],
    "platform tests": [
        *("pytest", "-q", "tests/end_to_end", "--ignore=tests/end_to_end/cluster", "--timeout=1800"),
        *("-m", "not soak"),
    ],
}
PHASES = {
    "check": CHECK,
    "test": CHECK | SETUP | UNIT | REHEARSAL | END_TO_END,
    "bench": SETUP | {"benchmarks": ["python", "-m", "tests.benchmarks"]},
    "soak": SETUP
    | {"soak": ["pytest", "-q", "tests/rehearsal", "tests/end_to_end", "-m", "soak", "--timeout=7200"]},
}


def main() -> int:
    """Runs every phase of the verb, the rest also after a failed one of `check`; 1 where any failed."""
    verb = sys.argv[1]
    took: list[tuple[str, float, bool]] = []
    for name, (program, *arguments) in PHASES[verb].items():
        print(f"== {name}", flush=True)
        started = time.monotonic()
        passed = subprocess.run([BIN / program, *arguments], cwd=ROOT, check=False).returncode == 0
        took.append((name, time.monotonic() - started, passed))
        if not passed and name not in CHECK:
            break
    print(f"== {verb}: seconds by phase")
    for name, seconds, passed in took:
        print(f"  {name:<20} {seconds:8.1f}  {'passed' if passed else 'FAILED'}")
    print(f"  {'total':<20} {sum(seconds for _, seconds, _ in took):8.1f}")
    return 0 if all(passed for *_, passed in took) else 1


if __name__ == "__main__":
    sys.exit(main())
