"""Writes the configuration files of a cluster; a file that would not change is left alone."""

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

from bootstrap.embedded import layout as addresses
from bootstrap.embedded.layout import Layout
from bootstrap.embedded.network import BRIDGE
from bootstrap.embedded.node import cni_binaries
from bootstrap.embedded.pki import CLUSTER_CA, Pki, write
from bootstrap.embedded.templates import render

PLAIN = (
    "kubelet.yaml",
    "kube-proxy.yaml",
    "admission.yaml",
    "encryption.yaml",
    "registry.yaml",
    "resolv.conf",
)
KUBECONFIGS = ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kube-router")


def _update(path: Path, content: str) -> bool:
    if path.exists() and path.read_text() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, content.encode())
    return True


def kubeconfig(layout: Layout, name: str) -> str:
    """Returns a kubeconfig with the identity of the certificate of this name."""
    keys = Pki(layout)
    return render(
        "kubeconfig.yaml",
        full_name=layout.full_name,
        address=layout.address,
        user=f"{layout.full_name}-{name}",
        ca=b64encode(keys.certificate(CLUSTER_CA).read_bytes()).decode(),
        certificate=b64encode(keys.certificate(name).read_bytes()).decode(),
        key=b64encode(keys.key(name).read_bytes()).decode(),
    )


def values(layout: Layout) -> dict[str, object]:
    """Returns what the templates speak of."""
    keys = Pki(layout)
    return {
        "address": layout.address,
        "bridge": BRIDGE,
        "cni_binaries": cni_binaries(),
        "config": layout.config,
        "dns_service": addresses.DNS_SERVICE,
        "domain": layout.domain,
        "full_name": layout.full_name,
        "key": keys.key("encryption").read_text(),
        "node_pods": addresses.NODE_PODS,
        "pki": layout.pki,
        "pod_gateway": addresses.POD_GATEWAY,
        "pods": addresses.PODS,
        "registry": layout.registry,
        "secret": keys.key("registry").read_text(),
        "socket": layout.containerd_socket,
        "state": layout.state,
        "volumes": layout.volumes,
    }


def ensure(layout: Layout) -> None:
    """Writes all files that do not depend on images."""
    filled = values(layout)
    for name in PLAIN:
        _update(layout.config / name, render(name, **filled))
    _update(layout.config / "cni" / "10-pods.conflist", render("cni.conflist", **filled))
    _update(layout.config / "registries" / "_default" / "hosts.toml", render("hosts.toml", **filled))
    for name in KUBECONFIGS:
        _update(layout.config / f"{name}.kubeconfig", kubeconfig(layout, name))
    _update(layout.kubeconfig, kubeconfig(layout, "admin"))


def ensure_images(layout: Layout, images: Mapping[str, str]) -> Path:
    """Writes the files that name images; returns the manifests of the addons."""
    filled = values(layout)
    _update(layout.config / "containerd.toml", render("containerd.toml", pause=images["pause"], **filled))
    addons = layout.config / "addons.yaml"
    _update(addons, render("addons.yaml", images=images, **filled))
    return addons
