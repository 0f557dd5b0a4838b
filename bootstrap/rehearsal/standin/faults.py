"""What goes wrong on purpose: throttling, timeouts, quotas, and an engine that dies midway."""

import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from bootstrap.errors import ColonnadeError
from bootstrap.rehearsal.standin.account import Store
from bootstrap.rehearsal.standin.model import Refusal, RefusedError

_SOURCE = "rehearsed fault"
# One in so many first attempts fails, unless the fault says otherwise.
_EVERY = 50
# What an engine takes to record an answer, with room: nothing tells from outside that it has.
_RECORDING_SECONDS = 1.0


@dataclass
class Faults:
    """Faults that are injected around operations that change the account.

    Attributes:
        throttle: One in so many first attempts is refused for its pace.
        timeout: One in so many first attempts is not ready in time: what it makes exists nonetheless.
        quotas: Type token to how many may live.
        crash_after: After how many operations the engine dies.
        crash_inside: Whether it dies once the cloud has acted and before it can hear of it, or only at the
            next operation, when it has recorded all that ended.
        crash: Kills the engine.
        fired: What happened, in words.
    """

    throttle: int | None = None
    timeout: int | None = None
    quotas: dict[str, int] = field(default_factory=dict)
    crash_after: int | None = None
    crash_inside: bool = False
    crash: Callable[[], None] = lambda: None
    fired: list[str] = field(default_factory=list)
    _done: int = 0
    _attempts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _gate: threading.Lock = field(default_factory=threading.Lock)
    _crashed: float = 0.0

    @classmethod
    def parse(cls, *texts: str) -> "Faults":
        """Reads throttle[:EVERY], timeout[:EVERY], quota:TYPE[:N] and crash-after:N[:inside|:between].

        Raises:
            ColonnadeError: A text is none of them.
        """
        faults = cls()
        for text in texts:
            kind, _, rest = text.partition(":")
            if kind in ("throttle", "timeout") and (not rest or (rest.isdigit() and int(rest))):
                setattr(faults, kind, int(rest or _EVERY))
            elif kind == "quota" and rest.count(":") >= 2:
                token, _, limit = (
                    rest.rpartition(":") if rest.rpartition(":")[2].isdigit() else (rest, "", "0")
                )
                faults.quotas[token] = int(limit)
            elif kind == "crash-after" and rest.removesuffix(":inside").removesuffix(":between").isdigit():
                faults.crash_after = int(rest.partition(":")[0])
                faults.crash_inside = rest.endswith(":inside")
            else:
                raise ColonnadeError(
                    f"unknown fault {text!r}",
                    "say throttle[:EVERY], timeout[:EVERY], quota:TYPE[:N] or crash-after:N[:inside]",
                )
        return faults

    def before(self, operation: str, type: str, urn: str, account: Store) -> bool:
        """Injects what comes before an operation; returns whether it is not to be ready in time.

        Raises:
            RefusedError: The operation is not to happen.
        """
        codes, arrived = account.cloud.codes, time.monotonic()
        with self._gate:
            first = not self._attempts[f"{operation} {urn}"]
            self._attempts[f"{operation} {urn}"] += 1
            if not self.crash_inside and self.crash_after is not None and self._done >= self.crash_after:
                time.sleep(_RECORDING_SECONDS)
                self._crash(f"{operation} {type}", "before")
            if arrived < self._crashed:
                raise RefusedError([Refusal("id", "the engine is gone", _SOURCE)])
        if operation == "create" and len(account.all(type)) >= self.quotas.get(type, 1 << 30):
            self.fired.append(f"quota: {type}")
            reason = f"the quota of {self.quotas[type]} is used up"
            raise RefusedError([Refusal("id", reason, _SOURCE, codes.quota)])
        if first and _chosen(self.throttle, f"{operation} {urn}"):
            self.fired.append(f"throttle: {operation} {type}")
            raise RefusedError([Refusal("id", "too many requests", _SOURCE, codes.throttled)])
        late = first and _chosen(self.timeout, f"{urn} {operation}")
        if late:
            self.fired.append(f"timeout: {operation} {type}")
        return late

    def after(self, operation: str, type: str) -> None:
        """Injects what comes once the cloud has acted and before its answer."""
        with self._lock:
            self._done += 1
            if self.crash_inside and self._done == self.crash_after:
                self._crash(f"{operation} {type}", "within")

    def _crash(self, operation: str, place: str) -> None:
        self.crash_after = None
        self.fired.append(f"crash: {place} {operation}")
        self.crash()
        self._crashed = time.monotonic()


def _chosen(every: int | None, text: str) -> bool:
    return every is not None and zlib.crc32(text.encode()) % every == 0
