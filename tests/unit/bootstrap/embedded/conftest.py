from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.embedded.layout import Layout


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Layout]:
    """A cluster whose state lies in a directory of the test; pytest's own paths are too long for sockets."""
    short = Path("/tmp") / f"c{abs(hash(tmp_path)) % 10**8}"  # noqa: S108
    short.symlink_to(tmp_path)
    monkeypatch.setenv("COLONNADE_STATE", str(short))
    try:
        yield Layout("trial")
    finally:
        short.unlink()
