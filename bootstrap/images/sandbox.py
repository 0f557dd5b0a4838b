"""Runs the tools that mount and chroot so that they leave nothing behind, however they end."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import which

from bootstrap.errors import ColonnadeError
from bootstrap.privilege import require_root

# Mounts live in a mount namespace that dies with its processes. Those live in a process namespace that dies
# with `unshare`, and that the kernel kills together with the thread that started it: SIGKILL leaves nothing.
ISOLATION = (
    *("setpriv", "--pdeathsig", "KILL", "--", "unshare", "--mount", "--propagation", "private"),
    *("--pid", "--fork", "--kill-child", "--mount-proc", "--"),
)

# What a tool needs of its caller; XDG_RUNTIME_DIR and the file leads it to credentials of registries.
PASSED = ("PATH", "HOME", "XDG_RUNTIME_DIR", "REGISTRY_AUTH_FILE", "SSL_CERT_FILE", "SSL_CERT_DIR")


def require(*tools: str) -> None:
    """Raises ColonnadeError when a tool is not on PATH or this process is not root."""
    missing = [tool for tool in (*tools, "setpriv", "unshare") if which(tool) is None]
    if missing:
        packages = " ".join("util-linux" if tool in ("setpriv", "unshare") else tool for tool in missing)
        raise ColonnadeError(
            f"images cannot be built without {', '.join(missing)}", fix=f"apt-get install -y {packages}"
        )
    require_root("colonnade images build")


class Sandbox:
    """Runs isolated commands side by side; `stop` ends them all."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(
        self, what: str, command: Sequence[str], folder: Path, log: Path, environment: Mapping[str, str]
    ) -> None:
        """Runs a command in `folder` to its end, with its output appended to `log`.

        Raises:
            ColonnadeError: The command failed; the message holds the last lines of its output.
        """
        with log.open("ab") as output:
            start = output.tell()
            with self._lock:
                if self._stopped:
                    raise ColonnadeError(f"{what} was interrupted")
                process = subprocess.Popen(
                    [*ISOLATION, *command],
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={name: os.environ[name] for name in PASSED if name in os.environ} | dict(environment),
                    start_new_session=True,
                )
                self._running.add(process)
            status = process.wait()
            with self._lock:
                self._running.discard(process)
        if status:
            raise self._failure(what, status, log, start)

    def stop(self) -> None:
        """Kills every command that runs and lets no other start."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGKILL)

    def _failure(self, what: str, status: int, log: Path, start: int) -> ColonnadeError:
        if self._stopped:
            return ColonnadeError(f"{what} was interrupted")
        with log.open("rb") as output:
            output.seek(start)
            text = output.read().decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if any("no space left on device" in line.lower() for line in lines[-40:]):
            return ColonnadeError(
                f"{what} failed: no space left at {log.parent}", fix="free disk space there"
            )
        told = [line for line in lines if line.startswith(("ERROR:", "E: "))][-2:] or lines[-3:]
        reason = " | ".join(told)[-600:] or f"exit status {status} without a word"
        return ColonnadeError(f"{what} failed: {reason}", fix=f"see {log}")
