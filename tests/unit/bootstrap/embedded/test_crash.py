import os
import signal

import pytest

from bootstrap.embedded import crash


@pytest.mark.parametrize("named", [*crash.POINTS, "elsewhere", ""])
def test_only_the_named_point_kills(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *call: killed.append(call))
    monkeypatch.setenv("COLONNADE_CRASH_AT", named)
    for point in crash.POINTS:
        crash.point(point)  # type: ignore[arg-type]
    assert killed == [(os.getpid(), signal.SIGKILL)] * (named in crash.POINTS)
