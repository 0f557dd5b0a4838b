import sys
from pathlib import Path

import pytest

from bootstrap.errors import ColonnadeError
from bootstrap.toolchain import binary, builder, official
from tests.unit.bootstrap.toolchain.conftest import Workbench


def install(bench: Workbench, folder: Path | None = None) -> Path:
    bench.executable("pulumi-language-python", folder=folder)
    return bench.executable("pulumi", "#!/bin/sh\necho v3.250.0\n", folder)


def test_none_on_path(workbench: Workbench) -> None:
    assert official.find() is None
    assert [tool.name for tool in builder.wanted()] == ["pulumi", "cluster"]
    assert workbench.path.is_dir()


def test_an_official_engine_is_used_and_nothing_of_it_is_built(workbench: Workbench) -> None:
    engine = install(workbench)
    assert official.find() == engine
    assert official.version(engine) == "3.250.0"
    assert binary("pulumi") == engine
    assert binary("pulumi-language-python") == engine.parent / "pulumi-language-python"
    assert [tool.name for tool in builder.wanted()] == ["cluster"]
    assert builder.wanted(["engine"]) == []


def test_an_engine_behind_a_link_is_found_with_its_plugins(workbench: Workbench, tmp_path: Path) -> None:
    engine = install(workbench, tmp_path / "opt" / "pulumi")
    (workbench.path / "pulumi").symlink_to(engine)
    assert official.find() == engine


def test_an_engine_without_a_language_host_is_not_official(workbench: Workbench) -> None:
    workbench.executable("pulumi")
    assert official.find() is None


def test_our_own_engine_is_not_official(
    workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = install(workbench, workbench.cache / "toolchain" / "pulumi" / "0" / "bin")
    (workbench.path / "pulumi").symlink_to(built)
    workbench.executable("pulumi-language-python")
    assert official.find() is None
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    install(workbench, tmp_path / "venv" / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "venv" / "bin"))
    assert official.find() is None


def test_an_engine_that_does_not_run_is_named(workbench: Workbench) -> None:
    broken = workbench.executable("pulumi", "#!/bin/sh\necho no licence >&2\nexit 3\n")
    with pytest.raises(ColonnadeError, match=r"ended with code 3: no licence; fix: reinstall Pulumi"):
        official.version(broken)
    absent = workbench.executable("pulumi", "#!/nowhere\n")
    with pytest.raises(ColonnadeError, match="does not run"):
        official.version(absent)
