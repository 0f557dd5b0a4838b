"""`cluster-memory`: peak of everything that belongs to the cluster, platform included."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.benchmarks.result import Result

MIB = 1024 * 1024


class MemoryWatch:
    """Samples the proportional set size of all processes of a cluster until stopped; the peak is kept.

    PSS shares memory that several processes map among them, so that the sum counts each page once
    (proc_pid_smaps(5)).
    """

    def __init__(self, pids: Callable[[], set[int]], interval: float = 2.0) -> None:
        self.peak = 0
        self._pids = pids
        self._stop = threading.Event()
        self._interval = interval
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="memory")

    def __enter__(self) -> "MemoryWatch":
        self._watching = self._pool.submit(self._watch)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()
        # A figure of a watch that broke off would be too small.
        self._watching.result()

    def result(self) -> Result:
        """The figure, in MiB."""
        return Result("cluster-memory", round(self.peak / MIB), "MiB")

    def _watch(self) -> None:
        while not self._stop.wait(self._interval):
            self.peak = max(self.peak, sum(pss(pid) for pid in self._pids()))


def pss(pid: int) -> int:
    """Returns the proportional set size of a process in bytes; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
