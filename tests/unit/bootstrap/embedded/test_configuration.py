from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.embedded import configuration
from bootstrap.embedded.layout import Layout
from bootstrap.embedded.pki import Pki
from bootstrap.embedded.templates import render

IMAGES = {
    "pause": "r/colonnade/pause@sha256:1",
    "coredns": "r/coredns/coredns@sha256:2",
    "busybox": "r/library/busybox@sha256:3",
    "local-path-provisioner": "r/rancher/local-path-provisioner@sha256:4",
}


@pytest.fixture
def configured(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setattr(configuration, "cni_binaries", lambda: Path("/usr/lib/cni"))
    Pki(layout).ensure()
    configuration.ensure(layout)
    return layout


def addons(layout: Layout) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(configuration.ensure_images(layout, IMAGES).read_text()))


def test_second_time_writes_nothing(configured: Layout) -> None:
    configuration.ensure_images(configured, IMAGES)
    before = {path: path.stat().st_ino for path in configured.config.rglob("*")}
    configuration.ensure(configured)
    configuration.ensure_images(configured, IMAGES)
    assert {path: path.stat().st_ino for path in configured.config.rglob("*")} == before


def test_every_yaml_file_can_be_read(configured: Layout) -> None:
    files = list(configured.config.glob("*.yaml")) + list(configured.config.glob("*.kubeconfig"))
    assert len(files) == 10
    for file in files:
        assert yaml.safe_load(file.read_text())["apiVersion"] if file.name != "registry.yaml" else True


def test_files_with_keys_are_private(configured: Layout) -> None:
    files = [path for path in configured.config.rglob("*") if path.is_file()]
    assert {oct(path.stat().st_mode & 0o777) for path in (*files, configured.kubeconfig)} == {"0o600"}


def test_kubeconfig_stands_alone(configured: Layout) -> None:
    config = yaml.safe_load(configured.kubeconfig.read_text())
    assert config["current-context"] == "colonnade-trial"
    assert [context["name"] for context in config["contexts"]] == ["colonnade-trial"]
    cluster = config["clusters"][0]["cluster"]
    assert cluster["server"] == f"https://{configured.address}:6443"
    assert (
        b64decode(cluster["certificate-authority-data"]) == (configured.pki / "cluster-ca.crt").read_bytes()
    )
    assert (
        b64decode(config["users"][0]["user"]["client-key-data"])
        == (configured.pki / "admin.key").read_bytes()
    )


def test_secrets_are_encrypted_with_the_generated_key(configured: Layout) -> None:
    (resource,) = yaml.safe_load((configured.config / "encryption.yaml").read_text())["resources"]
    assert resource["resources"] == ["secrets"]
    # The first provider writes; `identity` may only come after it.
    assert list(resource["providers"][0]) == ["secretbox"]
    assert len(b64decode(resource["providers"][0]["secretbox"]["keys"][0]["secret"])) == 32


def test_unlabelled_namespaces_get_baseline(configured: Layout) -> None:
    (plugin,) = yaml.safe_load((configured.config / "admission.yaml").read_text())["plugins"]
    assert plugin["configuration"]["defaults"]["enforce"] == "baseline"
    assert plugin["configuration"]["exemptions"]["namespaces"] == ["kube-system"]


def test_addons_run_hardened_with_the_images_that_were_built(configured: Layout) -> None:
    deployments = {
        item["metadata"]["name"]: item for item in addons(configured) if item["kind"] == "Deployment"
    }
    assert set(deployments) == {"coredns", "local-path-provisioner"}
    for name, deployment in deployments.items():
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert container["image"] == IMAGES[name]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["resources"]["limits"]["memory"]


def test_storage_class_is_the_default_and_waits(configured: Layout) -> None:
    (storage,) = [item for item in addons(configured) if item["kind"] == "StorageClass"]
    assert storage["metadata"]["name"] == "standard"
    assert storage["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
    assert storage["volumeBindingMode"] == "WaitForFirstConsumer"


def test_volumes_lie_in_the_state_directory(configured: Layout) -> None:
    maps = {
        item["metadata"]["name"]: item["data"] for item in addons(configured) if item["kind"] == "ConfigMap"
    }
    (entry,) = yaml.safe_load(maps["local-path-provisioner"]["config.json"])["nodePathMap"]
    assert entry["paths"] == [str(configured.volumes)]
    helper = yaml.safe_load(maps["local-path-provisioner"]["helperPod.yaml"])
    assert helper["spec"]["containers"][0]["image"] == IMAGES["busybox"]


def test_containerd_asks_one_registry_for_everything(configured: Layout) -> None:
    configuration.ensure_images(configured, IMAGES)
    hosts = (configured.config / "registries" / "_default" / "hosts.toml").read_text()
    assert hosts.count(f'"http://{configured.registry}"') == 2
    assert f'sandbox_image = "{IMAGES["pause"]}"' in (configured.config / "containerd.toml").read_text()


def test_missing_value_is_an_error() -> None:
    with pytest.raises(Exception, match="'registry' is undefined"):
        render("hosts.toml")
