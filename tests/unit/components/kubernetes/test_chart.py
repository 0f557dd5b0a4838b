"""Charts: what is registered, where they come from, and which archives are refused."""

import asyncio
import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components import catalog
from components.base import ArgsError
from components.kubernetes import chart as module
from components.kubernetes.chart import Chart, ChartArgs, Reference, hide, locate
from components.kubernetes.chart_archive import ChartError, check, hooks

PINNED = catalog.Chart(name="tool", repository="https://charts.example.com", version="1.2.3")
HELM = "kubernetes:helm.sh/v4:Chart"


def archive(folder: Path, files: dict[str, str], name: str = "tool", version: str = "1.2.3") -> Path:
    path = folder / f"tool-{PINNED.version}.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for file, text in {"Chart.yaml": f"name: {name}\nversion: {version}\n", **files}.items():
            info = tarfile.TarInfo(f"tool/{file}")
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return path


def hook(kind: str) -> str:
    return f'metadata:\n  annotations:\n    "helm.sh/hook": {kind}\n'


@pytest.mark.parametrize(
    "args",
    [
        ChartArgs("cloudnative-pg", "operators", {"a": 1}),
        {"part": "cloudnative-pg", "namespace": "operators", "values": {"a": 1.0}},
    ],
)
def test_policies_see_what_is_installed_and_from_where(run_program: Any, args: Any) -> None:
    recorded = run_program(lambda: Chart("cloudnative-pg", args))
    pinned = catalog.part("cloudnative-pg").chart
    assert pinned is not None
    component = recorded.one("colonnade:index:Chart")
    assert component.inputs == {
        "part": "cloudnative-pg",
        "chart": "cloudnative-pg",
        "repository": pinned.repository,
        "version": pinned.version,
        "source": "upstream",
    }
    helm = recorded.one(HELM)
    assert helm.parent == component.urn
    assert helm.inputs["chart"] == "cloudnative-pg"
    assert helm.inputs["version"] == pinned.version
    assert helm.inputs["namespace"] == "operators"
    assert helm.inputs["values"] == {"a": 1}
    assert helm.inputs["repositoryOpts"] == {"repo": pinned.repository}


@pytest.mark.parametrize(
    ("repository", "source", "location", "expected"),
    [
        ("https://charts.example.com", "upstream", None, Reference("tool", "https://charts.example.com")),
        ("oci://example.com/charts", "upstream", None, Reference("oci://example.com/charts/tool", None)),
        (
            "https://x.example.com",
            "mirror",
            "oci://m.example.com/c/",
            Reference("oci://m.example.com/c/tool", None),
        ),
        ("https://x.example.com", "mirror", "m.example.com/c", Reference("oci://m.example.com/c/tool", None)),
        ("https://x.example.com", "directory", "/charts", Reference("/charts/tool-1.2.3.tgz", None)),
    ],
)
def test_the_source_says_where_a_chart_comes_from(
    repository: str, source: str, location: str | None, expected: Reference
) -> None:
    assert locate(PINNED.model_copy(update={"repository": repository}), source, location) == expected


def test_a_source_that_does_not_fit_is_refused(run_program: Any) -> None:
    with pytest.raises(ArgsError, match="'ftp' is unknown"):
        locate(PINNED, "ftp", None)
    with pytest.raises(ArgsError, match="needs a location"):
        locate(PINNED, "mirror", None)
    with pytest.raises(ArgsError, match="no chart for valkey"):
        run_program(lambda: Chart("valkey", ChartArgs("valkey", "data")))


def test_case_8_a_version_that_is_not_exact_cannot_enter_the_catalog() -> None:
    for version in ("", "latest", "^1.2", ">=1.2.3", "1.x"):
        with pytest.raises(ValueError, match="not an exact version"):
            catalog.Chart(name="tool", repository="https://charts.example.com", version=version)


def test_an_archive_that_is_what_the_catalog_pins_is_accepted(tmp_path: Path) -> None:
    path = archive(tmp_path, {"templates/test.yaml": hook("test"), "README.md": hook("pre-install")})
    digest = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    check(path, PINNED.model_copy(update={"digest": digest}))


def test_another_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChartError, match=r"tool-1.2.3.tgz is missing; fix"):
        check(tmp_path / "tool-1.2.3.tgz", PINNED)
    with pytest.raises(ChartError, match=r"is tool 1.2.4, the catalog pins tool 1.2.3"):
        check(archive(tmp_path, {}, version="1.2.4"), PINNED)
    with pytest.raises(ChartError, match="has digest sha256:"):
        check(archive(tmp_path, {}), PINNED.model_copy(update={"digest": "sha256:" + "0" * 64}))
    broken = tmp_path / "broken.tgz"
    broken.write_text("text")
    with pytest.raises(ChartError, match="is no archive"):
        check(broken, PINNED)


def test_a_hook_that_nothing_replaces_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, {"templates/job.yaml": hook("pre-install,pre-upgrade")})
    with pytest.raises(ChartError, match=r"Helm hooks in templates/job.yaml, which never run"):
        check(path, PINNED)
    check(path, PINNED.model_copy(update={"hooks": {"templates/job.yaml": "a ProvisioningJob"}}))


def test_hooks_are_found_however_they_are_written() -> None:
    files = {
        "templates/plain.yaml": "helm.sh/hook: post-install",
        "templates/single.yaml": "'helm.sh/hook': 'pre-delete'",
        "templates/templated.yaml": '"helm.sh/hook": {{ .Values.hook }}',
        "charts/dependency/templates/job.yaml": hook("post-upgrade"),
        "templates/mixed.yaml": hook("test, post-install"),
        "templates/test.yaml": hook('"test-success"'),
        "templates/weight.yaml": '"helm.sh/hook-weight": "1"',
        "values.yaml": hook("post-install"),
    }
    assert hooks(files) == set(files) - {"templates/test.yaml", "templates/weight.yaml", "values.yaml"}


def test_a_chart_from_a_directory_is_checked_before_it_is_installed(
    run_program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "entry", lambda _part: PINNED)
    args = ChartArgs("tool", "operators", source="directory", location=str(tmp_path))
    with pytest.raises(ChartError, match="is missing"):
        run_program(lambda: Chart("tool", args))
    path = archive(tmp_path, {})
    recorded = run_program(lambda: Chart("tool", args))
    assert recorded.one(HELM).inputs["chart"] == str(path)
    assert recorded.one("colonnade:index:Chart").inputs["repository"] == str(tmp_path)


def test_case_5_objects_of_a_chart_with_a_secret_value_are_secret() -> None:
    props = {"kind": "ConfigMap", "metadata": {"name": "a", "labels": {"b": "c"}}, "data": {"d": "e"}}

    async def transformed(value: Any, custom: bool = True) -> Any:
        # Outputs belong to the loop that runs.
        values = {"a": [{"b": pulumi.Output.secret(value) if value == "secret" else value}]}
        args = pulumi.ResourceTransformArgs(custom, "type", "a", props, pulumi.ResourceOptions())
        done = await hide(values)(args)
        if done is None:
            return None
        metadata, data = done.props["metadata"], done.props["data"]
        hidden = [await it.is_secret() for it in (metadata["labels"], data)]
        return done.props["kind"], metadata["name"], hidden, await data.future()

    assert asyncio.run(transformed("plain")) is None
    assert asyncio.run(transformed("secret", custom=False)) is None
    assert asyncio.run(transformed("secret")) == ("ConfigMap", "a", [True, True], {"d": "e"})
