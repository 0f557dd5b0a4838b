"""The life of a stack, phase by phase."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bootstrap.errors import ColonnadeError
from bootstrap.lifecycle.events import label
from bootstrap.lifecycle.pulumi import EngineError, Outcome
from bootstrap.paths import repository
from bootstrap.rehearsal.rehearsal import Rehearsal

UNTIL = ("preview", "up", "destroy")
_PACK = repository() / "policies"
# The change of a day: a pool may grow, and there is a further bucket.
BUCKET = "rehearsal"
# A Job cannot change: what it runs is part of its name, and a change is a new one.
_CHART = "colonnade:index:Chart"
_RENEWED = "kubernetes:batch/v1:Job"


@dataclass(frozen=True)
class Phase:
    """What one phase did.

    Attributes:
        name: What it was.
        seconds: How long it took.
        changes: Resources by operation.
        refusals: What the emulated cloud refused, in its words.
        fault: Why the phase failed, None where it passed.
    """

    name: str
    seconds: float
    changes: Mapping[str, int] = field(default_factory=dict)
    refusals: tuple[str, ...] = ()
    fault: str | None = None


class FailedError(ColonnadeError):
    """A phase that did not do what it must.

    Args:
        message: What is not as it must be.
        outcome: What the engine did, which found nothing wrong.
    """

    def __init__(self, message: str, outcome: Outcome) -> None:
        super().__init__(message)
        self.outcome = outcome


def check(until: str, policies: bool) -> None:
    """Refuses phases that there are not.

    Raises:
        ColonnadeError: `until` is none of `UNTIL`, or there is no policy pack.
    """
    if until not in UNTIL:
        raise ColonnadeError(f"--until {until!r} is unknown", f"name one of {', '.join(UNTIL)}")
    if policies and not (_PACK / "PulumiPolicy.yaml").is_file():
        raise ColonnadeError(
            "there is no policy pack in policies/", "leave --policies out until there is one"
        )


def run(rehearsal: Rehearsal, until: str = "destroy", policies: bool = False) -> list[Phase]:
    """Runs the phases up to one of `UNTIL`; the first that fails is the last.

    After a fault that was asked for, an operation is run again, as a person would, until it has been served.

    Raises:
        ColonnadeError: As `check` does.
    """
    check(until, policies)
    life = Life(rehearsal, ["--policy-pack", str(_PACK)] if policies else [])
    steps: list[tuple[str, Callable[[], Outcome | None]]] = [("preview", life.preview)]
    if until in ("up", "destroy"):
        steps += [
            ("up", life.up),
            ("preview again", life.unchanged),
            ("refresh", life.no_drift),
            ("change", life.change),
        ]
    if until == "destroy":
        if rehearsal.settings.protect:
            steps.append(("protection off", life.release))
        steps.append(("destroy", life.destroy))
    phases: list[Phase] = []
    for name, step in steps:
        begun, heard = time.monotonic(), len(rehearsal.server.provider.events) if rehearsal.server else 0
        outcome, fault = None, None
        try:
            outcome = step()
        except EngineError as error:
            fault = "; ".join([error.message, *error.faults[:3]])
        except FailedError as error:
            fault, outcome = error.message, error.outcome
        except ColonnadeError as error:
            fault = error.message
        events = rehearsal.server.provider.events[heard:] if rehearsal.server else []
        refusals = tuple(f"{it.type} {it.name}: {it.refusal}" for it in events if it.refusal)
        changes = outcome.changes if outcome else {}
        phases.append(Phase(name, time.monotonic() - begun, changes, refusals, fault))
        if fault:
            break
    return phases


@dataclass
class Life:
    """The operations of each phase.

    Args:
        rehearsal: The rehearsal.
        arguments: Further arguments of preview and up.
    """

    rehearsal: Rehearsal
    arguments: list[str]

    def preview(self) -> Outcome:
        """Previews what is to be made."""
        return self.rehearsal.stack.preview(self.rehearsal.progress, self.arguments)

    def up(self) -> Outcome:
        """Makes it, whatever fault fires; nothing is orphaned.

        Raises:
            FailedError: Something lives that no state holds, or the other way round.
        """
        outcome = self._served(lambda: self.rehearsal.stack.up(self.rehearsal.progress, self.arguments))
        if orphans := self.rehearsal.orphans():
            raise FailedError("; ".join(orphans), outcome)
        self.rehearsal.charts = {
            it["inputs"]["chart"] for it in self.rehearsal.resources() if it["type"] == _CHART
        }
        return outcome

    def unchanged(self) -> Outcome:
        """Previews again: nothing changes.

        Raises:
            FailedError: Something would.
        """
        outcome = self.rehearsal.stack.preview(self.rehearsal.progress, self.arguments)
        if not outcome.unchanged:
            raise FailedError(f"a second up would {_told(outcome)}", outcome)
        return outcome

    def no_drift(self) -> Outcome:
        """Asks the providers: all is as the state says.

        Raises:
            FailedError: Something is not.
        """
        outcome = self.rehearsal.stack.refresh(self.rehearsal.progress, preview_only=True)
        if not outcome.unchanged:
            raise FailedError(f"a refresh would {_told(outcome)}", outcome)
        return outcome

    def change(self) -> Outcome:
        """Lets a pool grow and adds a bucket, in place.

        Raises:
            FailedError: Something was replaced or deleted, or nothing changed.
        """
        document = self.rehearsal.place.read(self.rehearsal.name)
        self.rehearsal.place.write(self.rehearsal.name, changed(document))
        before = self._living()
        outcome = self._served(lambda: self.rehearsal.stack.up(self.rehearsal.progress, self.arguments))
        after = self._living()
        lost = sorted(
            urn
            for urn, (kind, id) in before.items()
            if kind != _RENEWED and (urn not in after or after[urn][1] != id)
        )
        if lost:
            raise FailedError(f"the change replaced or deleted {', '.join(map(label, lost))}", outcome)
        if outcome.unchanged:
            raise FailedError("the change changed nothing", outcome)
        return outcome

    def _living(self) -> dict[str, tuple[str, str]]:
        """Returns type and id of each resource in the state by its URN."""
        return {it["urn"]: (it["type"], it["id"]) for it in self.rehearsal.resources() if it.get("id")}

    def release(self) -> Outcome:
        """Takes the one documented step before what is protected can be destroyed."""
        document = self.rehearsal.place.read(self.rehearsal.name)
        self.rehearsal.place.write(self.rehearsal.name, released(document))
        return self._served(lambda: self.rehearsal.stack.up(self.rehearsal.progress, self.arguments))

    def destroy(self) -> Outcome:
        """Removes it: nothing is left in cloud and cluster.

        Raises:
            FailedError: Something is.
        """
        outcome = self._served(lambda: self.rehearsal.stack.destroy(self.rehearsal.progress))
        if left := self.rehearsal.leftovers():
            more = f" and {len(left) - 10} more" if len(left) > 10 else ""
            raise FailedError(f"left behind: {', '.join(left[:10])}{more}", outcome)
        return outcome

    def _served(self, operation: Callable[[], Outcome]) -> Outcome:
        """Runs an operation, and again after each fault that was asked for and fired."""
        faults = self.rehearsal.faults
        while True:
            before = len(faults.fired)
            try:
                return operation()
            except EngineError:
                if len(faults.fired) == before:
                    raise
                # A quota does not go away by itself: whoever ran into it asks for more.
                faults.quotas.clear()
                self.rehearsal.settle()


def _told(outcome: Outcome) -> str:
    counts = {name: count for name, count in outcome.changes.items() if name != "same"}
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def changed(document: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a stack file in which the last pool may grow by one node and there is a further bucket."""
    config = dict(document["config"])
    storage = dict(config.get("colonnade:storage") or {})
    storage["additional_buckets"] = [*storage.get("additional_buckets", []), BUCKET]
    cluster = dict(config.get("colonnade:cluster") or {})
    *others, last = cluster.get("pools") or [None]
    if last is not None and "max" in last:
        cluster["pools"] = [*others, {**last, "max": last["max"] + 1}]
    return {**document, "config": {**config, "colonnade:storage": storage, "colonnade:cluster": cluster}}


def released(document: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a stack file without protection, with the waiver that production wants for it."""
    config = dict(document["config"])
    waivers = list(config.get("colonnade:waivers") or [])
    if config.get("colonnade:tier") == "production":
        waivers.append({"setting": "protect", "reason": "the environment is taken down for good"})
        config["colonnade:waivers"] = waivers
    return {**document, "config": {**config, "colonnade:protect": False}}
