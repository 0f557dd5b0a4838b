from pathlib import Path

import pytest

from bootstrap.embedded import configuration, control_plane
from bootstrap.embedded.layout import Layout, check_name
from bootstrap.embedded.pki import Pki
from bootstrap.rehearsal.cluster import RehearsedCluster, cluster_name
from bootstrap.rehearsal.cluster import cluster as module
from bootstrap.rehearsal.cluster.cluster import UNANSWERED, kwok


@pytest.mark.parametrize("stack", ["aws-dev", "aws-prod", "on-premises-prod", "a-name-that-is-quite-long"])
def test_name_is_one_that_clusters_may_have(stack: str) -> None:
    assert check_name(cluster_name(stack)).startswith("rehearsal-")


def test_long_names_differ_where_stacks_differ() -> None:
    assert cluster_name("aws-prod") == "rehearsal-aws-prod"
    assert cluster_name("on-premises-prod") != cluster_name("on-premises-production")


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    short = Path("/tmp") / f"r{abs(hash(tmp_path)) % 10**8}"  # noqa: S108
    monkeypatch.setenv("COLONNADE_STATE", str(short))
    for place in (module, control_plane):
        monkeypatch.setattr(place, "binary", lambda name: Path("/bin") / name)
    monkeypatch.setattr(module, "module_file", lambda _, name: Path("/files") / name)
    return Layout("rehearsal-trial")


def test_webhooks_alone_are_off(layout: Layout) -> None:
    plain = set(control_plane.api_server(layout).command)
    rehearsed = set(control_plane.api_server(layout, UNANSWERED).command)
    assert rehearsed - plain == {
        "--disable-admission-plugins=MutatingAdmissionWebhook,ValidatingAdmissionWebhook"
    }
    assert plain - rehearsed == set()


def test_kwok_plays_every_node_by_the_stages_of_its_module(layout: Layout) -> None:
    daemon = kwok(layout)
    assert "--manage-all-nodes=true" in daemon.command
    assert [word for word in daemon.command if word.startswith("--config=")] == [
        "--config=/files/node-initialize.yaml",
        "--config=/files/node-heartbeat.yaml",
        "--config=/files/pods.yaml",
    ]


def test_control_plane_is_configured_without_a_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = Path("/tmp") / f"q{abs(hash(tmp_path)) % 10**8}"  # noqa: S108
    short.symlink_to(tmp_path)
    monkeypatch.setenv("COLONNADE_STATE", str(short))
    monkeypatch.setattr(configuration, "cni_binaries", lambda: pytest.fail("no node, no CNI"))
    try:
        cluster = RehearsedCluster("rehearsal-trial")
        Pki(cluster.layout).ensure()
        configuration.ensure_control_plane(cluster.layout)
        assert {path.name for path in cluster.layout.config.iterdir()} == {
            "admission.yaml",
            "encryption.yaml",
            "kube-controller-manager.kubeconfig",
            "kube-scheduler.kubeconfig",
        }
        assert cluster.endpoint in cluster.kubeconfig.read_text()
        for pem, kind in ((cluster.ca, "CERTIFICATE"), (cluster.certificate, "CERTIFICATE")):
            assert pem.startswith(f"-----BEGIN {kind}-----")
        assert cluster.key.startswith("-----BEGIN PRIVATE KEY-----")
    finally:
        short.unlink()
