"""Writes the configuration files of a cluster; a file that would not change is left alone."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path

from bootstrap.embedded import layout as addresses
from bootstrap.embedded.layout import Layout
from bootstrap.embedded.network import BRIDGE
from bootstrap.embedded.node import cni_binaries
from bootstrap.embedded.pki import CLUSTER_CA, Pki, write
from bootstrap.embedded.templates import render

# Templates and kubeconfigs of the control plane, and those of the node beside it.
PLAIN = ("admission.yaml", "encryption.yaml")
KUBECONFIGS = ("kube-controller-manager", "kube-scheduler")
NODE_PLAIN = ("kubelet.yaml", "kube-proxy.yaml", "registry.yaml", "resolv.conf")
NODE_KUBECONFIGS = ("kubelet", "kube-proxy", "kube-router")


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
    """Returns what the templates of the control plane speak of."""
    return {"key": Pki(layout).key("encryption").read_text()}


def node_values(layout: Layout) -> dict[str, object]:
    """Returns what the templates of the node speak of."""
    keys = Pki(layout)
    return {
        "address": layout.address,
        "bridge": BRIDGE,
        "cni_binaries": cni_binaries(),
        "config": layout.config,
        "dns_service": addresses.DNS_SERVICE,
        "domain": layout.domain,
        "full_name": layout.full_name,
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


def ensure_control_plane(layout: Layout) -> None:
    """Writes the files of the control plane and the administrator's kubeconfig."""
    _write(layout, PLAIN, values(layout), KUBECONFIGS)
    _update(layout.kubeconfig, kubeconfig(layout, "admin"))


def ensure(layout: Layout) -> None:
    """Writes all files that do not depend on images."""
    ensure_control_plane(layout)
    filled = node_values(layout)
    _write(layout, NODE_PLAIN, filled, NODE_KUBECONFIGS)
    _update(layout.config / "cni" / "10-pods.conflist", render("cni.conflist", **filled))
    _update(layout.config / "registries" / "_default" / "hosts.toml", render("hosts.toml", **filled))


def _write(
    layout: Layout, plain: Sequence[str], filled: Mapping[str, object], kubeconfigs: Sequence[str]
) -> None:
    for name in plain:
        _update(layout.config / name, render(name, **filled))
    for name in kubeconfigs:
        _update(layout.config / f"{name}.kubeconfig", kubeconfig(layout, name))


def ensure_images(layout: Layout, images: Mapping[str, str]) -> Path:
    """Writes the files that name images; returns the manifests of the addons."""
    filled = node_values(layout)
    _update(layout.config / "containerd.toml", render("containerd.toml", pause=images["pause"], **filled))
    addons = layout.config / "addons.yaml"
    _update(addons, render("addons.yaml", images=images, **filled))
    return addons
