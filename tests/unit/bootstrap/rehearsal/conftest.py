"""A rehearsal whose engine does what the test says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from bootstrap.lifecycle.pulumi import Outcome
from bootstrap.rehearsal.standin.faults import Faults

DOCUMENT = {
    "config": {
        "colonnade:tier": "production",
        "colonnade:cluster": {"pools": [{"name": "general", "max": 3}, {"name": "gpu", "max": 4}]},
        "colonnade:storage": {"additional_buckets": ["papers"]},
    }
}


@dataclass
class FakePlace:
    """Keeps a stack file in memory."""

    document: Mapping[str, Any]

    def read(self, _: str) -> Mapping[str, Any]:
        return self.document

    def write(self, _: str, document: Mapping[str, Any]) -> None:
        self.document = document


@dataclass
class FakeStack:
    """Answers each operation with what `answers` has for it, the last answer for ever."""

    rehearsal: "FakeRehearsal"
    answers: dict[str, list[Any]]
    asked: list[str] = field(default_factory=list)

    def __getattr__(self, verb: str) -> Callable[..., Outcome]:
        if verb.startswith("_"):
            raise AttributeError(verb)

        def operate(_: object, arguments: list[str] | None = None, **__: object) -> Outcome:
            self.asked.append(" ".join([verb, *(arguments or [])]))
            listed = self.answers[verb]
            answer = listed.pop(0) if len(listed) > 1 else listed[0]
            result = answer(self.rehearsal) if callable(answer) else answer
            if isinstance(result, Exception):
                raise result
            assert isinstance(result, Outcome)
            return result

        return operate


class FakeRehearsal:
    """What phases see of a rehearsal; everything goes well unless a test says otherwise."""

    def __init__(self) -> None:
        same, made = Outcome({"same": 2}, 1.0), Outcome({"create": 2}, 1.0)
        self.name = "fake"
        self.settings = SimpleNamespace(protect=False)
        self.place = FakePlace(DOCUMENT)
        self.stack = FakeStack(
            self,
            {
                "preview": [made, same],
                "up": [made, Outcome({"update": 1}, 1.0)],
                "refresh": [same],
                "destroy": [Outcome({"delete": 2}, 1.0)],
            },
        )
        self.faults = Faults()
        self.progress, self.server, self.account, self.mirror = None, None, None, None
        self.charts: set[str] | None = None
        self.states = [[self.resource("a:b/c:C", "one")]]
        self.orphaned: list[str] = []
        self.left: list[str] = []
        self.settled = 0
        self.missing: list[Any] = []
        self.existing: list[Any] = []
        self.replaced: list[str] = []

    @staticmethod
    def resource(kind: str, id: str, **more: Any) -> dict[str, Any]:
        return {"urn": f"urn:pulumi:s::p::{kind}::x", "type": kind, "id": id, **more}

    def resources(self) -> list[dict[str, Any]]:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def orphans(self) -> list[str]:
        return self.orphaned

    def leftovers(self) -> list[str]:
        return self.left

    def settle(self) -> None:
        self.settled += 1


@pytest.fixture
def fake() -> FakeRehearsal:
    return FakeRehearsal()
