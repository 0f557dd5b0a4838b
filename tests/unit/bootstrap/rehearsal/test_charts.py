from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.errors import ColonnadeError
from bootstrap.rehearsal import charts
from bootstrap.toolchain import archive
from bootstrap.toolchain.manifest import manifest
from components.catalog import Part
from components.kubernetes.chart_archive import check

GO_MOD = """module charts

require (
\texample.com/operator v1.21.1
)
"""


def part(name: str, version: str) -> Part:
    chart = {"name": name, "repository": "https://charts.example.com", "version": version}
    return Part.model_validate(
        {
            "name": name,
            "purpose": "p",
            "version": version,
            "licence": "MIT",
            "source": "https://example.com",
            "replaced_by": "r",
            "chart": chart,
        }
    )


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A toolchain that keeps what a test puts into a directory."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "gateway-api-1.4.0.yaml").write_text("kind: CustomResourceDefinition")

    def module_file(tool: str, name: str) -> Path:
        if not (kept / name).exists():
            raise ColonnadeError(f"{tool} keeps no file {name!r}")
        return kept / name

    monkeypatch.setattr(charts, "module_file", module_file)
    return kept


def given(monkeypatch: pytest.MonkeyPatch, *parts: Part) -> None:
    gateway = charts.catalog.part("gateway-api")
    entries = {entry.name: entry for entry in (gateway, *parts)}
    monkeypatch.setattr(charts.catalog, "PARTS", entries)


def keep(modules: Path, name: str, described: dict[str, Any], **files: str) -> None:
    contents = {f"{name}/Chart.yaml": yaml.safe_dump(described).encode()}
    contents |= {f"{name}/{path}": text.encode() for path, text in files.items()}
    archive.write(contents, modules / f"{name}.tgz")


def contents(directory: Path, name: str) -> dict[str, Any]:
    found = archive.read(directory / name)
    return {path: yaml.safe_load(text) for path, text in found.items()}


def test_chart_of_the_same_version_is_the_real_thing(
    modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, part("agent", "1.0.0"))
    keep(modules, "agent", {"name": "agent", "version": "1.0.0"}, **{"templates/README.md": "{{ nonsense"})
    assert charts.prepare(tmp_path / "charts") == []
    assert set(contents(tmp_path / "charts", "agent-1.0.0.tgz")) == {"agent/Chart.yaml"}
    assert (tmp_path / "charts" / "gateway-api-1.4.0.yaml").is_file()


def test_nearest_version_is_named_and_passes_for_the_catalog_s(
    modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = part("agent", "2.0.0")
    given(monkeypatch, entry)
    away = [{"name": "elsewhere", "version": "1", "repository": "https://charts.example.com"}]
    keep(modules, "agent", {"name": "agent", "version": "1.9.0", "dependencies": away})
    (missing,) = charts.prepare(tmp_path / "charts")
    assert str(missing) == (
        "chart agent 2.0.0: rehearsed with version 1.9.0, the nearest that a module holds"
    )
    assert entry.chart is not None
    check(tmp_path / "charts" / "agent-2.0.0.tgz", entry.chart)
    assert contents(tmp_path / "charts", "agent-2.0.0.tgz")["agent/Chart.yaml"]["dependencies"] == []


def test_version_that_a_release_fills_in_is_the_module_s(
    modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, part("operator", "1.21.1"))
    keep(modules, "operator", {"name": "operator", "version": "v0.0.0", "appVersion": "v0.0.0"})
    (tmp_path / "go.mod").write_text(GO_MOD)
    tool = manifest().tool("charts")
    file = tool.files[0].model_copy(update={"module": "example.com/operator", "to": "files/operator.tgz"})
    stated = tool.model_copy(update={"files": (file,)})
    monkeypatch.setattr(type(tool), "module_directory", property(lambda _: tmp_path))
    monkeypatch.setattr(charts, "manifest", lambda: manifest().model_copy(update={"go": (stated,)}))
    assert charts.prepare(tmp_path / "charts") == []
    described = contents(tmp_path / "charts", "operator-1.21.1.tgz")["operator/Chart.yaml"]
    assert (described["version"], described["appVersion"]) == ("1.21.1", "v1.21.1")


@pytest.mark.parametrize("definitions", [True, False])
def test_chart_that_cannot_be_had_is_named_and_has_a_place(
    definitions: bool, modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = part("agent", "1.0.0")
    given(monkeypatch, entry)
    if definitions:
        (modules / "agent.yaml").write_text("kind: CustomResourceDefinition")
    (missing,) = charts.prepare(tmp_path / "charts")
    rest = "its definitions alone were" if definitions else "nothing of it was"
    assert missing.what == f"its source cannot be had here; {rest} installed"
    assert entry.chart is not None
    check(tmp_path / "charts" / "agent-1.0.0.tgz", entry.chart)
    found = contents(tmp_path / "charts", "agent-1.0.0.tgz")
    assert ("agent/crds/definitions.yaml" in found) is definitions


def test_toolchain_that_is_not_built_is_no_missing_chart(
    modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, part("agent", "1.0.0"))

    def unbuilt(tool: str, name: str) -> Path:
        if tool == "charts":
            raise ColonnadeError("charts is not built")
        return modules / name

    monkeypatch.setattr(charts, "module_file", unbuilt)
    with pytest.raises(ColonnadeError, match="not built"):
        charts.prepare(tmp_path / "charts")
