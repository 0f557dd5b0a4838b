"""The catalog's data, and what it means for a stack."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from bootstrap.paths import repository
from components import catalog
from components.catalog import CatalogError, load

MINIMAL = """
tool:
  purpose: a tool
  version: {version}
  licence: MIT
  source: https://example.com
  replaced_by: another
  {more}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "catalog.yaml"
    path.write_text(text)
    return path


def test_each_part_is_a_part_of_its_name() -> None:
    for name, part in catalog.PARTS.items():
        assert part.name == name
        assert part.replaced_by


def test_edge_labels_come_from_the_parts() -> None:
    assert catalog.EDGE_LABELS == ("lakefs", "features", "feature-registry", "mlflow", "s3")


def test_tools_around_the_engine_can_read_it_without_the_engine() -> None:
    code = "import sys, components.catalog; sys.exit('pulumi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_built_from_modules_has_the_catalogs_version() -> None:
    toolchain = tomllib.loads((repository() / "bootstrap/toolchain/toolchain.toml").read_text())
    built = {tool["name"]: tool["version"] for tool in toolchain["go"]}
    shared = sorted(set(built) & set(catalog.PARTS))
    assert len(shared) >= 10
    assert {name: built[name] for name in shared} == {name: catalog.part(name).version for name in shared}


def test_images_that_stand_in_for_upstream_bear_the_catalogs_reference() -> None:
    images = yaml.safe_load((repository() / "bootstrap/images/images.yaml").read_text())
    known = {reference for part in catalog.PARTS.values() for reference in part.all_images}
    stand_ins = {name: image["upstream"] for name, image in images.items() if "upstream" in image}
    assert {name: reference for name, reference in stand_ins.items() if reference not in known} == {}


def test_images_of_our_own_are_parts_or_bases() -> None:
    images = yaml.safe_load((repository() / "bootstrap/images/images.yaml").read_text())
    own = {name for name, image in images.items() if "upstream" not in image and not image.get("internal")}
    # The pause image holds nothing of a third party.
    assert own - {"pause"} == {name for name, part in catalog.PARTS.items() if part.built == "own"}


def test_no_part_binds_whoever_serves_it() -> None:
    for part in catalog.PARTS.values():
        for licence in ("AGPL", "SSPL", "RSAL", "BUSL"):
            assert licence not in part.licence, part.name


def test_an_image_is_the_stacks_or_upstreams() -> None:
    digest = "registry.example.com/colonnade/valkey@sha256:" + "0" * 64
    assert catalog.image("valkey", {"valkey": digest}) == digest
    assert catalog.image("lakefs", {}) == "docker.io/treeverse/lakefs:1.84.0"
    assert catalog.image("lakefs", {"lakefs": digest}) == digest


def test_an_image_that_colonnade_builds_must_be_named() -> None:
    with pytest.raises(CatalogError) as caught:
        catalog.image("valkey", {})
    assert str(caught.value) == (
        "the stack names no image for valkey, which Colonnade builds itself; "
        "fix: run `colonnade images build` and set colonnade:images.valkey to the reference that it prints"
    )
    with pytest.raises(CatalogError, match="gateway-api runs as no image"):
        catalog.image("gateway-api", {})
    with pytest.raises(CatalogError, match="no part 'nonsense'; fix: use one of"):
        catalog.image("nonsense", {})


def test_a_mirror_holds_upstream_images_under_their_own_names() -> None:
    own = {"valkey": "registry.example.com/colonnade/valkey@sha256:" + "0" * 64}
    resolved = catalog.references(own, "mirror.example.com/all/")
    assert resolved["lakefs"] == "mirror.example.com/all/treeverse/lakefs:1.84.0"
    assert resolved["valkey"] == own["valkey"]
    assert catalog.references(own)["lakefs"] == "docker.io/treeverse/lakefs:1.84.0"


def test_a_manifest_comes_from_upstream_or_a_directory(tmp_path: Path) -> None:
    assert catalog.manifest("gateway-api").startswith("https://github.com/kubernetes-sigs/gateway-api/")
    path = tmp_path / f"gateway-api-{catalog.part('gateway-api').version}.yaml"
    with pytest.raises(CatalogError, match=r"gateway-api-.*yaml is missing; fix"):
        catalog.manifest("gateway-api", "directory", tmp_path)
    path.touch()
    assert catalog.manifest("gateway-api", "directory", str(tmp_path)) == str(path)
    with pytest.raises(CatalogError, match="cannot come from source 'mirror'"):
        catalog.manifest("gateway-api", "mirror", "registry.example.com")
    with pytest.raises(CatalogError, match="valkey has no manifest"):
        catalog.manifest("valkey")


@pytest.mark.parametrize(
    ("version", "more", "fault"),
    [
        ("latest", "", "tool.version: .*not an exact version"),
        ("^1.0", "", "tool.version: .*not an exact version"),
        ("1.0", "image: docker.io/tool:latest", "tool.image: .*no exact tag"),
        ("1.0", "image: docker.io/tool", "tool.image: .*(no exact tag|names no registry)"),
        ("1.0", "image: tool:1.0", "tool.image: .*names no registry"),
        ("1.0", "images: [docker.io/tool]", "tool.images: .*(no exact tag|names no registry)"),
        ("1.0", "colour: red", "tool.colour: Extra inputs"),
        ("1.0", "{built: own}", "YAML"),
        ("1.0", "built: own\n  image: docker.io/tool:1.0", "is built by Colonnade"),
        ("1.0", "labels: [Upper]", "tool.labels.0: String should match"),
        (
            "1.0",
            "chart: {name: t, repository: https://e.com, version: 1.x}",
            "tool.chart.version: .*not an exact",
        ),
    ],
)
def test_faulty_data_is_refused_by_path(tmp_path: Path, version: str, more: str, fault: str) -> None:
    with pytest.raises(CatalogError, match=fault):
        load(written(tmp_path, MINIMAL.format(version=f"'{version}'", more=more)))


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(CatalogError) as caught:
        load(written(tmp_path, "a: {version: latest}\nb: text\n"))
    for part in ("a.purpose: Field required", "a.version: ", "b.purpose: Field required"):
        assert part in str(caught.value)


def test_two_parts_cannot_have_one_label(tmp_path: Path) -> None:
    one = MINIMAL.format(version="'1.0'", more="labels: [ui]")
    with pytest.raises(CatalogError, match=r"other.labels: 'ui' is a label of tool already"):
        load(written(tmp_path, one + one.replace("tool:", "other:")))


def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="not a mapping of parts"):
        load(written(tmp_path, "- a\n"))
