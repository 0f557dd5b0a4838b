"""The processes that make a node: containers, services, policies, and the registry they live on."""

import shutil
from pathlib import Path

from bootstrap.embedded.client import Probe
from bootstrap.embedded.layout import SERVICES, Layout
from bootstrap.embedded.pki import Pki
from bootstrap.embedded.processes import Daemon
from bootstrap.errors import ColonnadeError
from bootstrap.toolchain import binary

# Debian's place first, then the one that upstream's packages and other distributions use.
CNI_PLACES = (Path("/usr/lib/cni"), Path("/opt/cni/bin"), Path("/usr/libexec/cni"))


def cni_binaries() -> Path:
    """Returns the directory of the CNI plugins.

    Raises:
        ColonnadeError: They are not installed.
    """
    for place in CNI_PLACES:
        if (place / "bridge").exists():
            return place
    raise ColonnadeError(f"CNI plugins are in none of {', '.join(map(str, CNI_PLACES))}", "make setup")


def registry(layout: Layout) -> Daemon:
    """Returns the OCI registry; every image of every registry's name is fetched from it."""
    config = layout.config / "registry.yaml"
    return Daemon(
        "registry",
        (str(binary("registry")), "serve", str(config)),
        # Else it would try to send traces to a collector on this machine.
        environment={"OTEL_TRACES_EXPORTER": "none"},
        inputs=(config,),
        probe=Probe(5000, "/v2/", None),
    )


def containerd(layout: Layout) -> Daemon:
    """Returns the container runtime; pods outlive its restart."""
    config = layout.config / "containerd.toml"
    program = shutil.which("containerd")
    if program is None:
        raise ColonnadeError("containerd is not installed", "make setup")
    return Daemon(
        "containerd",
        (program, "--config", str(config)),
        inputs=(config,),
        probe=Probe(socket=layout.containerd_socket),
    )


def kubelet(layout: Layout) -> Daemon:
    """Returns the node's agent."""
    config, kubeconfig = layout.config / "kubelet.yaml", layout.config / "kubelet.kubeconfig"
    keys = Pki(layout)
    return Daemon(
        "kubelet",
        (
            str(binary("kubelet")),
            f"--config={config}",
            f"--kubeconfig={kubeconfig}",
            f"--root-dir={layout.state / 'kubelet'}",
            f"--hostname-override={layout.full_name}",
            f"--node-ip={layout.address}",
        ),
        inputs=(config, kubeconfig, keys.certificate("kubelet"), keys.key("kubelet")),
        probe=Probe(10250),
    )


def kube_proxy(layout: Layout) -> Daemon:
    """Returns what makes service addresses work, also those of the edge on the node's address."""
    config, kubeconfig = layout.config / "kube-proxy.yaml", layout.config / "kube-proxy.kubeconfig"
    return Daemon(
        "kube-proxy",
        (str(binary("kube-proxy")), f"--config={config}"),
        inputs=(config, kubeconfig),
        probe=Probe(10256, identity=None),
    )


def kube_router(layout: Layout) -> Daemon:
    """Returns what enforces network policies; it routes nothing."""
    kubeconfig = layout.config / "kube-router.kubeconfig"
    return Daemon(
        "kube-router",
        (
            str(binary("kube-router")),
            "--run-firewall=true",
            "--run-router=false",
            "--run-service-proxy=false",
            f"--kubeconfig={kubeconfig}",
            f"--hostname-override={layout.full_name}",
            f"--service-cluster-ip-range={SERVICES}",
            f"--service-external-ip-range={layout.address}/32",
            "--health-port=20244",
        ),
        inputs=(kubeconfig,),
        probe=Probe(20244, identity=None),
    )
