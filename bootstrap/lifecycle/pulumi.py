"""Runs the engine on one stack."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from bootstrap.engine import engine_environment
from bootstrap.errors import ColonnadeError
from bootstrap.lifecycle import leash, processes
from bootstrap.lifecycle.events import Watch
from bootstrap.paths import cache_root
from bootstrap.report.progress import Progress
from bootstrap.toolchain import store

_HIDDEN = "[secret]"
_TAIL_SECONDS = 0.2
_PASSPHRASE_FAULTS = ("incorrect passphrase", "passphrase must be set")


@dataclass(frozen=True)
class Outcome:
    """What an operation did.

    Args:
        changes: Resources by operation, e.g. `{"create": 3, "same": 40}`.
        seconds: How long it took.
        warnings: What the engine warned of.
    """

    changes: Mapping[str, int]
    seconds: float
    warnings: Sequence[str] = field(default_factory=tuple)

    @property
    def unchanged(self) -> bool:
        """Whether every resource was as it should be."""
        return not self.changes.keys() - {"same", "read"}


class EngineError(ColonnadeError):
    """An operation that failed.

    Args:
        message: What failed, naming the first resource at fault.
        fix: Where to read on.
        faults: All faults that the engine told.
    """

    def __init__(self, message: str, fix: str | None = None, faults: Sequence[str] = ()) -> None:
        super().__init__(message, fix)
        self.faults = list(faults)


class Stack:
    """One stack of one project, driven through the engine's command line.

    Operations run in the foreground. Interrupted by Ctrl-C the engine finishes what it has begun and saves
    its state; a second Ctrl-C makes it stop at once. Where this process dies, the engine stops the same way.
    When an operation returns, in whatever way, none of its processes runs any more.

    Args:
        directory: The directory with Pulumi.yaml.
        name: The stack.
        environment: Variables beyond those of `engine_environment()`.
        isolated: Whether `environment` is the whole environment instead.
        hidden: Values that the log and error messages must not show, beyond the secrets the engine knows.
        logs: The directory of logs, one file for each operation, private to the user.
        engine: The `pulumi` to run; by default that of the toolchain.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        environment: Mapping[str, str] | None = None,
        hidden: Sequence[str] = (),
        logs: Path | None = None,
        engine: Path | None = None,
        isolated: bool = False,
    ) -> None:
        self.directory = directory
        self.name = name
        self.logs = logs or cache_root() / "logs"
        self._engine = engine
        self._variables = dict(environment or {})
        self._isolated = isolated
        self._run: str | None = None
        self._hidden = [value for value in hidden if value]

    def select(self) -> None:
        """Makes this the current stack of the project, creating it where it does not exist.

        Raises:
            EngineError: The backend refuses it, or its secrets do not open.
        """
        self._query("stack", "select", self.name, "--create")

    def preview(self, progress: Progress | None = None, arguments: Sequence[str] = ()) -> Outcome:
        """Returns what `up` would do.

        Raises:
            EngineError: The program or a provider failed.
        """
        return self._operate("preview", arguments, progress)

    def up(
        self, progress: Progress | None = None, arguments: Sequence[str] = (), expected: float = 0
    ) -> Outcome:
        """Makes the stack what the program says.

        Args:
            progress: Where to show what is done.
            arguments: More arguments of `pulumi up`.
            expected: Seconds that it is expected to take.

        Raises:
            EngineError: The program or a resource failed; what was done before is in the state.
        """
        return self._operate("up", ["--yes", "--skip-preview", *arguments], progress, expected)

    def refresh(
        self, progress: Progress | None = None, arguments: Sequence[str] = (), preview_only: bool = False
    ) -> Outcome:
        """Makes the state what the providers report; `preview_only` tells the drift and changes nothing.

        Raises:
            EngineError: A provider failed.
        """
        mode = ["--preview-only"] if preview_only else ["--yes", "--skip-preview"]
        return self._operate("refresh", [*mode, *arguments], progress)

    def destroy(
        self, progress: Progress | None = None, arguments: Sequence[str] = (), expected: float = 0
    ) -> Outcome:
        """Deletes every resource of the stack.

        Raises:
            EngineError: A resource could not be deleted; what was deleted is gone from the state.
        """
        return self._operate("destroy", ["--yes", "--skip-preview", *arguments], progress, expected)

    def remove(self) -> None:
        """Forgets an empty stack; its settings file stays.

        Raises:
            EngineError: It still holds resources.
        """
        self._query("stack", "rm", "--yes", "--preserve-config", "--stack", self.name)

    def exists(self) -> bool:
        """Tells whether the backend knows the stack.

        Raises:
            EngineError: The backend cannot be asked.
        """
        listed = json.loads(self._query("stack", "ls", "--json"))
        return any(stack["name"].rpartition("/")[2] == self.name for stack in listed)

    def drop(self, backup: Path) -> None:
        """Forgets the stack with all that it holds, and writes its state to `backup`, secrets encrypted.

        Nothing is deleted anywhere: it is for a stack whose cluster is gone.

        Raises:
            EngineError: The stack is locked, or its state cannot be read.
        """
        state = self.export()
        with _private_file(backup) as file:
            json.dump(state, file)
        self._query("stack", "rm", "--yes", "--force", "--preserve-config", "--stack", self.name)

    def outputs(self, show_secrets: bool = False) -> dict[str, Any]:
        """Returns the outputs; secrets read `[secret]` unless they are asked for.

        Raises:
            EngineError: There is no such stack, or its secrets do not open.
        """
        shown = ["--show-secrets"] if show_secrets else []
        loaded: dict[str, Any] = json.loads(
            self._query("stack", "output", "--json", "--stack", self.name, *shown)
        )
        return loaded

    def export(self) -> dict[str, Any]:
        """Returns the state, secrets encrypted.

        Raises:
            EngineError: There is no such stack.
        """
        loaded: dict[str, Any] = json.loads(self._query("stack", "export", "--stack", self.name))
        return loaded

    def replace_state(self, state: Mapping[str, Any]) -> None:
        """Puts a state in the place of the present one, which the backend keeps as a backup.

        Raises:
            EngineError: The state is not valid, or the stack is locked.
        """
        with tempfile.TemporaryDirectory(prefix="colonnade-") as private:
            file = Path(private, "state.json")
            file.write_text(json.dumps(state), encoding="utf-8")
            self._query("stack", "import", "--stack", self.name, "--file", str(file))

    def environment(self) -> dict[str, str]:
        """Returns the complete environment that the engine runs in."""
        return dict(self._variables) if self._isolated else {**engine_environment(), **self._variables}

    def kill(self) -> None:
        """Kills the operation under way, as a crash of the machine would; does nothing without one."""
        for process in processes.members(self._run) if self._run else []:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)

    def _command(self, *arguments: str) -> list[str]:
        engine = self._engine or store.binary("pulumi")
        return [
            str(engine),
            *arguments,
            "--non-interactive",
            "--color",
            "never",
            "--cwd",
            str(self.directory),
        ]

    def _query(self, *arguments: str) -> str:
        ended = subprocess.run(
            self._command(*arguments),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            lines = [line for line in ended.stderr.splitlines() if line.strip()]
            raise self._error(" ".join(arguments[:2]), lines[-3:], None)
        return ended.stdout

    def _operate(
        self, verb: str, arguments: Sequence[str], progress: Progress | None, expected: float = 0
    ) -> Outcome:
        begun = time.monotonic()
        path = self.logs / f"{self.name}-{verb}.log"
        shown = progress.step(f"pulumi {verb}", expected) if progress else nullcontext()
        # Beside the log and not in a directory of its own, which would stay where this process is killed.
        events = path.with_suffix(".events")
        with _private_file(events), _private_file(path) as log, shown as step:
            command = self._command(verb, *arguments, "--stack", self.name, "--suppress-outputs")
            command += ["--suppress-progress", "--event-log", str(events)]
            log.write(f"# {datetime.now(UTC).isoformat(timespec='seconds')} {' '.join(command)}\n")
            watch = Watch(step, live=progress is not None and progress.console.is_terminal)
            last: deque[str] = deque(maxlen=3)
            if self._follow(command, events, watch, log, last):
                raise self._error(verb, watch.errors or [" ".join(last)], path)
        return Outcome(watch.changes, time.monotonic() - begun, tuple(map(self._hide, watch.warnings)))

    def _follow(
        self, command: list[str], events: Path, watch: Watch, log: IO[str], last: "deque[str]"
    ) -> int:
        run = self._run = processes.new_run()
        variables = {
            **self.environment(),
            processes.RUN: run,
            # The flag for the event log is hidden without it.
            "PULUMI_DEBUG_COMMANDS": "true",
        }
        launcher = [sys.executable, "-I", "-S", str(leash.__file__), str(os.getpid())]
        ended = threading.Event()
        with subprocess.Popen(
            [*launcher, *command],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            # Ctrl-C reaches the engine through this process alone, once for each time.
            process_group=0,
        ) as process:
            readers = [
                threading.Thread(target=_tail, args=(events, watch, ended), daemon=True),
                threading.Thread(target=self._copy, args=(process.stdout, log, last), daemon=True),
            ]
            for reader in readers:
                reader.start()
            try:
                return _wait(process)
            finally:
                processes.end(processes.members(run))
                ended.set()
                for reader in readers:
                    reader.join()

    def _copy(self, output: IO[str], log: IO[str], last: "deque[str]") -> None:
        for line in output:
            shown = self._hide(line)
            log.write(shown)
            log.flush()
            if shown.strip():
                last.append(shown.strip())

    def _hide(self, text: str) -> str:
        for value in self._hidden:
            text = text.replace(value, _HIDDEN)
        return text

    def _error(self, verb: str, faults: Sequence[str], log: Path | None) -> EngineError:
        told = [self._hide(fault) for fault in faults if fault]
        if any(fault in line for line in told for fault in _PASSPHRASE_FAULTS):
            return EngineError(
                f"pulumi {verb}: the passphrase does not open the secrets of stack {self.name}",
                "set PULUMI_CONFIG_PASSPHRASE_FILE to the passphrase that it was made with",
                told,
            )
        first = told[0] if told else "it ended without saying why"
        more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
        message = f"pulumi {verb} of stack {self.name} failed: {first}{more}"
        return EngineError(message, f"read {log}" if log else None, told)


def _wait(process: "subprocess.Popen[str]") -> int:
    """Waits for the end; hands Ctrl-C on and waits again, so that the engine can save its state."""
    interrupted = False
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            interrupted = True
            process.send_signal(signal.SIGINT)
            continue
        if interrupted:
            raise KeyboardInterrupt
        return code


def _tail(path: Path, watch: Watch, ended: threading.Event) -> None:
    """Feeds lines to the watch as they are written, until the writer has ended and all is read."""
    with path.open(encoding="utf-8") as file:
        line = ""
        while True:
            last_pass = ended.is_set()
            while chunk := file.readline():
                line += chunk
                if line.endswith("\n"):
                    watch.read(line)
                    line = ""
            if last_pass:
                return
            ended.wait(_TAIL_SECONDS)


@contextmanager
def _private_file(path: Path) -> Iterator[IO[str]]:
    """Opens a new file that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        yield file
