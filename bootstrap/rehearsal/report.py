"""What a rehearsal found, for people and for machines."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from bootstrap.rehearsal.cluster.cluster import UNANSWERED
from bootstrap.rehearsal.phases import Phase
from bootstrap.rehearsal.rehearsal import Rehearsal

_OPERATIONS = ("create", "update", "replace", "delete", "same")


def passed(phases: Sequence[Phase]) -> bool:
    """Tells whether every phase did what it must."""
    return all(phase.fault is None for phase in phases)


def assumed(rehearsal: Rehearsal) -> list[str]:
    """Returns what was not rehearsed as it will be, each by name."""
    return [
        *(str(it) for it in rehearsal.missing if rehearsal.charts is None or it.chart in rehearsal.charts),
        f"admission webhooks: off ({', '.join(UNANSWERED)}), since the pods that answer them are simulated",
        "pods: simulated; images are not pulled and programs do not run",
        *(f"{it.type} {it.id}: taken to exist" for it in rehearsal.existing),
        *rehearsal.replaced,
        *([] if rehearsal.account is None else ["AWS: an emulator, which refuses what it does not know"]),
        *(f"moto does not know {name}" for name in sorted(rehearsal.mirror.gaps if rehearsal.mirror else ())),
    ]


def table(stack: str, phases: Sequence[Phase]) -> Table:
    """Returns the phases as a table."""
    shown = Table(title=f"Rehearsal of stack {stack}", title_justify="left", box=None)
    for column in ("phase", "seconds", *_OPERATIONS, "refused", ""):
        shown.add_column(column, no_wrap=True)
    for phase in phases:
        replaced = sum(count for name, count in phase.changes.items() if "replace" in name)
        counts = {**phase.changes, "replace": replaced}
        cells = (str(counts[name]) if counts.get(name) else "" for name in _OPERATIONS)
        refused = str(len(phase.refusals)) if phase.refusals else ""
        ended = "passed" if phase.fault is None else "FAILED"
        shown.add_row(phase.name, f"{phase.seconds:.0f}", *cells, refused, ended)
    return shown


def document(rehearsal: Rehearsal, phases: Sequence[Phase]) -> dict[str, Any]:
    """Returns the report for machines."""
    return {
        "stack": rehearsal.name,
        "passed": passed(phases),
        "phases": [asdict(phase) | {"changes": dict(phase.changes)} for phase in phases],
        "faults": list(rehearsal.faults.fired),
        "not_rehearsed": assumed(rehearsal),
    }
