"""What is wrong with a stack file, said so that a person can mend it."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Location = tuple[str | int, ...]

WHOLE_FILE = "(file)"
_CREDENTIALS = re.compile(r"//[^/@\s]+@")
_LONGEST_VALUE = 60


@dataclass(frozen=True)
class Fault:
    """One thing wrong with one setting.

    Attributes:
        path: The setting, as it would be written in code: `cluster.pools[1].max`.
        value: What was found there, shortened; None where there is nothing to show. Never a secret.
        problem: What is wrong with it.
        fix: What to do about it.
        line: Line of the stack file; None where the settings do not come from a file.
    """

    path: str
    value: str | None
    problem: str
    fix: str
    line: int | None = field(default=None, compare=False)

    def __str__(self) -> str:
        found = "" if self.value is None else f" = {self.value}"
        return " ".join(f"{self.path}{found}: {self.problem}; fix: {self.fix}".split())

    def as_json(self) -> dict[str, Any]:
        """Returns the fault as a mapping for `--json`."""
        return {
            "path": self.path,
            "value": self.value,
            "problem": self.problem,
            "fix": self.fix,
            "line": self.line,
        }


class SettingsError(Exception):
    """All faults of one set of settings, one on each line of `str()`.

    Args:
        faults: At least one fault, in the order in which they are to be shown.
        source: Where the settings came from: a file's path, or the stack's name.
    """

    def __init__(self, faults: Iterable[Fault], source: str) -> None:
        self.faults = tuple(faults)
        self.source = source
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """Returns one line for each fault, each led by where it is."""
        return [
            f"{self.source}:{fault.line}: {fault}" if fault.line else f"{self.source}: {fault}"
            for fault in self.faults
        ]


def show_path(location: Location) -> str:
    """Returns a location as it would be written in code: `cluster.pools[1].max`."""
    shown = ""
    for step in location:
        if isinstance(step, int):
            shown += f"[{step}]"
        else:
            shown += f".{step}" if shown else step
    return shown or WHOLE_FILE


def show_value(value: Any) -> str | None:
    """Returns a value short enough for one line, without credentials that a URL may carry."""
    if value is None:
        return None
    if isinstance(value, str) and "\n" in value:
        return f"<{len(value.splitlines())} lines of text>"
    if isinstance(value, Mapping):
        return "<mapping>"
    if isinstance(value, list | tuple):
        return "<list>"
    shown = _CREDENTIALS.sub("//<credentials>@", value if isinstance(value, str) else json.dumps(value))
    return shown if len(shown) <= _LONGEST_VALUE else f"{shown[: _LONGEST_VALUE - 3]}..."


def show_example(value: Any) -> str:
    """Returns an example as it would be written in the stack file."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {item}" for key, item in value.items()) + "}"
    return str(value)


def closest(word: str, known: Iterable[str]) -> str | None:
    """Returns the known word that was probably meant, or None where none is near."""
    candidates = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(word.lower(), candidates, n=1, cutoff=0.6)
    return candidates[near[0]] if near else None


def choose(word: str, known: Iterable[str]) -> str:
    """Returns the fix for a word that is not among the known ones: the probable one, or all of them."""
    names = list(known)
    listed = f"use one of {', '.join(names)}" if names else "remove it"
    near = closest(word, names)
    return f"did you mean `{near}`? ({listed})" if near else listed
