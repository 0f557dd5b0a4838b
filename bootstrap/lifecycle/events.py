"""What the engine does at this moment, told from its event log."""

import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

from bootstrap.report.progress import Step

_MARKUP = re.compile(r"<\{%.*?%\}>")
# That plugins are found on PATH is how the toolchain provides them.
_AMBIENT = re.compile(r"using pulumi-\S+ from \$PATH")
# Operations that are no work.
_QUIET = {"same", "read", "read-discard", "discard-replaced"}
_PLAIN_SECONDS = 15.0
_LIVE_SECONDS = 0.5
_SHOWN = 2


def label(urn: str) -> str:
    """Returns a resource as a person calls it: `Deployment lakefs`."""
    parts = urn.split("::")
    if len(parts) < 4:
        return urn
    return f"{parts[2].rsplit('$', 1)[-1].rsplit(':', 1)[-1]} {'::'.join(parts[3:])}"


@dataclass
class Watch:
    """Follows one operation.

    Args:
        step: Where to say what is awaited.
        live: Whether the display can be repainted; else it is told seldom.
    """

    step: Step | None = None
    live: bool = False
    changes: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    running: dict[str, str] = field(default_factory=dict)
    finished: int = 0
    _notes: dict[str, str] = field(default_factory=dict)
    _told: str = ""
    _told_at: float = field(default_factory=time.monotonic)

    def read(self, line: str) -> None:
        """Takes one line of the event log."""
        event: dict[str, Any] = json.loads(line)
        if begun := event.get("resourcePreEvent"):
            metadata = begun["metadata"]
            if metadata["op"] not in _QUIET and not begun.get("planning"):
                self.running[metadata["urn"]] = metadata["op"]
        elif done := event.get("resOutputsEvent") or event.get("resOpFailedEvent"):
            urn = done["metadata"]["urn"]
            self._notes.pop(urn, None)
            if self.running.pop(urn, None) is not None:
                self.finished += 1
        elif said := event.get("diagnosticEvent"):
            self._diagnose(said)
        elif summary := event.get("summaryEvent"):
            self.changes = {name: count for name, count in summary["resourceChanges"].items() if count}
        self._tell()

    def text(self) -> str:
        """Returns what is going on, in one line."""
        shown = [
            f"{operation} {label(urn)}" + (f" ({self._notes[urn]})" if urn in self._notes else "")
            for urn, operation in list(self.running.items())[:_SHOWN]
        ]
        if len(self.running) > _SHOWN:
            shown.append(f"{len(self.running) - _SHOWN} more")
        return f"{self.finished} done" + (f"; now {', '.join(shown)}" if shown else "")

    def _diagnose(self, said: dict[str, Any]) -> None:
        message = " ".join(_MARKUP.sub("", said.get("message", "")).split())
        urn = said.get("urn", "")
        if not message or _AMBIENT.match(message):
            return
        if said.get("ephemeral"):
            if urn in self.running:
                self._notes[urn] = message
        elif said.get("severity") in ("error", "warning"):
            told = f"{label(urn)}: {message}" if urn and not urn.endswith("::") else message
            found = self.errors if said["severity"] == "error" else self.warnings
            if told not in found:
                found.append(told)

    def _tell(self) -> None:
        if self.step is None:
            return
        text, now = self.text(), time.monotonic()
        if text != self._told and now - self._told_at >= (_LIVE_SECONDS if self.live else _PLAIN_SECONDS):
            self._told, self._told_at = text, now
            self.step.waiting_for(text)
