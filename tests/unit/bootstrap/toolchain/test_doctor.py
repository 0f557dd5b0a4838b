import json
from collections.abc import Callable
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from bootstrap.report.progress import Progress
from bootstrap.toolchain import builder, store
from bootstrap.toolchain.commands import app, doctor
from tests.unit.bootstrap.toolchain.conftest import MANIFEST, Workbench
from tests.unit.bootstrap.toolchain.test_official import install


def run(*arguments: str) -> tuple[int, str]:
    command = typer.Typer()
    command.command()(doctor)
    result = CliRunner().invoke(command, list(arguments))
    return result.exit_code, result.stdout


def report() -> tuple[int, dict[str, dict[str, Any]]]:
    store._go_version.cache_clear()
    code, output = run("--json")
    return code, {row["tool"]: row for row in json.loads(output)}


def build() -> None:
    with Progress("Building") as progress:
        builder.build(builder.wanted(), progress)


@pytest.fixture
def language_host(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the script there that `link` writes."""
    monkeypatch.setattr("sys.prefix", str(workbench.home.parent / "venv"))
    workbench.executable("pulumi-language-python", folder=workbench.home.parent / "venv" / "bin")


@pytest.mark.usefixtures("workbench")
def test_json_names_what_is_missing_and_how_to_fix_it() -> None:
    code, rows = report()
    assert code == 1
    assert list(rows) == ["python", "go", "pulumi", "cluster", "pulumi-language-python", "shell"]
    assert rows["cluster"] == {
        "tool": "cluster",
        "wanted": "1.2.3",
        "found": "missing",
        "source": "Go module, group cluster",
        "fix": "make setup",
        "ok": False,
    }
    assert rows["go"]["found"] == "1.26.8"
    assert rows["go"]["wanted"] == ">=1.26.0"


@pytest.mark.usefixtures("workbench", "language_host")
def test_all_is_well_once_everything_is_built() -> None:
    build()
    code, rows = report()
    assert code == 0
    assert all(row["ok"] and not row["fix"] for row in rows.values())
    assert rows["cluster"]["source"].startswith(str(store.root()))


@pytest.mark.usefixtures("workbench", "language_host")
def test_a_missing_go_matters_only_while_something_is_to_be_built(without_go: Callable[[], None]) -> None:
    without_go()
    code, rows = report()
    assert code == 1
    assert rows["go"]["found"] == "missing"
    assert rows["go"]["fix"].startswith("install Go")
    assert rows["cluster"]["found"] == "missing"


@pytest.mark.usefixtures("workbench", "language_host")
def test_go_may_leave_after_the_build(without_go: Callable[[], None]) -> None:
    build()
    without_go()
    code, rows = report()
    assert code == 0
    assert rows["go"]["found"] == "none; nothing is left to build"


def test_an_old_go_is_named(workbench: Workbench) -> None:
    (workbench.fake / "version").write_text("go1.19.8\n")
    code, rows = report()
    assert code == 1
    assert rows["go"]["found"] == "too old"


def test_a_missing_package_names_its_command(workbench: Workbench) -> None:
    text = MANIFEST.replace('provides = ["sh"]', 'provides = ["sh", "no-such-command", "/no/such/file"]')
    (workbench.home / "toolchain.toml").write_text(text)
    code, rows = report()
    assert code == 1
    assert rows["shell"]["found"] == "missing: no-such-command, /no/such/file"
    assert rows["shell"]["fix"] == "apt-get install shell"


def test_an_official_engine_stands_in_for_ours(workbench: Workbench) -> None:
    engine = install(workbench)
    build()
    code, rows = report()
    assert code == 0
    assert rows["official pulumi"]["found"] == "3.250.0"
    assert rows["official pulumi"]["source"] == str(engine)
    assert rows["pulumi"]["found"] == "not needed"
    assert rows["pulumi-language-python"]["found"] == "not needed"


def test_an_official_engine_that_is_too_old_is_a_fault(workbench: Workbench) -> None:
    engine = install(workbench)
    workbench.executable("pulumi", "#!/bin/sh\necho v3.79.0\n")
    build()
    code, rows = report()
    assert code == 1
    assert rows["official pulumi"]["fix"] == f"update {engine} to 3.200.0 or newer, or take it off PATH"


@pytest.mark.usefixtures("workbench")
def test_without_a_terminal_the_table_is_plain() -> None:
    code, output = run()
    assert code == 1
    lines = output.splitlines()
    assert lines[0].split("\t") == ["tool", "wanted", "found", "where from", "fix"]
    assert "cluster\t1.2.3\tmissing\tGo module, group cluster\tmake setup" in lines
    assert "\x1b" not in output


def test_the_build_command_builds_what_is_named(workbench: Workbench) -> None:
    result = CliRunner().invoke(app, ["build", "--only", "cluster"])
    assert result.exit_code == 0
    assert store.binary("kubelet").is_file()
    assert len(workbench.calls("build")) == 1
