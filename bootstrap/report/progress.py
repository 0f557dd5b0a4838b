"""One progress display for all long work."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

_TICK_SECONDS = 0.5


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
    _told: str = ""

    @property
    def seconds(self) -> float:
        """Seconds since the start, or of the whole step once it is finished."""
        return (self.finished or time.monotonic()) - self.started

    def waiting_for(self, what: str) -> None:
        """Says what the step waits for; a text that it said last is not printed again."""
        if self._progress and what != self._told:
            self._told = what
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
        self._tasks: dict[int, TaskID] = {}
        self._ended = threading.Event()

    def __enter__(self) -> "Progress":
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
            whole = self._live.add_task(self.title, total=self.expected or None, note="")
            self._ended.clear()
            threading.Thread(target=self._repaint, args=(whole,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        with self._lock:
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
                self._tasks[id(step)] = self._live.add_task(f"  {name}", total=expected or None, note="")
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

    def _repaint(self, whole: TaskID) -> None:
        """Moves the bars until the work has ended: what no step tells, time does."""
        while not self._ended.wait(_TICK_SECONDS):
            with self._lock:
                if not self._live:
                    return
                left = self.remaining()
                note = f"about {duration(left)} remain" if left else ""
                self._live.update(whole, completed=self.expected - (left or 0), note=note)
                for step in self.steps:
                    if id(step) in self._tasks:
                        self._live.update(self._tasks[id(step)], completed=step.seconds)

    def _note(self, step: Step, what: str) -> None:
        with self._lock:
            if self._live is None:
                self.console.print(f"  {step.name}: {what}")
            elif id(step) in self._tasks:
                self._live.update(self._tasks[id(step)], note=what)

    def _end(self, step: Step, how: str) -> None:
        with self._lock:
            step.finished = time.monotonic()
            if self._live:
                self._live.remove_task(self._tasks.pop(id(step)))
        self.console.print(f"  {step.name}: {how} in {duration(step.seconds)}")
