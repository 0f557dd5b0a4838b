"""Fixtures of the tests of AWS."""

from typing import Any

import pytest

from components.foundation.aws import cluster as module
from tests.unit.components.foundation.aws import eks


@pytest.fixture
def run_cluster(run_program: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Returns the function that builds a cluster whose API server answers."""
    monkeypatch.setattr(module, "reachable", lambda endpoint, *_: endpoint)
    return lambda **changes: run_program(lambda: eks.cluster(**changes), outputs=eks.OUTPUTS, calls=eks.CALLS)
