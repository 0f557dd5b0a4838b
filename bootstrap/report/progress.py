"""One progress display for all long work."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress


def duration(seconds: float) -> str:
    """Returns seconds as a person says them: `8 s`, `3 min 05 s`."""
    whole = max(0, round(seconds))
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"


@dataclass
class Step:
    """One piece of long work; `waiting_for` may be set at any time from any thread."""

    name: str
    expected: float
    started: float = field(default_factory=time.monotonic)
    finished: float | None = None
    _progress: "Progress | None" = None

    @property
    def seconds(self) -> float:
        """Seconds since the start, or of the whole step once it is finished."""
        return (self.finished or time.monotonic()) - self.started

    def waiting_for(self, what: str) -> None:
        """Says what the step waits for; printed once for each new text."""
        if self._progress:
            self._progress._note(self, what)


class Progress:
    """Shows steps as they run: a live display on a terminal, plain lines elsewhere.

    Steps may run side by side in threads. `expected` seconds weigh the estimate of what remains.

    Args:
        title: What the whole work is, e.g. `Building the toolchain`.
        expected: Seconds that all steps together are expected to take; 0 shows no estimate.
        console: Where to write; standard error by default, so that standard output stays for data.
    """

    def __init__(self, title: str, expected: float = 0, console: Console | None = None) -> None:
        self.title = title
        self.expected = expected
        self.console = console or Console(stderr=True, soft_wrap=True, highlight=False)
        self.steps: list[Step] = []
        self._lock = threading.Lock()
        self._live: RichProgress | None = None
        self._tasks: dict[int, int] = {}
        self._started = time.monotonic()

    def __enter__(self) -> "Progress":
        self._started = time.monotonic()
        self.console.print(self.title)
        if self.console.is_terminal:
            self._live = RichProgress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=20),
                TimeElapsedColumn(),
                TextColumn("{task.fields[note]}", style="dim"),
                console=self.console,
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    def remaining(self) -> float | None:
        """Returns the estimate of seconds that remain, or None where nothing is expected."""
        if not self.expected:
            return None
        done = sum(
            step.expected if step.finished else min(step.expected, step.seconds) for step in self.steps
        )
        return max(0.0, self.expected - done)

    @contextmanager
    def step(self, name: str, expected: float = 0) -> Iterator[Step]:
        """Runs the body as one step; a body that raises is shown as failed and raises on."""
        step = Step(name, expected, _progress=self)
        with self._lock:
            self.steps.append(step)
            if self._live:
                self._tasks[id(step)] = self._live.add_task(name, total=expected or None, note="")
                ticker = threading.Thread(target=self._tick, args=(step,), daemon=True)
                ticker.start()
            else:
                left = self.remaining()
                self.console.print(f"  {name} ..." + (f" (about {duration(left)} remain)" if left else ""))
        try:
            yield step
        except BaseException:
            self._end(step, "failed")
            raise
        self._end(step, "done")

    def skip(self, name: str, why: str, expected: float = 0) -> None:
        """Records a step that need not run."""
        step = Step(name, expected, _progress=self)
        step.finished = step.started
        with self._lock:
            self.steps.append(step)
        self.console.print(f"  {name}: {why}")

    def _tick(self, step: Step) -> None:
        while not step.finished and self._live:
            self._live.update(self._tasks[id(step)], completed=step.seconds)  # type: ignore[arg-type]
            time.sleep(0.5)

    def _note(self, step: Step, what: str) -> None:
        if self._live:
            self._live.update(self._tasks[id(step)], note=what)  # type: ignore[arg-type]
        else:
            self.console.print(f"  {step.name}: {what}")

    def _end(self, step: Step, how: str) -> None:
        step.finished = time.monotonic()
        if self._live:
            self._live.remove_task(self._tasks[id(step)])  # type: ignore[arg-type]
        self.console.print(f"  {step.name}: {how} in {duration(step.seconds)}")
