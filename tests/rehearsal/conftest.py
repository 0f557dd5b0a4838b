"""Rehearsals through the real engine, each on a cluster of its own."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from bootstrap.rehearsal.rehearsal import Rehearsal
from bootstrap.rehearsal.standin.faults import Faults
from bootstrap.report.progress import Progress

# Where tests run side by side, so do their clusters.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")


@pytest.fixture
def rehearse() -> Iterator[Callable[..., Rehearsal]]:
    """A function that begins the rehearsal of a stack; all end with the test, whatever became of it."""
    with ExitStack() as closing:

        def begin(stack: str, *faults: str, **changes: Any) -> Rehearsal:
            progress = closing.enter_context(Progress(f"Rehearsing stack {stack}"))
            rehearsal = closing.enter_context(
                Rehearsal(stack, progress, Faults.parse(*faults), variant=WORKER)
            )
            document = rehearsal.place.read(stack)
            config = {f"colonnade:{name}": value for name, value in changes.items()}
            rehearsal.place.write(stack, {**document, "config": {**document["config"], **config}})
            return rehearsal

        yield begin
