import os
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.errors import ColonnadeError
from bootstrap.report.progress import Progress
from bootstrap.toolchain import binary, builder, link
from tests.unit.bootstrap.toolchain.conftest import MANIFEST, Workbench
from tests.unit.bootstrap.toolchain.test_official import install


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    path = tmp_path / "venv" / "bin"
    path.mkdir(parents=True)
    (path / "python").symlink_to(sys.executable)
    return path


def build() -> None:
    with Progress("Building") as progress:
        builder.build(builder.wanted(), progress)


@pytest.mark.usefixtures("workbench")
def test_links_the_engine_its_plugins_and_kubectl(venv: Path) -> None:
    build()
    placed = link(venv)
    assert [path.name for path in placed] == ["pulumi", "pulumi-exec", "kubectl", "pulumi-language-python"]
    assert (venv / "kubectl").readlink() == binary("kubectl")
    assert not (venv / "kubelet").exists()
    assert (venv / "pulumi-language-python").stat().st_mode & 0o111


@pytest.mark.usefixtures("workbench")
def test_linking_again_changes_nothing(venv: Path) -> None:
    build()
    link(venv)
    before = {path.name: os.lstat(path).st_ino for path in venv.iterdir()}
    link(venv)
    assert {path.name: os.lstat(path).st_ino for path in venv.iterdir()} == before


def test_a_new_build_moves_the_links(workbench: Workbench, venv: Path) -> None:
    build()
    link(venv)
    old = (venv / "pulumi").readlink()
    (workbench.home / "modules" / "pulumi" / "main.go").write_text("// new\n")
    build()
    link(venv)
    assert (venv / "pulumi").readlink() == binary("pulumi") != old


@pytest.mark.usefixtures("workbench")
def test_what_is_not_built_is_named(venv: Path) -> None:
    with pytest.raises(ColonnadeError, match="pulumi is not built"):
        link(venv)


def test_an_official_engine_replaces_the_links(workbench: Workbench, venv: Path) -> None:
    build()
    link(venv)
    install(workbench)
    assert [path.name for path in link(venv)] == ["kubectl"]
    assert sorted(path.name for path in venv.iterdir()) == ["kubectl", "python"]


def test_a_script_runs_its_module_with_arguments(
    workbench: Workbench, venv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workbench.home / "toolchain.toml").write_text(
        MANIFEST.replace("bootstrap.toolchain.language_host", "plugin_of_a_test")
    )
    (tmp_path / "plugin_of_a_test.py").write_text("import sys\nprint(__name__, sys.argv[1:])\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    build()
    link(venv)
    ran = subprocess.run(
        [venv / "pulumi-language-python", "address"], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "__main__ ['address']\n"
