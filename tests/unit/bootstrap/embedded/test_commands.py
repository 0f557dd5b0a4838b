"""`colonnade cluster` about a cluster that is not there."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bootstrap.embedded.cluster import Cluster
from bootstrap.embedded.commands import app


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLONNADE_STATE", str(tmp_path))


def test_status_of_no_cluster_is_one_line() -> None:
    done = CliRunner().invoke(app, ["status", "--name", "absent"])
    assert done.exit_code == 1
    assert done.stdout == ""
    line = "error: cluster absent does not exist; fix: colonnade cluster up --name absent\n"
    assert done.stderr == line


def test_status_of_no_cluster_as_json() -> None:
    done = CliRunner().invoke(app, ["status", "--name", "absent", "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {"name": "absent", "components": [], "healthy": False}


def test_down_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    removed: list[str] = []
    monkeypatch.setattr(Cluster, "down", lambda self, _progress: removed.append(self.name))
    done = CliRunner().invoke(app, ["down", "--name", "absent", "--json"])
    assert json.loads(done.stdout) == {"name": "absent", "removed": True}
    assert removed == ["absent"]
