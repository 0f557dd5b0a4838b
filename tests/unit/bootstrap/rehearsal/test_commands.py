"""`colonnade rehearse` without a rehearsal: what it is told, what it tells, how it ends."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from bootstrap.cli import app
from bootstrap.errors import ColonnadeError
from bootstrap.rehearsal import phases, rehearsal
from bootstrap.rehearsal.phases import Phase
from tests.unit.bootstrap.rehearsal.conftest import FakeRehearsal

Invoke = Callable[..., Any]


@pytest.fixture
def invoke(fake: FakeRehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs the command on a rehearsal whose phases end as given; `begun` is what was begun."""
    fake.place = SimpleNamespace(  # type: ignore[assignment]
        root=tmp_path, account=tmp_path / "account", entrance=lambda *_: tmp_path / "entrance"
    )
    fake.stack = SimpleNamespace(environment=dict)  # type: ignore[assignment]
    fake.cluster = SimpleNamespace(name="rehearsal-fake", kubeconfig=Path("/k"))  # type: ignore[attr-defined]
    fake.begun = []  # type: ignore[attr-defined]

    class Begun:
        def __init__(self, *arguments: Any) -> None:
            fake.begun.append(arguments)  # type: ignore[attr-defined]

        def __enter__(self) -> FakeRehearsal:
            return fake

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(rehearsal, "Rehearsal", Begun)

    def run(*arguments: str, ended: tuple[Phase, ...] = (Phase("preview", 1.0),)) -> Any:
        monkeypatch.setattr(phases, "run", lambda *_: list(ended))
        return CliRunner().invoke(app, ["rehearse", "fake", *arguments])

    return run


def test_a_life_without_a_fault_ends_well(invoke: Invoke) -> None:
    done = invoke()
    assert done.exit_code == 0
    assert "Rehearsal of stack fake" in done.stdout
    assert "not rehearsed: admission webhooks" in done.stdout
    assert "kept" not in done.stdout


def test_a_phase_that_failed_is_told_with_its_refusals(invoke: Invoke) -> None:
    failed = Phase("up", 1.0, {}, tuple(f"[no] {number}" for number in range(25)), "a subnet is [wrong]")
    done = invoke(ended=(failed,))
    assert done.exit_code == 1
    assert "failed: up: a subnet is [wrong]" in done.stdout
    assert done.stdout.count("refused: [no]") == 20


def test_machines_read_a_file(invoke: Invoke, tmp_path: Path) -> None:
    invoke("--json", str(tmp_path / "report.json"))
    assert json.loads((tmp_path / "report.json").read_text())["stack"] == "fake"


def test_faults_are_read(invoke: Invoke, fake: FakeRehearsal) -> None:
    invoke("--fault", "throttle:7", "--fault", "crash-after:3:inside", "--keep")
    [(name, _, faults, keep)] = fake.begun  # type: ignore[attr-defined]
    assert (name, keep) == ("fake", True)
    assert (faults.throttle, faults.crash_after, faults.crash_inside) == (7, 3, True)


def test_what_is_kept_is_named_with_how_to_look_and_how_to_remove_it(
    invoke: Invoke, fake: FakeRehearsal, tmp_path: Path
) -> None:
    fake.account = SimpleNamespace(id="123456789012", region="eu-central-1")  # type: ignore[assignment]
    shown = invoke("--keep").stdout
    assert f". {tmp_path / 'entrance'}; pulumi stack --stack fake" in shown
    served = f"python -m bootstrap.rehearsal.aws.kept {tmp_path / 'account'} 123456789012 eu-central-1"
    assert served in shown
    assert f"colonnade cluster down --name rehearsal-fake; rm -r {tmp_path}" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--until", "never"], "--until 'never' is unknown"),
        (["--fault", "earthquake"], "unknown fault 'earthquake'"),
    ],
)
def test_mistakes_are_told_before_anything_begins(
    invoke: Invoke, fake: FakeRehearsal, arguments: list[str], said: str
) -> None:
    done = invoke(*arguments)
    assert isinstance(done.exception, ColonnadeError)
    assert said in str(done.exception)
    assert fake.begun == []  # type: ignore[attr-defined]
